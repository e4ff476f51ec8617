"""How sure the rate of one trial is, from the noise within its window.

The interval is of the rate that this server process, on this machine as it was in these seconds, would have had in a
window without end. It says nothing of the next process or the next minute: the interval over blocks does.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from collect.statistics.intervals import t_critical

Floats = NDArray[np.float64]
LEAST_PARTS = 8
MOST_PARTS = 120
PART_S, LONG_PART_S = 0.25, 1.0
"""A part of windows up to 30 s, and of longer ones: 24 parts of a window of 6 s, 120 of 30 s, 60 of a minute."""
LEAST_ANSWERS = 15
"""Answers that a part holds on average; with fewer it is counting that is seen."""


def part_count(length_s: float, answers: int) -> int:
    """Return into how many equal parts a window is cut; 0 for one that is too short, or has too few answers."""
    part_s = PART_S if length_s <= MOST_PARTS * PART_S + PART_S / 2 else LONG_PART_S
    parts = min(round(length_s / part_s), MOST_PARTS, answers // LEAST_ANSWERS)
    return parts if parts >= LEAST_PARTS else 0


def parts_of(moments: Floats, t1: float, t2: float, parts: int) -> NDArray[np.int64]:
    """Return in which of the equal parts of (t1, t2] each moment lies."""
    place: NDArray[np.int64] = ((moments - t1) / (t2 - t1) * parts).astype(np.int64)
    return np.clip(place, 0, parts - 1)


def rate_interval(ends: Floats, t1: float, t2: float) -> tuple[float, float] | None:
    """Return the 95 % interval of the rate of answers, whose moments in (t1, t2] are given; None for too few."""
    parts = part_count(t2 - t1, len(ends))
    if not parts:
        return None
    counts = np.bincount(parts_of(ends, t1, t2, parts), minlength=parts).astype(np.float64)
    error, freedom = long_run_error(counts)
    rate, half = len(ends) / (t2 - t1), t_critical(freedom) * error * parts / (t2 - t1)
    return max(0.0, rate - half), rate + half


def long_run_error(values: Floats) -> tuple[float, int]:
    """Return the standard error of the mean of autocorrelated values, and the degrees of freedom of its Student's t.

    The equal-weighted cosine estimator, with 0.4 n^(2/3) cosines for the slowest movements of n values: Lazarus, Lewis,
    Stock and Watson (2018), "HAR inference: recommendations for practice", JBES 36(4); Müller (2007), "A theory of
    robust long-run variance estimation", Journal of Econometrics 141. No model of the noise is needed, a drift counts
    as noise, and its t has a known distribution. Newey and West's weights with normal quantiles, the usual choice,
    cover 80 to 93 % instead of 95 with so few values.
    """
    count = len(values)
    assert count >= LEAST_PARTS
    cosines = max(2, math.floor(0.4 * count ** (2 / 3)))
    waves = np.cos(math.pi * np.outer(np.arange(1, cosines + 1), np.arange(count) + 0.5) / count)
    projected = math.sqrt(2 / count) * waves @ values
    return math.sqrt(float((projected**2).mean()) / count), cosines
