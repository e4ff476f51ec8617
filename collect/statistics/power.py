"""How likely a t interval is to find a difference of a given size, and how many pairs that takes."""

from __future__ import annotations

import math

MANY = 10_000
"""Degrees of freedom from which on t is normal to four digits."""
MOST_PAIRS = 10**8


def power(effect: float, deviation: float, pairs: int, *, spent: int = 1, confidence: float = 0.95) -> float:
    """Return the probability that the interval of so many pairs' mean leaves out 0.

    ``effect`` and ``deviation`` are those of the paired differences, in the same unit; ``spent`` are the degrees of
    freedom that the estimate takes (1: the mean; 2: a covariate's slope as well). By the noncentral t distribution:
    Johnson and Welch (1940), "Applications of the non-central t-distribution", Biometrika 31. Both sides count, the
    wrong one as well.
    """
    from scipy.special import nctdtr, ndtr, ndtri, stdtrit

    df = pairs - spent
    if df < 1:
        return 0.0
    if deviation <= 0:
        return 1.0 if effect else 0.0
    shift = abs(effect) / deviation * math.sqrt(pairs)
    if df > MANY or shift > 30:
        critical = float(ndtri(0.5 + confidence / 2)) if df > MANY else float(stdtrit(df, 0.5 + confidence / 2))
        return float(ndtr(shift - critical) + ndtr(-shift - critical))
    critical = float(stdtrit(df, 0.5 + confidence / 2))
    return float(1 - nctdtr(df, shift, critical) + nctdtr(df, shift, -critical))


def pairs_for(effect: float, deviation: float, wanted: float = 0.9, *, spent: int = 1) -> int | None:
    """Return the fewest pairs with at least the wanted power; None where no number up to 100 million has it."""
    if power(effect, deviation, MOST_PAIRS, spent=spent) < wanted:
        return None
    low, high = spent, spent + 2
    while power(effect, deviation, high, spent=spent) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if power(effect, deviation, middle, spent=spent) < wanted else (low, middle)
    return high


def deviation_interval(deviation: float, df: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of a standard deviation with so many degrees of freedom.

    From the chi-squared distribution of its square (Helmert 1876); holds as far as the values are near normal.
    """
    from scipy.special import gammaincinv

    tail = (1 - confidence) / 2
    most, least = (2 * float(gammaincinv(df / 2, share)) for share in (1 - tail, tail))
    return deviation * math.sqrt(df / most), deviation * math.sqrt(df / least)


def share_interval(count: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share that was seen ``count`` times out of ``of``.

    Clopper and Pearson (1934), "The use of confidence or fiducial limits illustrated in the case of the binomial",
    Biometrika 26: never too narrow.
    """
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    low = float(betaincinv(count, of - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, of - count, 1 - tail)) if count < of else 1.0
    return low, high
