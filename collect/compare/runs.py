"""Two runs, cell by cell: ratio with interval, and whether it is a difference, none that matters, or not known."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collect.archive.index import Index
from collect.archive.store import Archive
from collect.compare.heads import Head, head_of
from collect.compare.metadata import Difference, Traits, differences, in_words, table, traits
from collect.compare.packages import spelled_out
from collect.compare.recorded import Recorded
from collect.compare.repeats import MOST_RUNS, repeated_runs, run_effects
from collect.compare.series import OUTCOMES, Outcome, cell_rows, logs
from collect.errors import BenchError
from collect.report.manifest import cells_of
from collect.statistics.blocks import MIN_BLOCKS, positive_by_block
from collect.statistics.multiplicity import holm
from collect.statistics.unpaired import LogRatio, RunEffect, Spread, spreads, unpaired_ratio

ALPHA = 0.05
MARGIN = 0.05
SAME, UNKNOWN = "same", "unknown"

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


class UnlikeError(BenchError):
    """Two runs of which no cell can be compared unless more may differ."""

    def __init__(self, what: str, where: str, names: Sequence[str]) -> None:
        """Take what is wrong, with which runs, and the ``names`` of what would have to be allowed to differ."""
        super().__init__(
            what, where, f"compare runs under the same conditions, or allow it: --despite {','.join(names)}"
        )
        self.names = names


@dataclass(frozen=True)
class Compared:
    """One figure of a cell in both runs; None where it cannot be told."""

    first: float | None
    """Geometric mean over the blocks."""
    second: float | None
    blocks: tuple[int, int]
    ratio: float | None
    """Second over first."""
    low: float | None
    """Bounds that hold for all cells at once with 95 %."""
    high: float | None
    low_alone: float | None
    """Bounds that hold for this cell with 95 %."""
    high_alone: float | None
    p_different: float | None
    """Corrected for the number of cells, as p_same is: small where the ratio is not 1."""
    p_same: float | None
    """Small where the ratio is within the margin."""
    undone_by: float | None
    """The deviation between runs (of the log) from which on this cell's own interval would hold 1; 0: it does."""
    verdict: str


@dataclass(frozen=True)
class CellComparison:
    """A cell in two runs."""

    cell: str
    limited_by: tuple[str | None, str | None]
    """What held it back in each run."""
    figures: Mapping[str, Compared]
    """By outcome."""
    verdict: str
    """That of the outcome that was asked for."""
    why: str | None
    """Why it is not known."""


@dataclass(frozen=True)
class Comparison:
    """Two runs against each other."""

    first: Head
    second: Head
    by: Outcome
    margin: float
    despite: tuple[str, ...]
    cells: Sequence[CellComparison]
    refused: Mapping[str, Sequence[Difference]]
    """By cell: what differs that matters."""
    only_first: Sequence[str]
    only_second: Sequence[str]
    together: Mapping[str, Compared]
    """By outcome: the mean of all cells that were compared, block by block."""
    effects: Mapping[str, RunEffect | None]
    """By outcome: how far repeated runs lie apart; counted in the intervals where it is known."""

    @property
    def different(self) -> bool:
        """Say whether any cell is known to differ by more than nothing, and not known to be the same."""
        return any(cell.verdict in (self.by.rising, self.by.falling) for cell in self.cells)


def compare_runs(
    archive: Archive,
    first_id: str,
    second_id: str,
    by: Outcome,
    margin: float = MARGIN,
    despite: Iterable[str] = (),
    *,
    index: Index | None = None,
) -> Comparison:
    """Compare two sealed runs, given by their ids; ``margin`` is what counts as the same, as a share of the ratio.

    BenchError for a run with itself, for runs without a common cell, and where no cell's metadata agree.
    """
    if first_id == second_id:
        raise BenchError("a run cannot be compared with itself", first_id, "name two runs; `collect list` has them")
    allowed = tuple(sorted(despite))
    manifests = [archive.manifest(run_id) for run_id in (first_id, second_id)]
    first, second = (head_of(manifest) for manifest in manifests)
    planned, other = first.cells, second.cells
    common = [name for name in planned if name in other]
    if not common:
        remedy = "compare runs whose plans share cells: `collect show RUN` has them"
        raise BenchError("the two runs have no cell in common", f"{first_id}, {second_id}", remedy)
    known = {name: traits(first, planned[name]) for name in common}
    apart = {name: differences(known[name], traits(second, other[name]), allowed) for name in common}
    refused = {name: spelled_out(found, first, second) for name, found in apart.items() if found}
    agreeing = [name for name in common if name not in refused]
    if not agreeing:
        raise _nothing_agrees(refused, f"{first_id}, {second_id}")
    sides = [cell_rows(archive, run_id, agreeing) for run_id in (first_id, second_id)]
    recorded = Recorded(archive, index)
    effects = _effects(recorded, second_id, {name: known[name] for name in agreeing}, allowed)
    figures = {
        outcome.key: _figures(agreeing, sides, outcome, margin, effects[outcome.key]) for outcome in OUTCOMES.values()
    }
    words = [cells_of(manifest) for manifest in manifests]
    return Comparison(
        first, second, by, margin, allowed,
        [_cell(name, [side.get(name) or {} for side in words], figures, by, margin) for name in agreeing],
        refused,
        [name for name in planned if name not in other],
        [name for name in other if name not in planned],
        {
            outcome.key: _together(agreeing, sides, outcome, margin, effects[outcome.key])
            for outcome in OUTCOMES.values()
        },
        effects,
    )  # fmt: skip


