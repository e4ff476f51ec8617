"""What each factor, and each pair of factors, does to the rate of a side and to the ratio: least squares with blocks.

Each side is fitted by itself (its noise is its own): log RPS = block + effects, with -1 and +1 for a factor's levels
(Box, Hunter and Hunter 2005, Statistics for Experimenters, chapters 5 and 6). Blocks are fixed effects: every block
holds every cell, so random ones (a mixed model) would give the same estimates. The noise is what the trials of one cell
differ by once their blocks are taken off ("pure error", the same, chapter 10), so an interval does not grow with what
the model leaves out; that is tested for by itself (lack of fit). The order in a block is random, so drifting noise is
no bias (Fisher 1935, The Design of Experiments).

An effect on the log ratio is that on the asynchronous side less that on the synchronous one, whose trials are others:
their variances add; degrees of freedom after Welch (1947) and Satterthwaite (1946).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collect.designs.estimates import LogEstimate, holm, with_error
from collect.designs.factorial import Product
from collect.designs.model import ASYNC, SYNC, Design, Setting

Floats = NDArray[np.float64]
Logs = Mapping[str, Mapping[int, float]]
"""Log RPS by cell and block, of usable trials."""
Term = tuple[Product, ...]
"""What no run can tell apart."""


@dataclass(frozen=True)
class Effect:
    """What it does to have the factor (the product of factors) on equal terms, averaged over all others."""

    term: Term
    estimate: LogEstimate


@dataclass(frozen=True)
class SideFit:
    """One side: its coefficients, whose double is the effect."""

    terms: tuple[Term, ...]
    """Those of factors that change something on this side."""
    names: frozenset[str]
    blocks: tuple[int, ...]
    level: float
    """The mean log RPS over blocks and settings."""
    coefficients: Floats
    covariance: Floats
    """Of level and coefficients, from pure error; not a number where there is none."""
    df: float
    lack_of_fit_p: float | None
    """Of what the model leaves out being noise; None where it leaves out nothing."""

    def contrast(self, weights: Mapping[Term, float], level: float = 0.0) -> tuple[float, float]:
        """Return a sum of coefficients, each with its weight, and its variance."""
        vector = np.array([level, *(weights.get(term, 0.0) for term in self.terms)])
        value = float(vector @ np.concatenate([[self.level], self.coefficients]))
        return value, float(vector @ self.covariance @ vector)

    def at(self, setting: Setting) -> dict[Term, float]:
        """Return the weights of a setting: the products of its levels, those that are confounded in equal parts."""
        return {term: statistics.fmean(_sign(product, setting) for product in self.active(term)) for term in self.terms}

    def active(self, term: Term) -> list[Product]:
        """Return what of a term changes something on this side."""
        return [product for product in term if set(product) <= self.names]


def _sign(product: Product, setting: Setting) -> int:
    return math.prod(1 if name in setting else -1 for name in product)


def fit_side(design: Design, terms: Iterable[Term], logs: Logs, side: str) -> SideFit | None:
    """Fit one side; None where its usable trials cannot tell the effects apart."""
    from statsmodels.regression.linear_model import OLS

    names = frozenset(factor.name for factor in design.factors if side in factor.on)
    mine = tuple(term for term in terms if any(set(product) <= names for product in term))
    rows = {row.cells[side]: row for row in reversed(design.rows)}
    places = [(cell, block) for cell in rows for block in sorted(logs.get(cell, {}))]
    blocks = sorted({block for _, block in places})
    if not blocks:
        return None
    y = np.array([logs[cell][block] for cell, block in places])
    # Blocks as differences from their mean, so that the constant is the mean over blocks.
    block = np.array([[float(b == each) - float(b == blocks[-1]) for each in blocks[:-1]] for _, b in places])
    active = [next(product for product in term if set(product) <= names) for term in mine]
    columns = np.array([[_sign(product, rows[cell].equal) for product in active] for cell, _ in places], dtype=float)
    constant = np.ones((len(places), 1))
    x = np.hstack([constant, columns.reshape(len(places), -1), block.reshape(len(places), -1)])
    if np.linalg.matrix_rank(x) < x.shape[1]:
        return None
    found: Any = OLS(y, x).fit()
    cell_of = np.array([[float(cell == each) for each in rows] for cell, _ in places])
    pure, df = _residuals(y, np.hstack([cell_of, block.reshape(len(places), -1)]))
    size, noise = 1 + len(mine), pure / df if df > 0 else math.nan
    left_out = float(found.df_resid - df)
    lack = None
    if df > 0 and left_out > 0:
        lack = float(_f_tail((found.ssr - pure) / left_out / noise, left_out, df)) if noise > 0 else None
    return SideFit(
        mine, names, tuple(blocks), float(found.params[0]), np.asarray(found.params[1:size]),
        np.asarray(found.normalized_cov_params)[:size, :size] * noise, df, lack,
    )  # fmt: skip


def _residuals(y: Floats, x: Floats) -> tuple[float, float]:
    """Return the sum of squares that is left, and its degrees of freedom; columns may depend on one another."""
    solved, _, rank, _ = np.linalg.lstsq(x, y, rcond=None)
    return float(((y - x @ solved) ** 2).sum()), float(len(y) - rank)


def _f_tail(f: float, top: float, bottom: float) -> float:
    from scipy.special import fdtrc

    return float(fdtrc(top, bottom, max(f, 0.0)))


def difference(fits: Mapping[str, SideFit], weights: Mapping[str, Mapping[Term, float]], level: float) -> LogEstimate:
    """Return a contrast of the asynchronous side less the same of the synchronous one."""
    values, parts = [], []
    for side in (ASYNC, SYNC):
        value, variance = fits[side].contrast(weights[side], level)
        values.append(value)
        parts.append((variance, fits[side].df))
    total = sum(variance for variance, _ in parts)
    below = sum(variance**2 / df for variance, df in parts if df > 0)
    return _estimate(values[0] - values[1], total, total**2 / below if below > 0 else 0.0, fits.values())


def side_effects(fit: SideFit) -> list[Effect]:
    """Return what each term does to a side's rate, on equal terms against the article's way."""
    made = []
    for term in fit.terms:
        value, variance = fit.contrast({term: 2.0})
        made.append(_estimate(value, variance, fit.df, [fit]))
    named = [tuple(fit.active(term)) for term in fit.terms]
    return [Effect(term, estimate) for term, estimate in zip(named, holm(made), strict=True)]


def ratio_effects(terms: Sequence[Term], fits: Mapping[str, SideFit]) -> list[Effect]:
    """Return what each term does to the ratio."""
    some = [term for term in terms if any(term in fit.terms for fit in fits.values())]
    made = [difference(fits, {side: {term: 2.0} for side in fits}, 0.0) for term in some]
    return [Effect(term, estimate) for term, estimate in zip(some, holm(made), strict=True)]


def log_ratio(fits: Mapping[str, SideFit], setting: Setting) -> LogEstimate:
    """Return the log ratio at a setting, by the model."""
    return difference(fits, {side: fit.at(setting) for side, fit in fits.items()}, 1.0)


def _estimate(value: float, variance: float, df: float, fits: Iterable[SideFit]) -> LogEstimate:
    blocks = min(len(fit.blocks) for fit in fits)
    return with_error(value, math.sqrt(max(variance, 0.0)), df if math.isfinite(variance) else 0.0, blocks)
