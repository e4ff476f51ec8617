"""Shares of the ratio that do not depend on the order in which its causes are taken away.

v(S) = L({}) - L(S) is how much of the log ratio goes when the factors of S are put on equal terms. A factor's share is
the mean of what it adds to v over all orders (Shapley (1953), "A value for n-person games", Contributions to the Theory
of Games II); shares sum to v(all), and with L(all), async itself, to the whole. L comes from the fitted model, as not
every setting is measured.

The model is a sum of products of levels (-1, +1), and shares of a sum are sums of shares. In a product of s factors all
are alike, so each has the same part of what it gives to v(all): nothing where s is even, as the product is +1 at both
ends, and else 2/s of the coefficient, taken off. So interactions of two, confounded or not, leave the shares alone.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from collect.designs.effects import Fit, Ratio, Term
from collect.designs.estimates import LogEstimate, holm
from collect.designs.factorial import Product
from collect.designs.model import Design

DRAWS = 10_000
MIN_BOOTSTRAP_BLOCKS = 5
"""Fewer blocks can be drawn in too few ways."""


@dataclass(frozen=True)
class Share:
    """One factor's share of the log ratio."""

    factor: str
    estimate: LogEstimate
    """With the interval of the model's least squares."""
    bootstrap: tuple[float, float] | None
    """The interval by drawing blocks, as logs; None from too few."""

    @property
    def interval(self) -> tuple[float, float] | None:
        """The interval as logs: the model's, and as far as the bootstrap's goes beyond it, that one."""
        low, high = self.estimate.low_log, self.estimate.high_log
        if low is None or high is None:
            return None
        return (min(low, self.bootstrap[0]), max(high, self.bootstrap[1])) if self.bootstrap else (low, high)

    @property
    def shown(self) -> LogEstimate:
        """The estimate with that interval: it counts only if that, too, tells it from none."""
        low, high = self.interval or (None, None)
        return replace(self.estimate, low_log=low, high_log=high)


def share_weights(name: str, fit: Fit) -> dict[Term, float]:
    """Return how the share of a factor depends on a fit's coefficients."""
    return {term: statistics.fmean(_weight(name, product) for product in fit.active(term)) for term in fit.terms}


def _weight(name: str, product: Product) -> float:
    return -2 / len(product) if name in product and len(product) % 2 else 0.0


def shares(design: Design, ratio: Ratio, blocks: Sequence[Ratio], seed: int) -> list[Share]:
    """Return each factor's share with its interval.

    ``blocks`` are the fits of each block by itself that has all trials, ``seed`` is that of the draws.
    """
    made = holm([_share(ratio, name) for name in design.names])
    drawn = _drawn([[_share(one, name).log for name in design.names] for one in blocks], seed)
    return [
        Share(name, estimate, drawn[index] if drawn else None)
        for index, (name, estimate) in enumerate(zip(design.names, made, strict=True))
    ]


def _share(ratio: Ratio, name: str) -> LogEstimate:
    return ratio.estimate(lambda fit: share_weights(name, fit))


def removed(design: Design, ratio: Ratio) -> LogEstimate:
    """Return v(all): what of the log ratio is not async itself."""

    def weights(fit: Fit) -> dict[Term, float]:
        first, last = fit.at(frozenset()), fit.at(design.all)
        return {term: first[term] - last[term] for term in first}

    return ratio.estimate(weights)


def _drawn(each: Sequence[Sequence[float]], seed: int) -> list[tuple[float, float]] | None:
    """Return intervals by drawing whole blocks (Efron and Tibshirani 1993, An Introduction to the Bootstrap).

    Of few blocks the plain percentile interval is too narrow: its levels are widened to those at which it is the t
    interval when all is normal (Hesterberg (2015), "What teachers should know about the bootstrap", The American
    Statistician 69). By itself it holds in 93.5 % with six blocks of simulated noise, so it only widens the model's,
    which holds in 95 %. Blocks that lack a trial are left out.
    """
    from scipy.special import ndtr, stdtrit

    count = len(each)
    if count < MIN_BOOTSTRAP_BLOCKS:
        return None
    picks = np.random.default_rng(seed).integers(0, count, (DRAWS, count))
    means = np.array(each)[picks].mean(axis=1)
    level = float(ndtr(math.sqrt(count / (count - 1)) * stdtrit(count - 1, 0.025)))
    low, high = np.quantile(means, [level, 1 - level], axis=0)
    return [(float(a), float(b)) for a, b in zip(low, high, strict=True)]
