"""How sure a percentile of one trial is, whatever the latencies' distribution, and although they hang together.

What delays one request delays those beside it, so n requests tell less than n independent ones would. The percentile's
interval runs from one measured value to another: those whose ranks bound the percentile of as many independent values
as the requests are worth.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collect.statistics.intervals import t_critical
from collect.statistics.percentiles import percentile
from collect.statistics.rates import long_run_error

Bounds = tuple[Any | None, Any | None]
TAIL = 0.025
NORMAL = 1.959963984540054
"""The quantile of the normal distribution that leaves such a tail."""


def quantile_interval(values: NDArray[Any], part: NDArray[np.int64], parts: int, share: float) -> Bounds:
    """Return the 95 % interval of the percentile of ``share`` (in (0, 1)) from values and the part of each.

    A bound is None where so many values cannot tell it: 99 % of fewer than 368 independent values have no upper one.
    Test inversion as of Woodruff (1952), "Confidence intervals for medians and other position measures", JASA 47; ranks
    from the binomial distribution (David and Nagaraja (2003), Order Statistics, 7.1) of the effective number of values.
    """
    ordered = np.sort(values)
    number = effective_number(values <= percentile(ordered, share), part, parts)
    low, high = _ranks(number, share)
    count = len(ordered)
    return (
        ordered[math.floor(low / number * count) - 1] if low else None,
        ordered[math.ceil(high / number * count) - 1] if high else None,
    )


def effective_number(below: NDArray[np.bool_], part: NDArray[np.int64], parts: int) -> int:
    """Return how many independent values would tell the share of those below as well; at most as many as there are.

    Heidelberger and Lewis (1984), "Quantile estimation in dependent sequences", Operations Research 32(1): the variance
    of the empirical distribution at the percentile is the long-run variance of the indicator, here of its sums over
    parts of the window. That it is itself an estimate is counted as Korn and Graubard (1998), "Confidence intervals for
    proportions with small expected number of positive counts", Survey Methodology 24, do: by the square of the normal
    quantile over that of Student's t.
    """
    count = len(below)
    share = float(below.mean())
    sums = np.bincount(part, weights=below - share, minlength=parts).astype(np.float64)
    error, freedom = long_run_error(sums)
    variance = (error * parts / count) ** 2
    if variance <= 0:
        return count
    number = share * (1 - share) / variance * (NORMAL / t_critical(freedom)) ** 2
    return int(np.clip(number, 1, count))


def _ranks(number: int, share: float) -> tuple[int | None, int | None]:
    """Return the ranks, from 1, of the order statistics that bound a percentile; None where none is so far out."""
    from scipy.special import bdtr

    reach = 8 * math.sqrt(number * share * (1 - share)) + 10
    first, last = (math.floor(number * share - reach), math.ceil(number * share + reach))
    counts = np.arange(max(0, first), min(number, last) + 1)
    chance = bdtr(counts.astype(np.float64), number, share)
    # The value of rank r is at most the percentile unless fewer than r values are: P(count < r) may be the tail.
    below = counts[chance <= TAIL]
    above = counts[chance >= 1 - TAIL]
    low = int(below[-1]) + 1 if len(below) else None
    high = int(above[0]) + 1
    return low, high if high <= number else None