def _effects(
    recorded: Recorded, second_id: str, wanted: Mapping[str, Traits], despite: Iterable[str]
) -> dict[str, RunEffect | None]:
    """Return the run effects, by outcome. The second run is left out: whether it differs is the question."""
    ids = [run_id for run_id in recorded.having(wanted, repeatable=True) if run_id != second_id]
    families = repeated_runs([recorded.head(run_id) for run_id in ids[-MOST_RUNS:]], wanted, despite)
    return run_effects(recorded, families, OUTCOMES.values())


def _nothing_agrees(refused: Mapping[str, Sequence[Difference]], where: str) -> UnlikeError:
    """Return what to say where no cell can be compared."""
    unlike = {(found.name, found.where): found for each in refused.values() for found in each}
    names = [name for name in table() if any(name == other for other, _ in unlike)]
    problem = f"no cell can be compared, as metadata that matters differ: {in_words(unlike.values())}"
    return UnlikeError(problem, where, names)


def _figures(
    names: Sequence[str], sides: Sequence[Rows], outcome: Outcome, margin: float, effect: RunEffect | None
) -> dict[str, Compared]:
    """Return one outcome of all cells, corrected for how many of them could be tested."""
    first, second = sides
    values = {name: (logs(first[name], outcome), logs(second[name], outcome)) for name in names}
    known = [_spreads({name: pair[index] for name, pair in values.items()}) for index in (0, 1)]
    ratios = {
        name: unpaired_ratio(*pair, effect, (known[0][name], known[1][name]))
        for name, pair in values.items()
        if all(name in side for side in known)
    }
    tested = {name: ratio for name, ratio in ratios.items() if ratio}
    different = dict(zip(tested, holm([ratio.p_different for ratio in tested.values()]), strict=True))
    same = dict(zip(tested, holm([ratio.p_same(margin) for ratio in tested.values()]), strict=True))
    return {
        name: _compared(values[name], tested.get(name), len(tested), (different.get(name), same.get(name)), outcome)
        for name in names
    }


def _spreads(values: Mapping[str, Sequence[float]]) -> dict[str, Spread]:
    """Return the spread of each cell of a run that has blocks enough for one."""
    enough = [name for name, blocks in values.items() if len(blocks) >= MIN_BLOCKS]
    return dict(zip(enough, spreads([values[name] for name in enough]), strict=True))


def _together(
    names: Sequence[str], sides: Sequence[Rows], outcome: Outcome, margin: float, effect: RunEffect | None
) -> Compared:
    """Return the mean over all cells, block by block, of blocks that have them all: what shifts every cell alike."""
    first, second = ([side[name] for name in names] for side in sides)
    values = _block_means(first, outcome), _block_means(second, outcome)
    ratio = unpaired_ratio(*values, effect)
    p_values = (ratio.p_different, ratio.p_same(margin)) if ratio else (None, None)
    return _compared(values, ratio, 1, p_values, outcome)


def _block_means(cells: Sequence[Sequence[Mapping[str, Any]]], outcome: Outcome) -> list[float]:
    blocks: dict[int, list[float]] = {}
    for rows in cells:
        for block, value in positive_by_block(rows, outcome.of).items():
            blocks.setdefault(block, []).append(math.log(value))
    return [statistics.fmean(values) for _, values in sorted(blocks.items()) if len(values) == len(cells)]


def _compared(
    values: Sequence[Sequence[float]],
    ratio: LogRatio | None,
    tested: int,
    p_values: tuple[float | None, float | None],
    outcome: Outcome,
) -> Compared:
    first, second = (math.exp(statistics.fmean(side)) if side else None for side in values)
    low, high = ratio.interval(ALPHA / tested) if ratio else (None, None)
    low_alone, high_alone = ratio.interval(ALPHA) if ratio else (None, None)
    different, same = p_values
    if ratio is None or different is None or same is None:
        verdict = UNKNOWN
    elif same <= ALPHA:
        verdict = SAME
    elif different <= ALPHA:
        verdict = outcome.rising if ratio.log > 0 else outcome.falling
    else:
        verdict = UNKNOWN
    return Compared(
        first=first,
        second=second,
        blocks=(len(values[0]), len(values[1])),
        ratio=second / first if first and second else None,
        low=low,
        high=high,
        low_alone=low_alone,
        high_alone=high_alone,
        p_different=different,
        p_same=same,
        undone_by=ratio.undone_by(ALPHA) if ratio else None,
        verdict=verdict,
    )


def _cell(
    name: str,
    words: Sequence[Mapping[str, Any]],
    figures: Mapping[str, Mapping[str, Compared]],
    by: Outcome,
    margin: float,
) -> CellComparison:
    asked = figures[by.key][name]
    return CellComparison(
        name,
        (words[0].get("limited_by"), words[1].get("limited_by")),
        {key: cells[name] for key, cells in figures.items()},
        asked.verdict,
        _why(asked, margin) if asked.verdict == UNKNOWN else None,
    )


def _why(compared: Compared, margin: float) -> str:
    if compared.ratio is None:
        return "a run has no figure that is above 0"
    if compared.low is None:
        return f"fewer than {MIN_BLOCKS} blocks ({compared.blocks[0]} and {compared.blocks[1]}), so no interval"
    return f"neither a difference nor within {100 * margin:g} % can be shown"
