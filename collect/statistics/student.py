"""Student's t distribution for whole degrees of freedom, without a library."""

from __future__ import annotations

import functools
import math


def t_probability(t: float, df: int) -> float:
    """Return P(|T| <= t) for df >= 1 degrees of freedom.

    The finite series of Abramowitz and Stegun (1964), Handbook of Mathematical Functions, 26.7.3 and 26.7.4: exact.
    """
    angle = math.atan(t / math.sqrt(df))
    cosine, sine = math.cos(angle), math.sin(angle)
    if df == 1:
        return 2 * angle / math.pi
    term, total = (cosine, cosine) if df % 2 else (1.0, 1.0)
    for k in range(3 if df % 2 else 2, df - 1, 2):
        term *= cosine**2 * (k - 1) / k
        total += term
    return 2 / math.pi * (angle + sine * total) if df % 2 else sine * total


@functools.cache
def t_critical(df: int, confidence: float = 0.95) -> float:
    """Return the t for which P(|T| <= t) is ``confidence`` (in (0, 1)), by bisection to the last digits."""
    low, high = 0.0, 1.0
    while t_probability(high, df) < confidence:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if t_probability(middle, df) < confidence else (low, middle)
    return (low + high) / 2
