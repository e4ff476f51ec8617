"""One cell over all runs that measured it under the same conditions, and where its level changed."""

from __future__ import annotations

import bisect
import itertools
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from collect.archive.index import Index
from collect.archive.store import Archive, run_names
from collect.compare.heads import Head
from collect.compare.metadata import Difference, differences, traits
from collect.compare.packages import spelled_out
from collect.compare.recorded import Recorded
from collect.compare.series import Outcome, by_run, logs
from collect.documents import nearest
from collect.errors import BenchError
from collect.paths import shown
from collect.statistics.change_points import Change, change_points
from collect.statistics.intervals import t_interval

AUTOCORRELATION_FROM = 10
"""Points from which on it is looked at whether neighbours are alike."""
MORE = 4
"""Times as many runs are looked at where those did not have the cell often enough."""
MOST_RUNS = 300
"""The newest runs that are looked at unless told otherwise: a night's run each for most of a year."""


@dataclass(frozen=True)
class Point:
    """A run's figure: the geometric mean over its blocks, with the t interval where there are three or more."""

    run_id: str
    created_at: str
    commit: str | None
    code: str
    """The commit in short, with a + where there were changes."""
    value: float
    low: float | None
    high: float | None
    blocks: int
    level: float
    """Geometric mean of the runs between the changes before and after it."""


@dataclass(frozen=True)
class Turn:
    """A lasting change of the level."""

    run_id: str
    """The first run after it, with its begin and commit."""
    created_at: str
    commit: str | None
    code: str
    before: str
    """The last run before it, and its commit."""
    before_commit: str | None
    before_code: str
    ratio: float
    """Level after it over level before it."""
    low: float
    high: float
    p: float
    """Corrected for the number of changes."""
    verdict: str
    """The outcome's word: faster or slower, dearer or cheaper."""


@dataclass(frozen=True)
class LeftOut:
    """A run that has the cell and is no point of the series."""

    run_id: str
    differs: Sequence[Difference]
    why: str | None
    """Why, where it is not that its metadata differ."""


@dataclass(frozen=True)
class Trend:
    """A cell over its runs."""

    cell: str
    by: Outcome
    points: Sequence[Point]
    turns: Sequence[Turn]
    left_out: Sequence[LeftOut]
    autocorrelation: float | None
    """How alike neighbours are beyond their levels (autocorrelation at lag 1); None with few points."""
    older: int = 0
    """How many older runs, with the cell or without, are left out."""

    @property
    def drifts(self) -> bool:
        """Say whether neighbours are so alike that a change may be a drift of the machine (Anderson's bounds)."""
        return self.autocorrelation is not None and self.autocorrelation > 1.96 / math.sqrt(len(self.points))

    def worse_since(self, moment: datetime | None) -> bool:
        """Say whether the last change is bad news, and newer than a moment where one is given."""
        if not self.turns or self.turns[-1].verdict != self.by.worse:
            return False
        return moment is None or _moment(self.turns[-1].created_at) > moment


def trend(
    archive: Archive,
    cell: str,
    by: Outcome,
    despite: Iterable[str] = (),
    *,
    index: Index | None = None,
    most: int | None = MOST_RUNS,
) -> tuple[Trend, list[BenchError]]:
    """Return a cell over its runs, and why runs cannot be read; BenchError, with the nearest name, for an unknown cell.

    The newest run that has the cell says under which conditions all others must have been. Of the runs that have it the
    newest ``most`` are looked at, all for None.
    """
    recorded, chosen, older = _newest(archive, cell, index or Index(archive), most)
    if not chosen:
        raise BenchError(f'no run has a cell "{cell}"', shown(archive.path), nearest(cell, recorded.cells()))
    having = [recorded.head(run_id) for run_id in chosen]
    apart = _apart(having, cell, frozenset(despite))
    rows, broken = by_run(recorded, [head for head in having if not apart[head.run_id]], [cell])
    series: list[tuple[Head, list[float]]] = []
    left_out: list[LeftOut] = []
    for head in having:
        if apart[head.run_id]:
            left_out.append(LeftOut(head.run_id, spelled_out(apart[head.run_id], head, having[-1]), None))
        elif head.run_id in rows:
            if values := logs(rows[head.run_id][cell], by):
                series.append((head, values))
            else:
                left_out.append(LeftOut(head.run_id, [], "it has no usable trial of the cell with a figure above 0"))
    return _trend(cell, by, series, left_out, older), recorded.refused + broken


