"""Where does async win? The ratio over users and the delay of Redis, and beside it what Little's law allows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collect.designs.estimates import LogEstimate, moderated_over_blocks
from collect.designs.little import Bound, bound
from collect.report.figures import CellFigures, RatioFigures, RunFigures, usable
from collect.report.verdicts import PLAIN
from collect.report.words import counted
from collect.verdicts.findings import CONCURRENCY, SERVER_SIDE, UNSTEADY

MIN_DELAYS = 2
"""With fewer there is no map."""
POOL = "pool"
WAITS = {POOL: 1, "new": 2}
"""Answers of Redis that a request waits for, by the app's client, where nobody counts them: a new connection begins
with AUTH; netem, which counts nothing, holds up the answer to its SYN as well."""
NETEM, HANDSHAKE = "netem", 1


@dataclass(frozen=True)
class Side:
    """One of the two cells at a place of the map."""

    cell: CellFigures
    bound: Bound
    rps: float | None
    failed_share: float
    """Share of its requests that failed."""
    word: str | None
    """What limited most of its trials, but for an unsteady rate: a loop that serves many users answers in bursts."""

    @property
    def taken_share(self) -> float | None:
        """What was measured, as a share of what is allowed."""
        allowed = self.bound.allowed_rps
        return self.rps / allowed if self.rps is not None and allowed else None

    @property
    def doubt(self) -> str | None:
        """Why the rate is not the server's own; that few are under way at once is what the map is about."""
        if self.rps is None:
            return "no valid trial"
        if self.word is None or self.cell.verdict.refuted:
            return "it is not known what limited it"
        if self.word in (*SERVER_SIDE, CONCURRENCY):
            return None
        return f"limited by {PLAIN.get(self.word, self.word)}"


@dataclass(frozen=True)
class Place:
    """One place of a map: so many users, so long a delay."""

    users: int
    delay_ms: float
    ratio: LogEstimate | None
    """Async over sync, its interval by the spread of all places, its ``p_holm`` for all of them; None without a block
    that holds both."""
    top: Side
    bottom: Side

    @property
    def allowed_ratio(self) -> float | None:
        """The ratio of what both sides are allowed."""
        top, bottom = (side.bound.allowed_rps for side in (self.top, self.bottom))
        return top / bottom if top and bottom else None

    @property
    def doubts(self) -> list[str]:
        """Why the ratio is not the servers' own, the lower side first."""
        return [f"{side.cell.variant}: {side.doubt}" for side in (self.bottom, self.top) if side.doubt]

    @property
    def wins(self) -> str:
        """Which side is faster beyond chance: async, sync, unknown; in doubt: the ratio is not the servers' own."""
        if self.doubts or self.ratio is None:
            return "in doubt"
        if not self.ratio.known:
            return "unknown"
        return "async" if self.ratio.log > 0 else "sync"


@dataclass(frozen=True)
class Map:
    """All places that two variants have been measured at."""

    client: str
    top: str
    bottom: str
    places: tuple[Place, ...]

    @property
    def users(self) -> list[int]:
        """The numbers of users, ascending."""
        return sorted({place.users for place in self.places})

    @property
    def delays_ms(self) -> list[float]:
        """The delays, ascending."""
        return sorted({place.delay_ms for place in self.places})

    def at(self, users: int, delay_ms: float) -> Place | None:
        """Return a place; None where it was not measured."""
        return next((each for each in self.places if (each.users, each.delay_ms) == (users, delay_ms)), None)


def maps(figures: RunFigures) -> list[Map]:
    """Return the maps of a run: pairs of an async and a sync variant with the same client, over users and delays.

    Empty for a run with fewer than two delays.
    """
    return figures.once(_maps)


