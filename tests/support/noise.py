"""Noise whose truth is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def first_order(rng: np.random.Generator, memory: float, experiments: int, count: int) -> Floats:
    """Return normal noise of mean 0 and deviation 1, a row an experiment; each value keeps ``memory`` of the last."""
    fresh = rng.normal(0, np.sqrt(1 - memory**2), (experiments, count))
    noise = np.empty((experiments, count))
    noise[:, 0] = rng.normal(0, 1, experiments)
    for index in range(1, count):
        noise[:, index] = memory * noise[:, index - 1] + fresh[:, index]
    return noise
