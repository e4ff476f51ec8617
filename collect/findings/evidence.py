"""A cell's figures block by block, the ratio of two of them, and how likely chance alone would give as much."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from collect.archive.looked import level_of
from collect.report.figures import CellFigures, RatioFigures, RunFigures, usable
from collect.statistics.blocks import MIN_BLOCKS, app_cpu_s_by_block
from collect.statistics.intervals import Estimate, ratio_over_blocks
from collect.statistics.moderated import Moderated, moderated

ALPHA = 0.05
"""How often a page may hold even one difference that is not there."""
RATES, COSTS, RATIOS = "rates", "costs", "ratios"
"""Pools of samples with noise of one kind: ratios of rates, of CPU time per request, of two ratios."""
Blocks = Mapping[int, float]
"""A figure by block."""
MARGIN = 0.05
"""Within how much two rates are called alike, either way; the article's own that are lie within 2.4 %."""


@dataclass(frozen=True)
class Sample:
    """One log ratio a block, and the value that it is held against."""

    values: tuple[float, ...]
    against: float
    pool: str
    """Which samples have noise of its kind; "" for one that stands for itself."""


@dataclass(frozen=True)
class Hypothesis:
    """What a statement needs to be true: that each of its samples is apart from what it is held against."""

    samples: tuple[Sample, ...] = ()
    times: float = 1.0
    """What its p value counts for: out of how many it was picked, and what looking at it before has cost."""
    given: float | None = None
    """The p value where it is known from elsewhere."""


@dataclass(frozen=True)
class Paired:
    """A ratio over the blocks that hold both of its sides."""

    estimate: Estimate
    logs: tuple[float, ...]
    """The log ratio of each block."""
    pool: str

    def sample(self, against: float = 1.0) -> Sample:
        """Return the sample that tells whether the ratio is another one."""
        return Sample(self.logs, math.log(against), self.pool)

    def differs(self, against: float = 1.0, times: float = 1.0) -> Hypothesis | None:
        """Return the hypothesis that the ratio is another one; None where too few blocks can tell."""
        return Hypothesis((self.sample(against),), times) if len(self.logs) >= MIN_BLOCKS else None

    def alike(self, margin: float = MARGIN) -> Hypothesis | None:
        """Return the hypothesis that the ratio is off 1 by less than ``margin``; None where too few blocks can tell.

        Two one-sided tests (Schuirmann (1987), "A comparison of the two one-sided tests procedure and the power
        approach", J. Pharmacokinetics and Biopharmaceutics 15(6)), of which the nearer edge decides; two-sided, so that
        it holds where the 95 % interval, not the 90 % one, lies within the margin.
        """
        if len(self.logs) < MIN_BLOCKS:
            return None
        mean = statistics.fmean(self.logs)
        edge = math.copysign(math.log1p(margin), mean)
        return Hypothesis(given=1.0) if abs(mean) >= abs(edge) else Hypothesis((self.sample(math.exp(edge)),))


def paired(top: Blocks, bottom: Blocks, pool: str = RATES) -> Paired | None:
    """Return the ratio of two figures by block; None where no block has both, or one is not above 0."""
    estimate = ratio_over_blocks(top, bottom)
    if estimate is None:
        return None
    logs = (math.log(top[block] / bottom[block]) for block in sorted(top.keys() & bottom.keys()))
    return Paired(estimate, tuple(logs), pool)


def all_of(pairs: Iterable[Paired]) -> Hypothesis | None:
    """Return the hypothesis that each of several ratios is apart from 1; None where too few blocks can tell of one.

    It has the largest p value of all (Berger (1982), "Multiparameter hypothesis testing and acceptance sampling",
    Technometrics 24(4)).
    """
    samples = tuple(pair.sample() for pair in pairs)
    enough = samples and all(len(sample.values) >= MIN_BLOCKS for sample in samples)
    return Hypothesis(samples) if enough else None


def p_values(hypotheses: Sequence[Hypothesis]) -> list[float]:
    """Return the p value of each hypothesis: Student's t test of its log ratios, two-sided.

    Few blocks tell little of their own spread, so the samples of a pool tell it together (see
    collect.statistics.moderated). Where a sample's own spread alone gives no less than 0.05, that counts: what is told
    never goes beyond the interval that stands beside it.
    """
    spreads = _spreads({sample for hypothesis in hypotheses for sample in hypothesis.samples})
    return [_p(hypothesis, spreads) for hypothesis in hypotheses]


Spreads = Mapping[Sample, tuple[float, float]]
"""By sample: the variance of its values, and its degrees of freedom."""


def _spreads(samples: Iterable[Sample]) -> Spreads:
    pools: dict[str, dict[tuple[float, ...], list[Sample]]] = {}
    for sample in sorted(samples, key=lambda each: (each.pool, each.values, each.against)):
        pools.setdefault(sample.pool, {}).setdefault(sample.values, []).append(sample)
    found: dict[Sample, tuple[float, float]] = {}
    for pool, by_values in pools.items():
        own = [statistics.variance(values) for values in by_values]
        df = [len(values) - 1.0 for values in by_values]
        spread = moderated(own, df) if pool else Moderated(np.array(own), np.array(df), 0.0)
        for same, variance, freedom in zip(by_values.values(), spread.variances, spread.df, strict=True):
            found |= dict.fromkeys(same, (float(variance), float(freedom)))
    return found


def _p(hypothesis: Hypothesis, spreads: Spreads) -> float:
    if hypothesis.given is not None:
        return min(1.0, hypothesis.times * hypothesis.given)
    found = []
    for sample in hypothesis.samples:
        own = hypothesis.times * _t_p(sample, statistics.variance(sample.values), len(sample.values) - 1)
        together = hypothesis.times * _t_p(sample, *spreads[sample])
        found.append(together if own < ALPHA else max(own, together))
    return min(1.0, max(found))


def _t_p(sample: Sample, variance: float, df: float) -> float:
    from scipy.special import stdtr

    away = abs(statistics.fmean(sample.values) - sample.against)
    error = math.sqrt(variance / len(sample.values))
    if error <= away * 1e-12:
        return 0.0 if away else 1.0
    return float(2 * stdtr(df, -away / error))


def divided(top: Blocks, bottom: Blocks) -> dict[int, float]:
    """Return one figure over another in each block that has both and the second above 0."""
    return {block: top[block] / bottom[block] for block in top if bottom.get(block, 0) > 0}


def together(ratios: Iterable[Blocks]) -> dict[int, float]:
    """Return the geometric mean of several ratios in each block that has them all above 0."""
    every = list(ratios)
    common = set.intersection(*(set(ratio) for ratio in every)) if every else set()
    return {
        block: math.exp(statistics.fmean(math.log(ratio[block]) for ratio in every))
        for block in sorted(common)
        if all(ratio[block] > 0 for ratio in every)
    }


def rates(figures: RunFigures, cell: CellFigures) -> dict[int, float]:
    """Return a cell's requests per second by block, of the trials that count."""
    return figures.rates_of(cell)


def cpu_s(figures: RunFigures, cell: CellFigures) -> dict[int, float]:
    """Return the app's CPU seconds per request by block, of the trials that count and know it."""
    return app_cpu_s_by_block(usable(figures.trials_of(cell)))


def paid(figures: RunFigures, ratio: RatioFigures) -> float:
    """Return how many times the p value of a ratio counts for what looking on the way has cost; 1 without looks."""
    return ALPHA / (level_of(figures.manifest, ratio.top.name, ratio.bottom.name) or ALPHA)
