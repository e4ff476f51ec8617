"""What the blocks say of themselves when they are drawn or turned about: a check on intervals of a normal law.

All draws are seeded, so that the same blocks give the same digits.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
EXACT_UP_TO = 12
"""So many values have 4,096 patterns of signs: all are gone through. Of more, so many draws are taken."""
DRAWS = 4000
MIN_BOOTSTRAP = 5
"""Fewer values have too few samples that differ: four have 35."""
NORMAL = NormalDist()
SAME = 1e-9
"""Sums that differ by less, as a share, are equal but for rounding."""


def sign_flip_p(values: Sequence[float]) -> float:
    """Return how often the mean is as far from 0 as it is, if each value could as well have had the other sign.

    Fisher (1935), The Design of Experiments, section 21. Holds for values that are symmetric about 0 where nothing
    differs, as the difference of two sides in random order is, whatever their distribution. Exact up to
    ``EXACT_UP_TO`` values, else from draws with the values themselves counted as one (Phipson and Smyth (2010),
    "Permutation p-values should never be zero", Statistical Applications in Genetics and Molecular Biology 9(1)).
    """
    found = np.asarray(values, dtype=np.float64)
    observed = abs(float(found.sum())) * (1 - SAME)
    sums = np.abs(_signs(len(found)) @ found)
    beyond = int((sums >= observed).sum())
    return beyond / len(sums) if len(found) <= EXACT_UP_TO else (1 + beyond) / (1 + len(sums))


def least_p(count: int) -> float:
    """Return the least p that so many values can have: all on one side, and by symmetry all on the other."""
    return 2.0 / 2**count if count <= EXACT_UP_TO else 1 / (1 + DRAWS)


def bca_interval(
    values: Sequence[float] | Floats, statistic: Callable[[Floats], Floats] | None = None, confidence: float = 0.95
) -> tuple[float, float] | None:
    """Return the interval of a mean, or of a function of means, by the bootstrap; None for too few values.

    Efron (1987), "Better bootstrap confidence intervals", JASA 82: BCa, corrected for bias and skewness. ``values`` has
    a row a block, with one column or several; ``statistic`` takes means of the columns (an array with a row a sample)
    and returns one value for each. With a handful of blocks it is too narrow (it knows no more than these blocks, and
    has no t for their number), so it checks the other interval for skewness and does not stand in for it.
    """
    rows = np.asarray(values, dtype=np.float64)
    count = len(rows)
    if count < MIN_BOOTSTRAP:
        return None

    def of(weights: Floats) -> Floats:
        means = weights @ rows
        return statistic(means) if statistic else means

    estimate = float(of(np.full((1, count), 1 / count))[0])
    draws = np.sort(of(_draws(count)))
    if draws[-1] - draws[0] <= SAME * abs(estimate):
        return estimate, estimate
    below = (np.searchsorted(draws, estimate) + np.searchsorted(draws, estimate, side="right")) / 2 / len(draws)
    bias = NORMAL.inv_cdf(min(max(float(below), 1 / len(draws)), 1 - 1 / len(draws)))
    left_out = of((1 - np.eye(count)) / (count - 1))
    pulls = left_out.mean() - left_out
    spread = float((pulls**2).sum())
    skewness = float((pulls**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    ends = [bias + NORMAL.inv_cdf((1 + side * confidence) / 2) for side in (-1, 1)]
    low, high = np.quantile(draws, [NORMAL.cdf(bias + end / (1 - skewness * end)) for end in ends])
    return float(low), float(high)


@functools.cache
def _signs(count: int) -> Floats:
    """Return patterns of signs, one a row: all there are, or as many as are drawn."""
    if count <= EXACT_UP_TO:
        bits = np.arange(2**count)[:, None] >> np.arange(count) & 1
    else:
        bits = np.random.default_rng(count).integers(0, 2, (DRAWS, count))
    return 1.0 - 2.0 * bits.astype(np.float64)


@functools.cache
def _draws(count: int) -> Floats:
    """Return samples with repeats of so many blocks, one a row, as the weight of each block."""
    places = np.random.default_rng(count).integers(0, count, (DRAWS, count))
    weights = np.zeros((DRAWS, count))
    np.add.at(weights, (np.arange(DRAWS)[:, None], places), 1 / count)
    return weights
