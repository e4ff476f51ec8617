"""Exact percentiles from raw values."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray


def percentile(ordered: NDArray[Any], share: float) -> Any:
    """Return the smallest value that at least ``share`` (in (0, 1]) of all values do not exceed.

    ``ordered`` is sorted and not empty. This is the inverse of the empirical distribution function, definition 1 of
    Hyndman and Fan (1996), "Sample quantiles in statistical packages", The American Statistician 50(4), also called
    the nearest rank: always a value that was measured, never one between two.
    """
    assert len(ordered)
    assert 0 < share <= 1
    # In binary 0.07 * 100 is a little above 7; the decimal fraction that is meant gives rank 7, not 8.
    return ordered[math.ceil(Fraction(repr(share)) * len(ordered)) - 1]


def percentile_curve(ordered: NDArray[Any], points: int = 200) -> tuple[list[float], list[Any]]:
    """Return shares and their percentiles for drawing, dense towards 1 as tails are read: 1 - 10**-x, evenly in x.

    The last share is the one of the largest value, 1 - 1/n, so that the curve ends where the data do.
    """
    count = len(ordered)
    assert count
    exponents = np.linspace(0, math.log10(max(count, 2)), points)
    shares = [float(share) for share in 1 - 10**-exponents]
    return shares, [percentile(ordered, max(share, 1 / count)) for share in shares]