def _newest(archive: Archive, cell: str, index: Index, most: int | None) -> tuple[Recorded, list[str], int]:
    """Return the newest ``most`` runs that have a cell (all for None), the oldest first; and how many may be older.

    So many runs are looked at from the newest on as it takes: files of thousands on a cold disk take most of a second.
    """
    names = run_names(archive.path)
    newest = most
    while True:
        recorded = Recorded(archive, index, newest=newest)
        ids = recorded.having([cell])
        if newest is None or most is None or newest >= len(names):
            chosen = ids[-most:] if most else ids
            return recorded, chosen, bisect.bisect_left(names, chosen[0]) if len(chosen) < len(ids) else 0
        if len(ids) >= most:
            return recorded, ids[-most:], bisect.bisect_left(names, ids[-most])
        newest *= MORE


def _apart(heads: Sequence[Head], cell: str, allowed: frozenset[str]) -> dict[str, list[Difference]]:
    """Return by run what differs of its cell from the last run's; worked out once for runs that share all of it."""
    wanted = traits(heads[-1], heads[-1].cells[cell])
    known: dict[tuple[Any, ...], list[Difference]] = {}
    found = {}
    for head in heads:
        # The objects are those of the heads, so none of them goes, and gives its id to another, before this ends.
        alike = (*map(id, (head.plan, head.catalog, head.locks, head.hosts)), head.server, head.clients)
        if alike not in known:
            known[alike] = differences(traits(head, head.cells[cell]), wanted, allowed)
        found[head.run_id] = known[alike]
    return found


def since(archive: Archive, text: str | None) -> datetime | None:
    """Return the moment that is meant by a date, a moment (ISO 8601, UTC unless it says) or a run; None for None.

    BenchError when it is neither.
    """
    if text is None:
        return None
    try:
        return _moment(text)
    except ValueError:
        pass
    try:
        return _moment(archive.manifest(archive.resolve(text))["created_at"])
    except BenchError as error:
        remedy = "give one such as 2026-11-26, 2026-11-26T14:00 or a run's id"
        raise BenchError(f'"{text}" is no date, no moment and no run', "--since", remedy) from error


def _trend(
    cell: str, by: Outcome, series: Sequence[tuple[Head, list[float]]], left_out: Sequence[LeftOut], older: int
) -> Trend:
    means = [statistics.fmean(values) for _, values in series]
    changes = change_points(means)
    edges = [0, *(change.at for change in changes), len(means)]
    levels = [
        level
        for begin, end in itertools.pairwise(edges)
        if end > begin
        for level in [statistics.fmean(means[begin:end])] * (end - begin)
    ]
    points = [_point(head, values, level) for (head, values), level in zip(series, levels, strict=True)]
    rest = [mean - level for mean, level in zip(means, levels, strict=True)]
    autocorrelation = _autocorrelation(rest, len(changes) + 1)
    return Trend(cell, by, points, [_turn(change, points, by) for change in changes], left_out, autocorrelation, older)


def _point(head: Head, values: list[float], level: float) -> Point:
    low, high = t_interval(values)
    return Point(
        head.run_id, head.created_at, head.commit, head.code,
        math.exp(statistics.fmean(values)),
        None if low is None else math.exp(low),
        None if high is None else math.exp(high),
        len(values),
        math.exp(level),
    )  # fmt: skip


def _turn(change: Change, points: Sequence[Point], by: Outcome) -> Turn:
    first, last = points[change.at], points[change.at - 1]
    return Turn(
        first.run_id, first.created_at, first.commit, first.code,
        last.run_id, last.commit, last.code,
        math.exp(change.difference), math.exp(change.low), math.exp(change.high), change.p_holm,
        by.rising if change.difference > 0 else by.falling,
    )  # fmt: skip


def _autocorrelation(rest: Sequence[float], levels: int) -> float | None:
    """Return the autocorrelation at lag 1 of what the levels leave; each level that was taken off makes it less."""
    total = math.fsum(value**2 for value in rest)
    if len(rest) < AUTOCORRELATION_FROM or total == 0:
        return None
    return math.fsum(a * b for a, b in itertools.pairwise(rest)) / total + levels / len(rest)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
