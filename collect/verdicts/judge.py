"""From evidence to words: which resource held a trial back, most binding first.

Each resource says for itself how full it was (collect.verdicts.readings). The order is by how full, with three
exceptions that name the cause rather than what it fills:

- a single process at one core goes before the CPU set that it fills: more cores would not help it;
- ports that ran out go before the client's CPU, which the search for a free port uses up;
- a rate that changed within the window goes before all but the ports: there is no one rate that anything could limit.
  Not so where a resource was used up throughout and its side's own CPU stayed the same: then its host became faster or
  slower, and what limited the rate is still that resource; the change is told after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from collect.archive.validity import DEGRADED, INVALID, unaccounted_share
from collect.verdicts import database, network, ports, processors, steady
from collect.verdicts.ceilings import Ceilings
from collect.verdicts.findings import (
    CLIENT_CPU,
    CLIENT_PORTS,
    CONCURRENCY,
    DATABASE,
    GENERATOR,
    HIGH,
    LOW,
    MEDIUM,
    NETWORK,
    REDIS,
    SERVER_APP,
    SERVER_CPU,
    UNSTEADY,
    Evidence,
    Finding,
)
from collect.verdicts.readings import CEILING, DETAIL, OTHER, OTHER_CEILING, OWN, Reading
from collect.verdicts.thresholds import Thresholds, thresholds
from collect.verdicts.usage import Seconds

if TYPE_CHECKING:
    from collect.archive.raw import RawTrial
    from collect.archive.window import Window

SIDE = {
    SERVER_APP: "server", SERVER_CPU: "server", REDIS: "server", DATABASE: "server", GENERATOR: "client",
    CLIENT_CPU: "client", CLIENT_PORTS: "client", NETWORK: "network",
}  # fmt: skip
FILLS = {SERVER_APP: SERVER_CPU, REDIS: SERVER_CPU, DATABASE: SERVER_CPU, GENERATOR: CLIENT_CPU}
"""A single process, and the CPU set that it fills."""
A_HAIR = 1e-3


def judge(
    raw: RawTrial, window: Window, row: Mapping[str, Any], ceilings: Ceilings, limits: Thresholds | None = None
) -> list[Finding]:
    """Return what held the trial back, most binding first; never nothing. ``row`` is the trial's summary so far."""
    limits = limits or thresholds()
    trial = processors.Trial(raw, Seconds.of(raw, window), row, ceilings, limits)
    readings = [*processors.server(trial), database.read(trial), *processors.clients(trial), network.read(trial)]
    readings.append(ports.read(trial, window, ports.client_ports(trial)))
    readings.append(steady.read(trial, steady.window_rates(raw, window), window.length_s))
    missing = {}
    if not any(sample["host"].get("freq_mhz") for sample in raw.server.samples):
        missing["the CPU's frequency"] = DETAIL
    return findings(readings, row, limits, missing, steady.even_sides(trial))


def findings(
    readings: Sequence[Reading], row: Mapping[str, Any], limits: Thresholds, missing: Mapping[str, str],
    even: Collection[str] = (),
) -> list[Finding]:  # fmt: skip
    """Put what the resources say for themselves in order, with how sure each is.

    ``missing`` concerns all of them; ``even`` are the sides whose own CPU stayed the same where the rate changed.
    """
    by_word = {reading.word: reading for reading in readings}
    rank = _ranks(by_word, limits, even)
    fullest = max((reading.full for word, reading in by_word.items() if word != UNSTEADY), default=0.0)
    nothing = limits.words[CONCURRENCY]
    named = [word for word in rank if by_word[word].full >= limits.rules["named_from"]]
    if fullest < nothing.full:
        by_word[CONCURRENCY] = _concurrency(row, by_word, nothing.near)
        rank[CONCURRENCY] = nothing.near
        named.append(CONCURRENCY)
    named.sort(key=lambda word: -rank[word])
    return [_finding(by_word[word], by_word, row, limits, missing) for word in named]


def _ranks(by_word: Mapping[str, Reading], limits: Thresholds, even: Collection[str]) -> dict[str, float]:
    """Return what the words are ordered by; it never falls when a resource of the word's own is fuller."""
    full = {word: reading.full for word, reading in by_word.items()}
    rank = dict(full)
    for process, whole in FILLS.items():
        if full.get(process, 0.0) >= limits.rules["before_its_set_from"]:
            rank[process] = max(full[process], full.get(whole, 0.0) + A_HAIR * full[process])
    if full.get(CLIENT_PORTS, 0.0) >= limits.rules["named_from"]:
        rank[CLIENT_PORTS] = 4 + full[CLIENT_PORTS]
    if full.get(UNSTEADY, 0.0) >= limits.rules["named_from"]:
        first = max((word for word in rank if word != UNSTEADY), key=lambda word: rank[word], default=UNSTEADY)
        throughout = SIDE.get(first) in even and full[first] >= limits.rules["unsteady_after_from"]
        rank[UNSTEADY] = rank[first] - A_HAIR if throughout else 3 + full[UNSTEADY]
    return rank


