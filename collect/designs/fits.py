"""How well sets of figures agree with given ones in proportion, and which of the sets can be told apart.

The fit of a set is the standard deviation of log(ours / theirs) over its figures, a common factor taken out by their
mean: 0 where all stand in the same proportion, 0.1 where they are off by about 10 % from one another.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collect.statistics.blocks import MIN_BLOCKS

Floats = NDArray[np.float64]
DRAWS, SEED = 4000, 20230616
LEVEL = 0.95
FIGURES_THAT_COUNT = 3.5
LEAST_BLOCKS = 2
"""That every cell must have; most have more (see ``enough_blocks``)."""


@dataclass(frozen=True)
class Figure:
    """The log of one figure of one set, block by block."""

    cell: Hashable
    """What was measured: figures of the same cell, in whichever sets, are of the same trials."""
    logs: Mapping[int, float]
    """By block; every figure of a cell has the same blocks."""

    @property
    def mean(self) -> float:
        """Return the mean over the blocks."""
        return float(np.mean(list(self.logs.values())))


Sets = Sequence[Sequence[Figure]]


def means(sets: Sets) -> Floats:
    """Return the mean log of each figure: a row for each set."""
    return np.array([[figure.mean for figure in figures] for figures in sets])


def fits(logs: Floats, theirs: Floats) -> Floats:
    """Return the fit of each set (along the last axis) to the logs of the given figures."""
    spread: Floats = np.std(logs - theirs, axis=-1, ddof=1)
    return spread


def least_blocks(sets: Sets) -> int:
    """Return how many blocks the figure with the fewest has."""
    return min(len(figure.logs) for figures in sets for figure in figures)


def enough_blocks(sets: Sets) -> bool:
    """Say whether there can be intervals: two blocks of every cell, and ``MIN_BLOCKS`` of two cells in three.

    So a trial that was lost does not take them all. In simulated runs of three blocks with three of ten figures one
    short, intervals by the shortest's degrees of freedom held the true fit in 291 of 300, with none short in 288.
    """
    counts = list({figure.cell: len(figure.logs) for figures in sets for figure in figures}.values())
    return min(counts) >= LEAST_BLOCKS and 3 * sum(count < MIN_BLOCKS for count in counts) <= len(counts)


def resampled(sets: Sets, draws: int = DRAWS, seed: int = SEED) -> Floats:
    """Return the mean logs of the figures in so many resamples of the blocks: draws x sets x figures.

    Nonparametric bootstrap (Efron and Tibshirani (1993), "An Introduction to the Bootstrap", 6 and 8). Each cell's
    blocks are drawn by themselves, since a block's cells are measured minutes apart in random order and a common
    factor drops out of a fit; figures of one cell share its draws. Few blocks vary too little when they are drawn from
    themselves, by (n - 1) / n: the deviations are stretched by that.
    """
    generator = np.random.default_rng(seed)
    found = np.zeros((draws, len(sets), len(sets[0])))
    members: dict[Hashable, list[tuple[int, int]]] = defaultdict(list)
    for row, figures in enumerate(sets):
        for column, figure in enumerate(figures):
            members[figure.cell].append((row, column))
    for places in members.values():
        blocks = sorted(sets[places[0][0]][places[0][1]].logs)
        logs = np.array([[sets[row][column].logs[block] for row, column in places] for block in blocks])
        count, mean = len(blocks), logs.mean(axis=0)
        drawn = generator.integers(0, count, (draws, count))
        weights = np.stack([(drawn == number).sum(axis=1) for number in range(count)], axis=1) / count
        rows, columns = np.array(places).T
        found[:, rows, columns] = mean + (weights @ logs - mean) * np.sqrt(count / max(1, count - 1))
    return found


def degrees(blocks: int) -> float:
    """Return the degrees of freedom that a fit from so many blocks is taken to have (see ``stretched``)."""
    return max(1.0, (blocks - 1) * FIGURES_THAT_COUNT)


def stretched(draws: Floats, blocks: int) -> Floats:
    """Return the resamples of fits, their deviations stretched to what so few blocks are worth.

    How much each figure scatters is known from its own blocks only, by blocks - 1 degrees of freedom; a fit gathers
    them from its figures, the few that are furthest off above all. So Student's t stands in for the normal distribution
    that resamples of a mean follow, with the degrees of ``FIGURES_THAT_COUNT`` figures: simulated runs of three to ten
    blocks need as much for their 95 %. It is 1.2 times at three blocks, 1.03 at ten.
    """
    from scipy.special import ndtri, stdtrit

    factor = float(stdtrit(degrees(blocks), (1 + LEVEL) / 2) / ndtri((1 + LEVEL) / 2))
    centre = draws.mean(axis=0)
    wider: Floats = centre + (draws - centre) * factor
    return wider


def interval(value: float, draws: Floats) -> tuple[float, float]:
    """Return the 95 % interval of a value from its resamples, mirrored (the basic bootstrap interval).

    Davison and Hinkley (1997), "Bootstrap Methods and their Application", 5.2.1. Noise makes each fit larger than it
    is, and resampling does it again by as much; mirrored, that is taken off instead of doubled.
    """
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(2 * value - high), float(2 * value - low)


def told_apart(values: Floats, draws: Floats) -> NDArray[np.bool_]:
    """Say of each set whether its fit is known to be worse than the best one's.

    The intervals of all differences of two sets hold at the same time, since which set is the best is seen in the same
    data: the largest studentised deviation of any pair is what 95 % of the resamples stay below (Tukey's comparison of
    all pairs, by the bootstrap; Westfall and Young (1993), "Resampling-Based Multiple Testing", 2.3).
    """
    centred = draws - draws.mean(axis=0)
    spread = np.array([np.std(centred - centred[:, [each]], axis=0, ddof=1) for each in range(len(values))])
    known = spread > 1e-9
    safe = np.where(known, spread, 1.0)
    most = np.zeros(len(draws))
    for one, other in itertools.combinations(range(len(values)), 2):
        if known[one, other]:
            most = np.maximum(most, np.abs(centred[:, one] - centred[:, other]) / safe[one, other])
    corrected = 2 * values - draws.mean(axis=0)
    best = int(np.argmin(values))
    beyond = corrected - corrected[best] - np.quantile(most, LEVEL) * spread[best]
    worse: NDArray[np.bool_] = (beyond > 0) & known[best]
    return worse
