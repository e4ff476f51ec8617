"""The mean of paired differences with what else differed within the pairs taken off (analysis of covariance).

Where a machine's speed drifts, the two trials of a pair meet different speeds, and a second figure of each trial that
goes by the speed alone tells by how much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from collect.statistics.intervals import t_critical

MIN_PAIRS = 4
"""Fewer leave a slope of their own with less than two degrees of freedom, and no interval worth the name."""


@dataclass(frozen=True)
class Adjusted:
    """A mean difference at a covariate that does not differ, in the differences' unit, with its 95 % interval."""

    value: float
    low: float
    high: float
    deviation: float
    """Of the differences around what the covariate explains."""
    slope: float
    df: int


def adjusted_difference(
    differences: Sequence[float], covariate: Sequence[float], slope: float | None = None
) -> Adjusted | None:
    """Return the mean of the differences where the covariate's own difference is 0.

    Without a ``slope`` it is fitted to these pairs by least squares, the intercept is the figure and one degree of
    freedom is spent on it: Fisher (1932), "Statistical Methods for Research Workers", 4th edition, 49.1. A slope that
    is known from other pairs spends none: Deng, Xu, Kohavi and Walker (2013), "Improving the sensitivity of online
    controlled experiments by utilizing pre-experiment data", WSDM. Either is unbiased only as far as what is compared
    does not itself move the covariate. None for too few pairs, or a covariate that never differs from its own mean.
    """
    count = len(differences)
    if count < (MIN_PAIRS if slope is None else MIN_PAIRS - 1):
        return None
    mean_y, mean_x = math.fsum(differences) / count, math.fsum(covariate) / count
    spread = math.fsum((x - mean_x) ** 2 for x in covariate)
    df, lever = count - 1, 1 / count
    if slope is None:
        slope = fitted_slope([differences], [covariate])
        if slope is None:
            return None
        df, lever = count - 2, 1 / count + mean_x**2 / spread
    residuals = [y - mean_y - slope * (x - mean_x) for y, x in zip(differences, covariate, strict=True)]
    deviation = math.sqrt(math.fsum(r**2 for r in residuals) / df)
    value = mean_y - slope * mean_x
    half = t_critical(df) * deviation * math.sqrt(lever)
    return Adjusted(value, value - half, value + half, deviation, slope, df)


def fitted_slope(differences: Sequence[Sequence[float]], covariate: Sequence[Sequence[float]]) -> float | None:
    """Return the slope within groups of pairs, each group with a mean of its own; None where the covariate is constant.

    Least squares with an intercept for each group, as in a one-way layout (Cochran (1957),
    "Analysis of covariance: its nature and uses", Biometrics 13).
    """
    product = square = 0.0
    for ys, xs in zip(differences, covariate, strict=True):
        if not ys:
            continue
        mean_y, mean_x = math.fsum(ys) / len(ys), math.fsum(xs) / len(xs)
        product += math.fsum((y - mean_y) * (x - mean_x) for y, x in zip(ys, xs, strict=True))
        square += math.fsum((x - mean_x) ** 2 for x in xs)
    return product / square if square > 0 else None
