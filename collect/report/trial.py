"""One trial's verdict in full: words with their evidence, what was missing, warnings, conditions, tuning, sockets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from collect.report.sockets import flattened, trial_sockets

if TYPE_CHECKING:
    from collect.report.figures import Row

Line = tuple[str, str, str]


def limits(row: Row, entry: Mapping[str, Any]) -> list[Line]:
    """Return what limited a trial in lines: what, of what, what it says. ``entry`` is the trial's in the manifest."""
    return [
        *_verdict(row, entry),
        *(("missing evidence", "", text) for text in row.get("evidence_missing") or ()),
        *(("warning", "", text) for text in row.get("warnings") or ()),
        *((row["validity"], "", reason) for reason in row["reasons"] or ()),
        *_clients(entry),
        *_conditions(entry),
        *_tuning(entry),
        *_sockets(entry),
    ]


def trial_data(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the manifest knows of a trial's verdict beside its row."""
    return {
        "findings": entry.get("limited_by") or [],
        "conditions": entry.get("conditions") or {},
        "tuning": entry.get("tuning") or {},
        "sockets": trial_sockets(entry),
    }


def _verdict(row: Row, entry: Mapping[str, Any]) -> list[Line]:
    words = list(row.get("limited_by") or ())
    if not words:
        return [("limited by", "not judged", "")]
    confidences = _padded(row.get("limited_by_confidence"), len(words))
    evidence = _padded(row.get("limited_by_evidence"), len(words))
    findings = [finding for finding in entry.get("limited_by") or () if isinstance(finding, Mapping)]
    lines: list[Line] = []
    for place, (word, confidence, text) in enumerate(zip(words, confidences, evidence, strict=True)):
        finding = next((finding for finding in findings if finding["word"] == word), {})
        named = f"{word} of {finding['host']}" if finding.get("host") else word
        sure = f"{named} ({confidence})" if confidence else named
        lines.append(("limited by" if place == 0 else "and by", sure, text))
        more = [str(each.get("text", "")) for each in finding.get("evidence", ())]
        lines += [("", "", sentence) for sentence in more if sentence and sentence not in text]
    return lines


def _clients(entry: Mapping[str, Any]) -> list[Line]:
    """Return the part of each of several clients."""
    parts: Mapping[str, Mapping[str, Any]] = entry.get("clients") or {}
    return [("client", host, _part(part)) for host, part in parts.items()] if len(parts) > 1 else []


def _part(part: Mapping[str, Any]) -> str:
    if not part.get("processes"):
        return "runs nothing of the generator"
    said = [", ".join(part["processes"])]
    if part.get("users") is not None:
        said.append(f"{part['users']} users")
    said.append(f"{part['requests']} requests, {part['failures']} failed")
    if part.get("generator_cpu_cores") is not None:
        of = f" of its {part['cpus']:g}" if part.get("cpus") else ""
        said.append(f"{part['generator_cpu_cores']:.2f} cores{of}")
    if part.get("generator_cpu_ms_each") is not None:
        said.append(f"{part['generator_cpu_ms_each']:.3f} ms of CPU each")
    said.append(f"limited by {', '.join(part['limited_by'])}" if part.get("limited_by") else "with room")
    return "; ".join(said)


def _conditions(entry: Mapping[str, Any]) -> list[Line]:
    lines: list[Line] = []
    for host, held in (entry.get("conditions") or {}).items():
        if not held:
            continue
        before, after = held.get("before") or {}, held.get("after") or {}
        for name, value in (held.get("set") or {}).items():
            text = (
                f"{value} for the trial, {before.get(name, 'not known')} before, {after.get(name, 'not known')} after"
            )
            lines.append(("condition", host, f"{name} {text}"))
        if burn := held.get("burn"):
            span = ", ".join(f"{name} {value}" for name, value in burn.items())
            lines.append(("condition", host, f"a busy loop took CPU: {span}"))
        if quota := held.get("quota"):
            span = ", ".join(f"{name} {value}" for name, value in quota.items())
            lines.append(("condition", host, f"what is measured had part of the CPU only: {span}"))
        if "restored" in held:
            text = "all was put back as it had been" if held["restored"] else "NOT all was put back"
            lines.append(("condition", host, text))
    return lines


def _tuning(entry: Mapping[str, Any]) -> list[Line]:
    lines: list[Line] = []
    for host, held in (entry.get("tuning") or {}).items():
        lines += [("tuned", host, text) for text in _in_force(held.get("in_force") or {})]
        for name, value in (held.get("changed_meanwhile") or {}).items():
            lines.append(("tuned", host, f"/{name} did NOT stay as it was set: {value}"))
        text = "all was put back as it had been" if held.get("restored") else "NOT all was put back"
        lines.append(("tuned", host, text))
    return lines


def _in_force(found: Mapping[str, Any]) -> list[str]:
    """Return what was in force in words, one for each thing that was listed (see collect/tuning/report.py)."""
    words: list[str] = []
    if governor := found.get("governor"):
        words.append(f"governor {governor['set']}, {governor['before']} before")
    if turbo := found.get("turbo"):
        words.append("turbo {set}, {before} before".format(**{key: "on" if on else "off" for key, on in turbo.items()}))
    for name, value in (found.get("sysctls") or {}).items():
        words.append(f"{name} {value['set']}, {value['before']} before")
    if irqs := found.get("irqs"):
        words.append(f"{irqs['moved']} interrupts kept off the measured CPUs, {irqs['left']} could not be moved")
    if smt := found.get("smt"):
        words.append(f"CPUs {smt['offline']} offline")
    return words


def _sockets(entry: Mapping[str, Any]) -> list[Line]:
    sockets = trial_sockets(entry)
    if not sockets:
        return []
    if "missing" in sockets:
        return [("sockets", "server", f"not known: {sockets['missing']}")]
    text = ", ".join(f"{name} {value}" for name, value in flattened(sockets).items())
    return [("sockets", "server", text)]


def _padded(values: Any, count: int) -> list[str]:
    known = [str(value) for value in values or ()][:count]
    return known + [""] * (count - len(known))