def _maps(figures: RunFigures) -> list[Map]:
    pairs = [ratio for ratio in figures.ratios if _client(figures, ratio) and _delay_ms(figures, ratio.top) is not None]
    if len({_delay_ms(figures, ratio.top) for ratio in pairs}) < MIN_DELAYS:
        return []
    places = [
        Place(ratio.top.users, _delay_ms(figures, ratio.top) or 0.0, estimate, *_sides(figures, ratio))
        for ratio, estimate in zip(pairs, _estimates(figures, pairs), strict=True)
    ]
    found: dict[tuple[str, str, str], list[Place]] = {}
    for ratio, place in zip(pairs, places, strict=True):
        key = (_client(figures, ratio) or "", ratio.top.variant, ratio.bottom.variant)
        found.setdefault(key, []).append(place)
    return [
        Map(client, top, bottom, tuple(sorted(mine, key=lambda place: (place.delay_ms, place.users))))
        for (client, top, bottom), mine in found.items()
    ]


def _client(figures: RunFigures, ratio: RatioFigures) -> str | None:
    """Return the way in which both sides reach Redis; None where it is not the same."""
    clients = {str(figures.catalog.variants[cell.variant]["client"]) for cell in (ratio.top, ratio.bottom)}
    return clients.pop() if len(clients) == 1 else None


def _delay_ms(figures: RunFigures, cell: CellFigures) -> float | None:
    delay = figures.catalog.workloads[cell.workload].get("redis_delay_ms")
    return None if delay is None else float(delay)


def _estimates(figures: RunFigures, pairs: Sequence[RatioFigures]) -> list[LogEstimate | None]:
    """Return each pair's ratio from paired blocks, corrected for how many there are.

    Each has few blocks, so their spread is told from all pairs together, depending on how busy the server's CPU was:
    what waits for a delay repeats to the per cent, what waits for a CPU does not.
    """
    logs = {index: values for index, ratio in enumerate(pairs) if (values := _log_ratios(figures, ratio))}
    made = moderated_over_blocks(list(logs.values()), [_busy(pairs[index]) for index in logs])
    corrected = dict(zip(logs, made, strict=True))
    return [corrected.get(index) for index in range(len(pairs))]


def _log_ratios(figures: RunFigures, ratio: RatioFigures) -> list[float]:
    """Return the log ratio of each block that holds both sides."""
    top, bottom = (figures.rates_of(cell) for cell in (ratio.top, ratio.bottom))
    return [math.log(top[block] / bottom[block]) for block in sorted(top.keys() & bottom.keys())]


def _busy(ratio: RatioFigures) -> float:
    """Return the share of the server's CPU set in use, the mean of both sides; what is not known counts as full."""
    return sum(_use(cell) for cell in (ratio.top, ratio.bottom)) / 2


def _use(cell: CellFigures) -> float:
    used, cpus = cell.means.get("server_cpu_cores"), cell.means.get("server_cpus")
    return min(1.0, used / cpus) if used is not None and cpus else 1.0


def _sides(figures: RunFigures, ratio: RatioFigures) -> Iterator[Side]:
    for cell in (ratio.top, ratio.bottom):
        variant = figures.catalog.variants[cell.variant]
        bounded = bound(
            variant,
            cell.users,
            wait_s=_waits(figures, cell, str(variant["client"])),
            cpu_s=_cpu_s(figures, cell),
            cpus=cell.means.get("server_cpus") or 0.0,
        )
        failed = cell.failures / cell.requests if cell.requests else 0.0
        yield Side(cell, bounded, cell.rps.value if cell.rps else None, failed, _word(figures, cell))


def _word(figures: RunFigures, cell: CellFigures) -> str | None:
    words = [row["limited_by"] for row in usable(figures.trials_of(cell)) if row.get("limited_by")]
    first = Counter(next((word for word in each if word != UNSTEADY), UNSTEADY) for each in words)
    return first.most_common(1)[0][0] if first else None


def _waits(figures: RunFigures, cell: CellFigures, client: str) -> float:
    """Return how long a request waits for answers that are held up, in seconds: as measured, else as asked for."""
    asked_ms = _delay_ms(figures, cell) or 0.0
    held_ms = cell.means.get("redis_delay_p50_ms")
    waits = cell.means.get("redis_waits")
    if waits is None:
        waits = WAITS.get(client, 1) + (HANDSHAKE if client != POOL and _held_by(figures) == NETEM else 0)
    return waits * (asked_ms if held_ms is None else held_ms) / 1000


