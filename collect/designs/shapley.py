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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from collect.designs.effects import Logs, SideFit, Term, difference, fit_side
from collect.designs.estimates import LogEstimate, holm
from collect.designs.factorial import Product
from collect.designs.model import ASYNC, SYNC, Design, complete_blocks

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


def share_weights(name: str, fit: SideFit) -> dict[Term, float]:
    """Return how the share of a factor depends on a side's coefficients."""
    return {term: statistics.fmean(_weight(name, product) for product in fit.active(term)) for term in fit.terms}


def _weight(name: str, product: Product) -> float:
    return -2 / len(product) if name in product and len(product) % 2 else 0.0


def shares(design: Design, terms: Sequence[Term], fits: Mapping[str, SideFit], logs: Logs, seed: int) -> list[Share]:
    """Return each factor's share with its interval; ``seed`` is that of the draws."""
    weights = {name: {side: share_weights(name, fit) for side, fit in fits.items()} for name in design.names}
    made = holm([difference(fits, weights[name], 0.0) for name in design.names])
    drawn = _drawn(design, terms, weights, logs, seed)
    return [
        Share(name, estimate, drawn[index] if drawn else None)
        for index, (name, estimate) in enumerate(zip(design.names, made, strict=True))
    ]


def removed(design: Design, fits: Mapping[str, SideFit]) -> LogEstimate:
    """Return v(all): what of the log ratio is not async itself."""
    ends = {side: (fit.at(frozenset()), fit.at(design.all)) for side, fit in fits.items()}
    weights = {side: {term: first[term] - last[term] for term in first} for side, (first, last) in ends.items()}
    return difference(fits, weights, 0.0)


def _drawn(
    design: Design, terms: Sequence[Term], weights: Mapping[str, Mapping[str, Mapping[Term, float]]], logs: Logs,
    seed: int,
) -> list[tuple[float, float]] | None:  # fmt: skip
    """Return intervals by drawing whole blocks (Efron and Tibshirani 1993, An Introduction to the Bootstrap).

    Of few blocks the plain percentile interval is too narrow: its levels are widened to those at which it is the t
    interval when all is normal (Hesterberg (2015), "What teachers should know about the bootstrap", The American
    Statistician 69). By itself it holds in 93.5 % with six blocks of simulated noise, so it only widens the model's,
    which holds in 95 %. Blocks that lack a trial are left out.
    """
    from scipy.special import ndtr, stdtrit

    blocks = complete_blocks(design, logs)
    count = len(blocks)
    if count < MIN_BOOTSTRAP_BLOCKS:
        return None
    each = np.zeros((count, len(design.names)))
    for place, block in enumerate(blocks):
        one = {cell: {block: by_block[block]} for cell, by_block in logs.items() if block in by_block}
        for side, sign in ((ASYNC, 1.0), (SYNC, -1.0)):
            fit = fit_side(design, terms, one, side)
            assert fit is not None, "a complete block tells all effects apart"
            each[place] += [sign * fit.contrast(weights[name][side])[0] for name in design.names]
    picks = np.random.default_rng(seed).integers(0, count, (DRAWS, count))
    means = each[picks].mean(axis=1)
    level = float(ndtr(math.sqrt(count / (count - 1)) * stdtrit(count - 1, 0.025)))
    low, high = np.quantile(means, [level, 1 - level], axis=0)
    return [(float(a), float(b)) for a, b in zip(low, high, strict=True)]
