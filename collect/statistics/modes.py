"""Whether latencies pile up at a place where something waits for a timer."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

CHANCE = 4.0
"""Standard errors by which a pile must stand out of its neighbourhood: a band looked at in every trial."""


def pile_share(values: NDArray[np.float64], low: float, high: float) -> float | None:
    """Return which share of the values is in [low, high) beyond what the bands beside it let expect; None without any.

    The two bands, each as wide as the place itself and a half-width away, give the density there by interpolation
    (geometric, as latencies fall off like that); the excess counts if it is beyond the noise of counting (Poisson). So
    a broad distribution that happens to lie there shows nothing, whatever its share.
    """
    if not len(values):
        return None
    width = high - low
    ordered = np.sort(values)

    def count(a: float, b: float) -> int:
        return int(np.searchsorted(ordered, b) - np.searchsorted(ordered, a))

    inside = count(low, high)
    below, above = count(low - 1.5 * width, low - 0.5 * width), count(high + 0.5 * width, high + 1.5 * width)
    expected = max(math.sqrt(below * above), (below + above) / 2 if not below * above else 0.0)
    excess = inside - expected
    return excess / len(values) if excess > CHANCE * math.sqrt(expected + inside / 2 + 1) else 0.0
