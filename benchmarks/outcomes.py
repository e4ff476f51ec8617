"""The figures by which two cells are compared, pair by pair, and what a slowdown of a known size must do to each."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from collect.plan import CELL
from collect.report.figures import usable
from collect.statistics.covariates import adjusted_difference, fitted_slope
from collect.statistics.intervals import ratio_over_blocks

Row = Mapping[str, Any]
US = 1e-6


@dataclass(frozen=True)
class Outcome:
    """One way to compare."""

    name: str
    figure: str
    """A key of FIGURES."""
    covariate: str | None = None
    """Another, whose difference within a pair is taken off."""
    shared_slope: bool = False
    """Whether its slope comes from the other experiments of the run instead of from the experiment's own pairs."""

    @property
    def spent(self) -> int:
        """Degrees of freedom that its estimate takes."""
        return 2 if self.covariate and not self.shared_slope else 1


FIGURES: Mapping[str, Callable[[Row], float]] = {
    "rps": lambda row: float(row["rps"]),
    "app_s": lambda row: float(row["app_cpu_cores"] / row["rps"]),
    "generator_s": lambda row: float(row["generator_cpu_cores"] / row["rps"]),
}
"""Requests per second; CPU seconds per right answer of the app and of the generator."""
OUTCOMES = (
    Outcome("RPS", "rps"),
    Outcome("RPS, generator's CPU s per request as covariate", "rps", "generator_s"),
    Outcome("the same, slope from the rest of the run", "rps", "generator_s", shared_slope=True),
    Outcome("app's CPU s per request", "app_s"),
    Outcome("the same, generator's as covariate, likewise", "app_s", "generator_s", shared_slope=True),
)


@dataclass(frozen=True)
class Effect:
    """A log ratio with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def found(self) -> bool:
        """Whether the two are called different."""
        return not self.covers(0.0)

    def covers(self, truth: float) -> bool:
        """Say whether the interval holds it."""
        return self.low <= truth <= self.high


@dataclass(frozen=True)
class Pairs:
    """Two cells of a run, paired by block; of each figure the value on either side, in the order of the blocks."""

    run_id: str
    base: str
    """The name of the cell that is taken as it is; the other differs in what is looked for, or in its name alone."""
    busy_us: int
    """CPU that each request costs the other beside its own; 0 of the same under two names."""
    base_values: Mapping[str, Sequence[float]]
    other_values: Mapping[str, Sequence[float]]
    pair_s: float
    """Wall seconds from one pair's begin to the next one's."""
    window_s: float
    planned: int
    """Pairs that the plan has; those with an invalid trial are left out."""
    limited_by: str
    """The word that came first most often."""
    server_share: float
    """CPU of the server's set in use under the base, as a share of the set."""

    def __len__(self) -> int:
        """How many there are."""
        return len(self.base_values["rps"])

    def differences(self, figure: str) -> list[float]:
        """Return the logs of the ratios, other over base."""
        both = zip(self.other_values[figure], self.base_values[figure], strict=True)
        return [math.log(other / base) for other, base in both]

    def truth(self, outcome: Outcome, share: float | None = None) -> float:
        """Return the log ratio that the slowdown must show, or one that takes a share of the app's CPU per request.

        The app's CPU grows by the busy time. The rate falls by it as far as the server's CPU set is the limit and full:
        then the time between two answers is the CPU that one takes, and grows by the same.
        """
        apps, rates = self.base_values["app_s"], self.base_values["rps"]
        busy_s = [self.busy_us * US if share is None else share * app_s for app_s in apps]
        if outcome.figure == "rps":
            return -statistics.fmean(math.log1p(busy * rate) for busy, rate in zip(busy_s, rates, strict=True))
        return statistics.fmean(math.log1p(busy / app_s) for busy, app_s in zip(busy_s, apps, strict=True))

    def slope(self, outcome: Outcome, without: slice) -> float | None:
        """Return the covariate's slope over the run's pairs, those of one experiment left out."""
        assert outcome.covariate is not None
        kept = [self.differences(figure) for figure in (outcome.figure, outcome.covariate)]
        for values in kept:
            del values[without]
        return fitted_slope([kept[0]], [kept[1]])

    def effect(self, outcome: Outcome, part: slice = slice(None)) -> Effect | None:
        """Return what these pairs say; None for too few of them."""
        if outcome.covariate is None:
            sides = [dict(enumerate(each[outcome.figure][part])) for each in (self.other_values, self.base_values)]
            ratio = ratio_over_blocks(*sides)
            if ratio is None or ratio.low is None or ratio.high is None:
                return None
            return Effect(math.log(ratio.value), math.log(ratio.low), math.log(ratio.high))
        # Of the whole run there is no rest: its slope comes from its own pairs, which have to pay for it.
        slope = self.slope(outcome, part) if outcome.shared_slope and part != slice(None) else None
        ys, xs = (self.differences(figure)[part] for figure in (outcome.figure, outcome.covariate))
        found = adjusted_difference(ys, xs, slope)
        return None if found is None else Effect(found.value, found.low, found.high)

    def deviation(self, outcome: Outcome) -> tuple[float, int]:
        """Return the deviation of the paired log differences, the covariate's part taken off, and its freedom."""
        ys = self.differences(outcome.figure)
        if outcome.covariate is None:
            return statistics.stdev(ys), len(ys) - 1
        found = adjusted_difference(ys, self.differences(outcome.covariate))
        return (statistics.stdev(ys), len(ys) - 1) if found is None else (found.deviation, found.df)

    def experiments(self, size: int) -> list[slice]:
        """Return the run cut into experiments of so many pairs, one after the other; what is left over is in none."""
        return [slice(begin, begin + size) for begin in range(0, len(self) - size + 1, size)]


