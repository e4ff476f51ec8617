"""An interval that may be looked at while blocks are added: the error of all looks together is that of one interval.

Who looks after every few blocks and stops when the interval pleases is wrong more often than 5 %: each look is another
chance. So each look is given a part of the 5 % (Lan and DeMets (1983), "Discrete sequential boundaries for clinical
trials", Biometrika 70(3)), and the critical values follow from the joint distribution of the looks' statistics
(Armitage, McPherson and Rowe (1969), "Repeated significance tests on accumulating data", JRSS A 132). The intervals are
then repeated confidence intervals: with 95 % all of them hold, whenever and why ever one stops (Jennison and Turnbull
(1989), "Interim analyses: the repeated confidence interval approach", JRSS B 51).

The parts are equal in the logarithm of the block's number, since it is not known beforehand which order of magnitude of
blocks is needed; looks are placed likewise. The noise is not known either, so a look's level carries over from the
normal to Student's distribution (the significance-level approach: Jennison and Turnbull (2000), Group Sequential
Methods with Applications to Clinical Trials, chapter 11).
"""

from __future__ import annotations

import functools
import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from collect.statistics.blocks import MIN_BLOCKS
from collect.statistics.intervals import Estimate

Floats = NDArray[np.float64]

ALPHA = 0.05
FIRST_LOOK = 5
"""Blocks before the first look: fewer leave Student's distribution so wide that the look would be spent on nothing."""
GROWTH = 1.3
"""How many times as many blocks there are at the next look; see docs/accuracy.md for what others would cost."""
LARGEST_Z = 8.5
"""Beyond it nothing of the 5 % is left to speak of."""
POINTS, MOST_COARSE = 4.0, 40
"""Points of a grid per standard deviation of what is added between two looks, and intervals of half a grid at least."""


def look_blocks(most: int, growth: float = GROWTH) -> tuple[int, ...]:
    """Return after which blocks to look where ``most`` can be measured; the last look is after the last of them.

    One that would come shortly before the last is left out: it would be paid for twice over what it sees.
    """
    looks = [min(FIRST_LOOK, most)]
    while looks[-1] < most:
        following = math.ceil(looks[-1] * growth)
        looks.append(following if following * math.sqrt(growth) < most else most)
    return tuple(looks)


def spent(block: int, most: int, *, final: bool = False, growth: float = GROWTH) -> float:
    """Return how much of the 5 % may be spent up to a look after ``block`` of at most ``most`` blocks, in (0, 0.05].

    A look that is final for a reason other than its figures (time, number of blocks) spends what is left.
    """
    if final or block >= most:
        return ALPHA
    begin = min(FIRST_LOOK, most) / growth
    # A look before the planned first one, as after an interruption, has a little of it, too.
    return ALPHA * math.log(max(block / begin, 1.05)) / math.log(max(most / begin, 1.05))


@functools.lru_cache(maxsize=4096)
def levels(counts: tuple[int, ...], spendings: tuple[float, ...]) -> tuple[float, ...]:
    """Return the two-sided level of each look's own test, e.g. 0.01, so that all together keep what is spent.

    ``counts`` are the blocks seen at each look, growing; ``spendings`` what may be spent up to each, growing.
    """
    walk, before, found = _Walk(), 0.0, []
    for count, total in zip(counts, spendings, strict=True):
        found.append(walk.level(count, total - before))
        before = total
    return tuple(found)


class _Walk:
    """Sums of independent standard normal values that have left no look's bounds so far: their density, on a grid."""

    def __init__(self) -> None:
        """Begin with the sum of nothing."""
        self.count = 0
        self.points: Floats = np.zeros(1)
        self.mass: Floats = np.ones(1)
        """The density times the grid's weights, so that a sum is an integral."""

    def level(self, count: int, share: float) -> float:
        """Go on to ``count`` values; return the two-sided level at which a ``share`` of all sums leaves there."""
        from scipy.special import ndtr

        added = math.sqrt(count - self.count)

        def leaving(z: float) -> float:
            bound = z * math.sqrt(count)
            both = ndtr((self.points - bound) / added) + ndtr((-bound - self.points) / added)
            return float(self.mass @ both)

        low, high = 0.0, LARGEST_Z
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if leaving(middle) > share else (low, middle)
        self._stay(count, high, added)
        return 2 * float(ndtr(-high))

    def _stay(self, count: int, z: float, added: float) -> None:
        """Keep the sums within the bounds of this look."""
        bound = z * math.sqrt(count)
        half = max(MOST_COARSE, math.ceil(POINTS * bound / added))
        points = np.linspace(-bound, bound, 2 * half + 1)
        weights = np.ones(len(points))
        weights[1:-1:2], weights[2:-1:2] = 4, 2
        weights *= (points[1] - points[0]) / 3
        apart = (points[:, None] - self.points[None, :]) / added
        density = np.exp(-(apart**2) / 2) @ self.mass / (added * math.sqrt(2 * math.pi))
        self.count, self.points, self.mass = count, points, density * weights


def critical(level: float, blocks: int) -> float:
    """Return the critical value of Student's t for a look's two-sided level and at least two blocks."""
    from scipy.special import stdtrit

    return -float(stdtrit(blocks - 1, level / 2))


def half_width(deviation: float, blocks: int, level: float) -> float:
    """Return the half-width of a look's interval: critical value times standard error."""
    return critical(level, blocks) * deviation / math.sqrt(blocks)


def widened(estimate: Estimate | None, level: float | None) -> Estimate | None:
    """Return a ratio whose t interval is that of a look's level instead of 5 %; as it is without a level."""
    if estimate is None or level is None or estimate.low is None or estimate.high is None:
        return estimate
    half = math.log(estimate.high / estimate.low) / 2 * critical(level, estimate.blocks)
    half /= critical(ALPHA, estimate.blocks)
    low, high = estimate.value * math.exp(-half), estimate.value * math.exp(half)
    # The checks have not paid for looking, so they have no say.
    return replace(estimate, low=low, high=high, p=None, boot_low=None, boot_high=None)


def blocks_needed(deviation: float, blocks: int, level: float, precision: float) -> int:
    """Return a guess of how many blocks in all bring the half-width down to ``precision``, at this look's level."""
    # With more blocks Student's distribution narrows; that of the looks to come hardly does.
    needed = max(float(blocks), MIN_BLOCKS)
    for _ in range(8):
        needed = max((critical(level, max(math.ceil(needed), MIN_BLOCKS)) * deviation / precision) ** 2, MIN_BLOCKS)
    return math.ceil(needed)
