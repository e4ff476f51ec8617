"""What is said of a trial in a line: which it is, what came out, what held it back."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from collect.cells import CELL

EVIDENCE_WIDTH = 150
"""Characters; all of the evidence is in the entry."""
BETWEEN = "  "
INDENT = 6 * " "
NONE = "–"


def duration(seconds: float) -> str:
    """Return seconds as ``m:ss``, from an hour on as ``h:mm:ss``."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def printable(text: str) -> str:
    """Return a text in one line that cannot reach the terminal's controls."""
    return "".join(character if character.isprintable() else " " for character in text)


def figure(value: float | None, digits: int = 1) -> str:
    """Return a figure, a dash where there is none."""
    return NONE if value is None else f"{value:.{digits}f}"


def title(spec: Mapping[str, Any]) -> str:
    """Return which trial of how many, and of what."""
    cell, kind = spec["cell"], spec.get("kind", CELL)
    width = len(str(spec["total"]))
    text = f"[{spec['ordinal']:>{width}}/{spec['total']}] {cell['variant']:<17} {cell['workload']:<5}"
    if kind != CELL:
        text = f"{text}  {kind}"
    return printable(f"{text}  {cell['generator']} {cell['profile']}")


def finished_line(
    spec: Mapping[str, Any], summary: Mapping[str, Any], *, left_s: float | None = None, columns: int | None = None
) -> str:
    """Return what is said when a trial is on record.

    For a log, which has no ``columns``, one line with the time that the run has left, ``left_s`` in seconds. For a
    terminal, which shows that anyway, as many lines as its width needs, and what held the trial back in lines of its
    own.
    """
    parts = [title(spec), *_figures(summary)]
    if spec.get("intervention"):
        parts.append(printable(f"with {spec['intervention']}"))
    if summary["validity"] != "valid":
        parts.append(printable(f"{summary['validity']}: {'; '.join(summary['reasons'])}"))
    why = verdict(summary)
    if columns is None:
        left = [] if left_s is None else [f"{duration(left_s)} left"]
        return BETWEEN + BETWEEN.join([*parts, *([why] if why else []), *left])
    lines = folded(parts, columns)
    return "\n".join([*lines, *_wrapped(why, columns)] if why else lines)


def verdict(summary: Mapping[str, Any]) -> str:
    """Return what held the trial back and the evidence for it; nothing where none was judged."""
    words = summary.get("limited_by")
    if not words:
        return ""
    evidence = summary.get("limited_by_evidence") or [""]
    sure = (summary.get("limited_by_confidence") or ["?"])[0]
    text = f"{words[0]} ({sure}): {evidence[0]}" + (f"; then {', '.join(words[1:])}" if words[1:] else "")
    short = text if len(text) <= EVIDENCE_WIDTH else f"{text[: EVIDENCE_WIDTH - 1]}…"
    return printable(f"limited by {short}")


def folded(parts: Iterable[str], columns: int) -> list[str]:
    """Return parts side by side, in as many lines as a terminal of so many columns needs.

    A part is broken only where it is longer than a line, and between its words.
    """
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(BETWEEN) + len(part) < columns:
            lines[-1] += BETWEEN + part
        else:
            lines += _wrapped(part, columns, INDENT if lines else BETWEEN)
    return lines


def _figures(summary: Mapping[str, Any]) -> list[str]:
    p50, p95, p99 = (figure(summary[f"latency_{name}_ms"]) for name in ("p50", "p95", "p99"))
    server, client = (figure(summary[f"{side}_cpu_cores"], 2) for side in ("server", "client"))
    return [
        f"{figure(summary['rps']):>8} req/s",
        f"p50 {p50}  p95 {p95}  p99 {p99} ms",
        f"cpu: server {server}  client {client}",
    ]


def _wrapped(text: str, columns: int, indent: str = INDENT) -> list[str]:
    width = max(20, columns - 1)
    if len(indent + text) <= width:
        return [indent + text]
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=INDENT + BETWEEN, break_on_hyphens=False)