def read_pairs(entry: Path, manifest: Mapping[str, Any]) -> Pairs:
    """Return the pairs of a sealed run of two cells, the first of them the base. Raises ValueError for another run."""
    cells = manifest["plan"]["cells"]
    if len(cells) != 2:
        raise ValueError(f"{entry}: a run of two cells is wanted, this has {len(cells)}")
    rows = [row for row in pq.read_table(entry / "trials.parquet").to_pylist() if row["kind"] == CELL]
    names = [each["variant"] for each in cells]
    sides = [{row["block"]: row for row in usable(rows) if row["variant"] == name} for name in names]
    both = sorted(sides[0].keys() & sides[1].keys())
    blocks = [block for block in both if all(_known(side[block]) for side in sides)]
    values = [{key: [figure(side[block]) for block in blocks] for key, figure in FIGURES.items()} for side in sides]
    words = [row["limited_by"][0] for side in sides for row in side.values() if row["limited_by"]]
    base = [sides[0][block] for block in blocks]
    return Pairs(
        run_id=manifest["run_id"],
        base=base[0]["cell"] if base else names[0],
        busy_us=manifest["catalog"]["variants"][names[1]].get("busy_us", 0),
        base_values=values[0],
        other_values=values[1],
        pair_s=_pair_s(rows),
        window_s=manifest["plan"]["window_s"],
        planned=manifest["plan"]["blocks"],
        limited_by=statistics.mode(words) if words else "unknown",
        server_share=statistics.fmean(row["server_cpu_cores"] / row["server_cpus"] for row in base) if base else 0.0,
    )


def _known(row: Row) -> bool:
    """Say whether every figure of a trial can be had, and has a logarithm."""
    return all((row[key] or 0) > 0 for key in ("rps", "app_cpu_cores", "generator_cpu_cores"))


def _pair_s(rows: Sequence[Row]) -> float:
    begun = sorted(row["started_at"].timestamp() for row in rows)
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    return 2 * statistics.median(gaps) if gaps else 0.0