def _held_by(figures: RunFigures) -> str | None:
    relay: Mapping[str, Any] = (figures.manifest.get("ceilings") or {}).get("relay") or {}
    return relay.get("by")


def _cpu_s(figures: RunFigures, cell: CellFigures) -> float | None:
    """Return what a request takes of the server's CPU: of the same variant and users, where the delay is least."""
    same = [
        (delay_ms, other)
        for other in figures.cells
        if (other.variant, other.users, other.generator, other.profile)
        == (cell.variant, cell.users, cell.generator, cell.profile)
        and (delay_ms := _delay_ms(figures, other)) is not None
    ]
    _, least = min(same, key=lambda each: each[0])
    used = least.means.get("server_cpu_cores")
    return used / least.rps.value if used and least.rps and least.rps.value else None


def map_headline(figures: RunFigures) -> str | None:
    """Return in one sentence which side is faster how often, and by how much; None for a run that is no map."""
    found = _faster(figures)
    if not any(found.values()):
        return None
    places = sum(map(len, found.values()))
    first, second = sorted(("async", "sync"), key=lambda side: -len(found[side]))
    rest = f"{second} at {_count(found[second])}{_by(found[second])}"
    if not found[first]:
        return f"Neither async nor sync is known to be faster at any of {places} places of users and delay of Redis."
    return (
        f"{first.capitalize()} is faster at {len(found[first])} of {places} places of users and delay of Redis"
        f"{_by(found[first])}; {rest}."
    )


def map_lead(figures: RunFigures) -> str:
    """Return what goes with the headline: what limited both where they differ most, and what is not known."""
    found = _faster(figures)
    blocks = min((place.ratio.blocks for each in found.values() for _, place in each if place.ratio), default=0)
    said = []
    for side in ("async", "sync"):
        if most := _largest(found[side]):
            each, place = most
            said.append(f"Where {side} is so by most, client {each.client}, {_limits(each, place)}.")
    told = [f"at {len(found['unknown'])} they cannot be told apart"] * bool(found["unknown"])
    told += [f"at {len(found['in doubt'])} the ratio is not known to be the servers' own"] * bool(found["in doubt"])
    return " ".join([*said, f"In {counted(blocks, 'block')}; {' and '.join(told)}." if told else ""]).strip()


def _faster(figures: RunFigures) -> dict[str, list[tuple[Map, Place]]]:
    """Return all places of all maps by what is known of them."""
    found: dict[str, list[tuple[Map, Place]]] = {name: [] for name in ("async", "sync", "unknown", "in doubt")}
    for each in maps(figures):
        for place in each.places:
            found[place.wins].append((each, place))
    return found


def _count(places: Sequence[tuple[Map, Place]]) -> str:
    return f"{len(places)}" if places else "none"


def _largest(places: Sequence[tuple[Map, Place]]) -> tuple[Map, Place] | None:
    return max(places, key=lambda each: abs(each[1].ratio.log) if each[1].ratio else 0.0, default=None)


def _by(places: Sequence[tuple[Map, Place]]) -> str:
    """Return by how much at most one side is faster, with interval, and where that is."""
    most = _largest(places)
    if most is None or most[1].ratio is None:
        return ""
    place, ratio = most[1], most[1].ratio
    ends = [math.exp(abs(log)) for log in (ratio.low_log, ratio.high_log) if log is not None]
    sure = f" ({min(ends):.1f} to {max(ends):.1f})" if ends else ""
    where = f"{counted(place.users, 'user')} and {place.delay_ms:g} ms"
    return f", by up to {math.exp(abs(ratio.log)):.1f} times{sure} with {where}"


def _limits(each: Map, place: Place) -> str:
    limits = [PLAIN.get(side.word or "", "something not known") for side in (place.bottom, place.top)]
    if limits[0] == limits[1]:
        return f"{limits[0]} limited both"
    return f"{limits[0]} limited {each.bottom}, {limits[1]} {each.top}"