def _use(each: Evidence) -> float:
    """Return a use as a share of its ceiling; 0 where it has none."""
    return each.value / each.ceiling if each.ceiling else 0.0


def _concurrency(row: Mapping[str, Any], by_word: Mapping[str, Reading], full: float) -> Reading:
    """Return the reading of a trial in which nothing is used up: its users wait, and for what is not seen."""
    users, latency = float(row["users"]), row.get("latency_mean_ms")
    text = f"{users:.0f} users"
    if latency:
        text = (
            f"{users:.0f} users / {latency:.2f} ms = {users / latency * 1000:.0f}/s; {row['rps']:.0f}/s were measured"
        )
    shown = [Evidence("users", users, users, "users", None, text)]
    most = max(
        (reading for reading in by_word.values() if reading.evidence and reading.word != UNSTEADY),
        key=lambda reading: max(_use(each) for each in reading.evidence),
        default=None,
    )
    if most is not None:
        shown.append(max(most.evidence, key=_use))
    shown += database.disk_waits(row)
    unseen = {text: kind for reading in by_word.values() for text, kind in reading.missing.items()}
    return Reading(CONCURRENCY, full, tuple(shown), unseen)


def _finding(
    reading: Reading, by_word: Mapping[str, Reading], row: Mapping[str, Any], limits: Thresholds,
    missing: Mapping[str, str],
) -> Finding:  # fmt: skip
    gaps = {**missing, **reading.missing}
    side = SIDE.get(reading.word)
    for other in by_word.values():
        for text, kind in other.missing.items():
            if reading.word != CONCURRENCY and kind == CEILING:
                kind = OTHER_CEILING
            gaps.setdefault(text, OTHER if kind == OWN and SIDE.get(other.word) != side else kind)
    share = reading.share
    if reading.word == CONCURRENCY:
        share = 1 - max((r.share for w, r in by_word.items() if w not in (CONCURRENCY, UNSTEADY)), default=0.0)
    sure = confidence(reading, by_word, row, limits, gaps.values())
    return Finding(reading.word, sure, share, reading.evidence, tuple(gaps), reading.host)


def confidence(
    reading: Reading, by_word: Mapping[str, Reading], row: Mapping[str, Any], limits: Thresholds, gaps: Iterable[str]
) -> str:
    """Return how sure a word is: less so the less full its resource, the closer another cause, the more is missing."""
    rules = limits.rules
    sure = 1.0
    closest = max((_closeness(reading, other, rules) for other in by_word.values()), default=0.0)
    sure -= rules["unsure_when_close"] * closest
    if reading.word != CONCURRENCY:
        sure -= rules["unsure_when_not_full"] * (1 - min(1.0, reading.full))
    weights = {
        OWN: rules["unsure_without_own"],
        OTHER: rules["unsure_without_other"],
        CEILING: rules["unsure_without_ceiling"],
        OTHER_CEILING: rules["unsure_without_others_ceiling"],
        DETAIL: rules["unsure_without_detail"],
    }
    sure -= sum(weights[kind] for kind in gaps)
    sure -= rules["unsure_per_foreign_share"] * _foreign_share(row)
    sure -= {INVALID: rules["unsure_when_invalid"], DEGRADED: rules["unsure_when_degraded"]}.get(row["validity"], 0.0)
    return HIGH if sure >= rules["confidence_high"] else MEDIUM if sure >= rules["confidence_medium"] else LOW


def _foreign_share(row: Mapping[str, Any]) -> float:
    """Return the larger share of a side's CPU set that went to others than its host and the control node."""
    known = [share for side in ("server", "client") if (share := unaccounted_share(row, side)) is not None]
    return _clipped(max(known, default=0.0))


def _closeness(reading: Reading, other: Reading, rules: Mapping[str, float]) -> float:
    """Return 1 where another cause is as full as this one, 0 where it is far from it."""
    if reading.word == UNSTEADY:
        # Beside a resource that is full, the change may be its host's speed alone.
        return 0.0 if other.word == CONCURRENCY else _clipped(other.full)
    if other.word in (reading.word, UNSTEADY):
        return 0.0
    if reading.word == CONCURRENCY:
        return _clipped(1 - (reading.full - other.full) / rules["close"])
    if other.word == CONCURRENCY or reading.word == CLIENT_PORTS:
        return 0.0
    if FILLS.get(reading.word) == other.word or FILLS.get(other.word) == reading.word:
        # Of a process and the set that it fills, what decides is how near the process is to going first.
        process = reading if reading.word in FILLS else other
        return _clipped(1 - abs(process.full - rules["before_its_set_from"]) / rules["close"])
    return _clipped(1 - (reading.full - other.full) / rules["close"])


def _clipped(value: float) -> float:
    return min(1.0, max(0.0, value))
