"""A figure over blocks, and the ratio of two cells that were measured in the same blocks."""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from collect.statistics.blocks import MIN_BLOCKS
from collect.statistics.resampling import Floats, bca_interval, sign_flip_p

MOST_WORKED_OUT = 1000
"""Degrees of freedom; a sum has half as many terms."""
HALVINGS = 60
"""Of an angle below 2: to the last digit that a float has."""


@dataclass(frozen=True)
class Estimate:
    """A figure, the range of what it was made from, and its 95 % interval (None: fewer than three blocks)."""

    value: float
    least: float
    most: float
    low: float | None
    high: float | None
    blocks: int
    p: float | None = None
    """Of a ratio: how often sides that do not differ would show as much, by sign flips; a check of the interval."""
    boot_low: float | None = None
    boot_high: float | None = None
    """The interval again by the bootstrap (BCa), for the same purpose; None: fewer than five blocks."""

    @property
    def half_width(self) -> float | None:
        """Half the interval as a share of the value; None without an interval or for a value of 0."""
        if self.low is None or self.high is None or self.value == 0:
            return None
        return (self.high - self.low) / 2 / abs(self.value)

    @property
    def spread(self) -> float | None:
        """Largest minus smallest, as a share of the value."""
        return (self.most - self.least) / abs(self.value) if self.value else None


def mean_over_blocks(values: Sequence[float]) -> Estimate:
    """Return the mean of one value per block with its t interval.

    Student (1908), "The probable error of a mean", Biometrika 6(1): mean +- t(n - 1) * s / sqrt(n). Holds as far as the
    blocks' values are independent and near normal.
    """
    value = statistics.fmean(values)
    low, high = t_interval(values)
    boot = bca_interval(values) or (None, None)
    return Estimate(value, min(values), max(values), low, high, len(values), None, *boot)


def quotient_over_blocks(parts: Sequence[float], wholes: Sequence[float]) -> Estimate:
    """Return the sum of one column over the sum of another, such as CPU seconds over requests; a value each per block.

    The wholes are above 0. The t interval is that of the ratio estimator (Cochran (1977), Sampling Techniques, 6.4):
    the deviations are those of the parts from what the quotient makes of their wholes. The range is that of the
    blocks' own quotients.
    """
    value = math.fsum(parts) / math.fsum(wholes)
    low, high = t_interval([part - value * whole for part, whole in zip(parts, wholes, strict=True)])
    mean = statistics.fmean(wholes)
    own = [part / whole for part, whole in zip(parts, wholes, strict=True)]
    boot = bca_interval(np.column_stack([parts, wholes]), _quotient) or (None, None)
    return Estimate(
        value,
        min(own),
        max(own),
        None if low is None else value + low / mean,
        None if high is None else value + high / mean,
        len(own),
        None,
        *boot,
    )


def ratio_over_blocks(numerator: Mapping[int, float], denominator: Mapping[int, float]) -> Estimate | None:
    """Return the ratio of two cells from the blocks that hold both: the geometric mean of the blocks' own ratios.

    Paired by block, so that what changes from block to block and meets both sides drops out; t interval of the log
    ratios, carried back (Gardner and Altman (1986), "Confidence intervals rather than P values", BMJ 292; Fleming and
    Wallace (1986), "How not to lie with statistics", CACM 29(3), for the geometric mean). None without a common block.
    """
    blocks = sorted(numerator.keys() & denominator.keys())
    pairs = [(numerator[block], denominator[block]) for block in blocks]
    if not pairs or any(top <= 0 or bottom <= 0 for top, bottom in pairs):
        return None
    logs = [math.log(top / bottom) for top, bottom in pairs]
    low, high = t_interval(logs)
    boot = bca_interval(logs)
    return Estimate(
        math.exp(statistics.fmean(logs)),
        math.exp(min(logs)),
        math.exp(max(logs)),
        None if low is None else math.exp(low),
        None if high is None else math.exp(high),
        len(blocks),
        sign_flip_p(logs) if len(blocks) >= MIN_BLOCKS else None,
        *((math.exp(boot[0]), math.exp(boot[1])) if boot else (None, None)),
    )


@functools.cache
def t_critical(df: float, confidence: float = 0.95) -> float:
    """Return the t between which and -t Student's distribution holds ``confidence`` (in (0, 1)).

    Whole degrees of freedom are worked out here: importing scipy takes longer than most of what asks for an interval.
    """
    if df == int(df) and df <= MOST_WORKED_OUT:
        return _t_of_whole(int(df), confidence)
    from scipy.special import stdtrit

    return float(stdtrit(df, (1 + confidence) / 2))


def _t_of_whole(df: int, confidence: float) -> float:
    """Return t by bisection of the angle whose tangent is t / sqrt(df).

    Abramowitz and Stegun (1964), Handbook of Mathematical Functions, 26.7.3 and 26.7.4: a finite sum.
    """
    low, high = 0.0, math.pi / 2
    for _ in range(HALVINGS):
        angle = (low + high) / 2
        low, high = (angle, high) if _within(df, angle) < confidence else (low, angle)
    return math.sqrt(df) * math.tan((low + high) / 2)


def _within(df: int, angle: float) -> float:
    """Return what Student's distribution holds between -t and t, of the angle whose tangent is t / sqrt(df)."""
    odd = df % 2
    term, total = (math.cos(angle) if odd else 1.0), 0.0
    for power in range(2 + odd, df + 1, 2):
        total += term
        term *= math.cos(angle) ** 2 * (power - 1) / power
    share = math.sin(angle) * total
    return 2 / math.pi * (angle + share) if odd else share


def t_interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Return the 95 % t interval of the mean (Student), two None for fewer than three values."""
    count = len(values)
    if count < MIN_BLOCKS:
        return None, None
    mean = statistics.fmean(values)
    half = t_critical(count - 1) * statistics.stdev(values) / math.sqrt(count)
    return mean - half, mean + half


def _quotient(means: Floats) -> Floats:
    quotient: Floats = means[:, 0] / means[:, 1]
    return quotient
