"""The ratio of two figures that were not measured side by side, such as a cell's in two runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from collect.statistics.blocks import MIN_BLOCKS
from collect.statistics.moderated import moderated

TRUST = 0.5
LEAST_DF = 2
"""Degrees of freedom from which on the run effect is estimated: with two runs alone intervals miss twice too often."""


@dataclass(frozen=True)
class RunEffect:
    """How far repeated runs of one thing lie apart, beyond what their blocks explain."""

    deviation: float
    """Standard deviation of a run's log mean around that of many runs; 0.01 is 1 %."""
    uncertainty: float
    """Standard error of its square; 0 where that is estimated as 0."""
    runs: int
    """Runs that it was estimated from."""


@dataclass(frozen=True)
class LogRatio:
    """The difference of two means of logarithms: a ratio, its standard error, and the degrees of freedom of that."""

    log: float
    error: float
    df: float
    error_within: float
    """The part of the standard error that the blocks of the two runs explain."""
    df_within: float

    @property
    def ratio(self) -> float:
        """Second over first."""
        return math.exp(self.log)

    def interval(self, alpha: float = 0.05) -> tuple[float, float]:
        """Return the bounds of the ratio, which miss the truth with probability ``alpha``."""
        half = self._critical(alpha, self.df) * self.error
        return math.exp(self.log - half), math.exp(self.log + half)

    @property
    def p_different(self) -> float:
        """How probable a difference as large as this is where there is none (two-sided)."""
        if self.error == 0:
            return float(self.log == 0)
        from scipy.special import stdtr

        return float(2 * stdtr(self.df, -abs(self.log) / self.error))

    def p_same(self, margin: float) -> float:
        """How probable a ratio as near to 1 as this is where the true one lies beyond 1 + ``margin`` or its inverse.

        Two one-sided tests, the larger of their p values: Schuirmann (1987), "A comparison of the two one-sided tests
        procedure and the power approach ...", Journal of Pharmacokinetics and Biopharmaceutics 15(6).
        """
        away = math.log1p(margin) - abs(self.log)
        if self.error == 0:
            return float(away <= 0)
        from scipy.special import stdtr

        return float(stdtr(self.df, -away / self.error))

    def undone_by(self, alpha: float = 0.05) -> float:
        """Return the run-to-run deviation (of the log) from which on the interval would hold 1; 0 where it does.

        The two runs as such add twice the square of that deviation to the variance; the critical value is kept.
        """
        if self.error_within == 0:
            return abs(self.log) / math.sqrt(2)
        allowed = (self.log / self._critical(alpha, self.df_within)) ** 2 - self.error_within**2
        return math.sqrt(allowed / 2) if allowed > 0 else 0.0

    def _critical(self, alpha: float, df: float) -> float:
        from scipy.special import stdtrit

        return float(stdtrit(df, 1 - alpha / 2)) if self.error else 0.0


@dataclass(frozen=True)
class Spread:
    """The variance of a cell's blocks, and its degrees of freedom."""

    variance: float
    df: float


def spreads(cells: Sequence[Sequence[float]]) -> list[Spread]:
    """Return the variance of each cell of one run, with what its other cells tell of it (collect.statistics.moderated).

    Cells have three blocks or more. Of the degrees of freedom that the others add ``TRUST`` is counted: simulated with
    24 cells of 3 to 8 blocks and deviations that differ by up to a factor of 10, then 2 to 6 of 100 runs without any
    difference show one in some cell (with all of them up to 10, with Welch's alone 1 to 8), and a difference of 35 % at
    3 blocks and a noise of 7 to 23 % is found 3 times as often as by Welch's.
    """
    own = [Spread(statistics.variance(blocks), len(blocks) - 1.0) for blocks in cells]
    drawn = moderated([each.variance for each in own], [each.df for each in own])
    return [
        Spread(float(variance), min(float(df), each.df + TRUST * drawn.prior_df))
        for each, variance, df in zip(own, drawn.variances, drawn.df, strict=True)
    ]


def unpaired_ratio(
    first: Sequence[float],
    second: Sequence[float],
    effect: RunEffect | None = None,
    known: tuple[Spread, Spread] | None = None,
) -> LogRatio | None:
    """Return the ratio of the second to the first from the logarithms of their blocks; None with fewer than 3 blocks.

    Welch (1947), "The generalization of 'Student's' problem when several different population variances are involved",
    Biometrika 34: each side has its own variance, or that of ``known``. With ``effect`` the variance of two runs as
    such is added, and the degrees of freedom are those of all parts together (Satterthwaite (1946), "An approximate
    distribution of estimates of variance components", Biometrics Bulletin 2(6)).
    """
    if min(len(first), len(second)) < MIN_BLOCKS:
        return None
    sides = known or (spreads([first])[0], spreads([second])[0])
    within = [(spread.variance / len(side), spread.df) for spread, side in zip(sides, (first, second), strict=True)]
    log = statistics.fmean(second) - statistics.fmean(first)
    return LogRatio(log, *_together(within, effect), *_together(within))


def run_effect(families: Sequence[Sequence[Sequence[Sequence[float]]]]) -> RunEffect | None:
    """Estimate the run effect from families of repeated runs; None with fewer than 3 runs (2 and 2).

    A family is some runs that should not differ, cell by cell: of each cell the logarithms of its blocks, run by run.
    The estimate is that of the analysis of variance, one way, random, unbalanced, its parts summed over all cells
    (Searle, Casella and McCulloch (1992), Variance Components, 3.6); below 0 it counts as 0. A family has the degrees
    of freedom of its runs, however many its cells: cells of a run share its effect, as far as we know. How uncertain
    the estimate is follows from its two mean squares. With this, of 100 pairs of runs of 6 blocks without a
    difference 2 to 7 are called different whether runs lie apart by nothing or by 3 times the blocks' noise (without it
    up to 77).
    """
    between, inside, weight = 0.0, 0.0, 0.0
    df_between, df_inside, df_alone, counted = 0, 0, 0, 0
    for family in families:
        most = 0
        for cell in family:
            runs = [blocks for blocks in cell if blocks]
            total = sum(map(len, runs))
            if len(runs) < 2 or total == len(runs):
                continue
            means = [statistics.fmean(blocks) for blocks in runs]
            grand = math.fsum(mean * len(blocks) for mean, blocks in zip(means, runs, strict=True)) / total
            between += math.fsum(len(blocks) * (mean - grand) ** 2 for mean, blocks in zip(means, runs, strict=True))
            inside += math.fsum((x - mean) ** 2 for mean, blocks in zip(means, runs, strict=True) for x in blocks)
            weight += total - sum(len(blocks) ** 2 for blocks in runs) / total
            df_between, df_inside = df_between + len(runs) - 1, df_inside + total - len(runs)
            most = max(most, len(runs))
        df_alone, counted = df_alone + max(0, most - 1), counted + most
    if df_alone < LEAST_DF:
        return None
    across, within, each = between / df_between, inside / df_inside, weight / df_between
    if across <= within:
        return RunEffect(0.0, 0.0, counted)
    uncertainty = math.sqrt(2 * (across**2 / df_alone + within**2 / df_inside)) / each
    return RunEffect(math.sqrt((across - within) / each), uncertainty, counted)


def _together(sides: Sequence[tuple[float, float]], effect: RunEffect | None = None) -> tuple[float, float]:
    """Return the standard error of both sides, each a variance with its degrees of freedom, and their own."""
    variance = math.fsum(part for part, _ in sides)
    spread = math.fsum(2 * part**2 / df for part, df in sides)
    if effect:
        variance, spread = variance + 2 * effect.deviation**2, spread + 4 * effect.uncertainty**2
    return math.sqrt(variance), (2 * variance**2 / spread if spread > 0 else sides[0][1])
