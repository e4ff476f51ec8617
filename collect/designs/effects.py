"""What each factor, and each pair of factors, does to the rate of a side and to the ratio: least squares with blocks.

Each side is fitted by itself (its noise is its own): log RPS = block + effects, with -1 and +1 for a factor's levels
(Box, Hunter and Hunter 2005, Statistics for Experimenters, chapters 5 and 6). Blocks are fixed effects: every block
holds every cell, so random ones (a mixed model) would give the same estimates. The noise is what the trials of one cell
differ by once their blocks are taken off ("pure error", the same, chapter 10), so an interval does not grow with what
the model leaves out; that is tested for by itself (lack of fit). The order in a block is random, so drifting noise is
no bias (Fisher 1935, The Design of Experiments).

The log ratio is fitted in the same way, from the two sides' trials of a block side by side. Where a cell stands for
several settings, since a factor changes nothing on its side, the effect on the ratio is that on the asynchronous side
less that on the synchronous one: their variances add; degrees of freedom after Welch (1947) and Satterthwaite (1946).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collect.designs.estimates import LogEstimate, holm, with_error
from collect.designs.factorial import Product
from collect.designs.model import ASYNC, SIDES, SYNC, Design, Setting

Floats = NDArray[np.float64]
Logs = Mapping[str, Mapping[int, float]]
"""Log RPS by cell and block, of usable trials."""
Term = tuple[Product, ...]
"""What no run can tell apart."""


@dataclass(frozen=True)
class Effect:
    """What it does to have a factor on equal terms, averaged over the settings of all others.

    Of two factors: by how many times the effect of one differs from that average where the other is on equal terms (of
    more: where none or an even number of the others is at the article's level).
    """

    term: Term
    estimate: LogEstimate


@dataclass(frozen=True)
class Fit:
    """The log rates of one side, or the log ratios: the coefficients, whose double is the effect."""

    terms: tuple[Term, ...]
    """Those of factors that change something."""
    names: frozenset[str]
    """The factors that do."""
    blocks: tuple[int, ...]
    coefficients: Floats
    """First the mean over blocks and settings, then one for each term."""
    covariance: Floats
    """From pure error; not a number where there is none."""
    df: float
    lack_of_fit_p: float | None
    """Of what the model leaves out being noise; None where it leaves out nothing."""

    def contrast(self, weights: Mapping[Term, float], level: float = 0.0) -> tuple[float, float]:
        """Return a sum of coefficients, each with its weight, and its variance."""
        vector = np.array([level, *(weights.get(term, 0.0) for term in self.terms)])
        return float(vector @ self.coefficients), float(vector @ self.covariance @ vector)

    def at(self, setting: Setting) -> dict[Term, float]:
        """Return the weights of a setting: the products of its levels, those that are confounded in equal parts."""
        return {term: statistics.fmean(_sign(product, setting) for product in self.active(term)) for term in self.terms}

    def active(self, term: Term) -> list[Product]:
        """Return what of a term changes something here."""
        return [product for product in term if set(product) <= self.names]


def _sign(product: Product, setting: Setting) -> int:
    return math.prod(1 if name in setting else -1 for name in product)


@dataclass(frozen=True)
class Ratio:
    """Fits that sum to what is asked about, each with its sign; they are of different trials."""

    fits: tuple[tuple[Fit, int], ...]

    def estimate(self, weights: Callable[[Fit], Mapping[Term, float]], level: float = 0.0) -> LogEstimate:
        """Return a contrast of each fit, summed."""
        total = variance = below = 0.0
        for fit, sign in self.fits:
            value, its = fit.contrast(weights(fit), level)
            total, variance = total + sign * value, variance + its
            below += its**2 / fit.df if fit.df > 0 else 0.0
        known = math.isfinite(variance) and below > 0
        error = math.sqrt(max(variance, 0.0)) if math.isfinite(variance) else 0.0
        df = variance**2 / below if known else min(fit.df for fit, _ in self.fits)
        return with_error(total, error, df, min(len(fit.blocks) for fit, _ in self.fits))


def fit_side(design: Design, terms: Iterable[Term], logs: Logs, side: str) -> Fit | None:
    """Fit one side's log rates; None where its usable trials cannot tell the effects apart."""
    names = frozenset(factor.name for factor in design.factors if side in factor.on)
    rows = {row.cells[side]: row for row in reversed(design.rows)}
    measured = [(row.equal, logs.get(cell, {})) for cell, row in rows.items()]
    return _fit(measured, names, [term for term in terms if any(set(product) <= names for product in term)])


def fit_ratio(design: Design, terms: Sequence[Term], logs: Logs, sides: Mapping[str, Fit]) -> Ratio | None:
    """Fit the log ratio; ``sides`` are the fits of both. None as for these.

    Where each cell stands for one setting alone, from the two sides' trials of a block, setting by setting: what meets
    both of them drops out. Else from the two fits.
    """
    if any(len(design.cells(side)) < len(design.rows) for side in SIDES):
        return Ratio(((sides[ASYNC], 1), (sides[SYNC], -1)))
    measured = []
    for row in design.rows:
        top, bottom = (logs.get(row.cells[side], {}) for side in (ASYNC, SYNC))
        measured.append((row.equal, {block: top[block] - bottom[block] for block in top.keys() & bottom.keys()}))
    paired = _fit(measured, frozenset(design.names), terms)
    return Ratio(((paired, 1),)) if paired else None


def _fit(
    measured: Sequence[tuple[Setting, Mapping[int, float]]], names: frozenset[str], terms: Sequence[Term]
) -> Fit | None:
    from statsmodels.regression.linear_model import OLS

    places = [(index, block) for index, (_, values) in enumerate(measured) for block in sorted(values)]
    blocks = sorted({block for _, block in places})
    if not blocks:
        return None
    y = np.array([measured[index][1][block] for index, block in places])
    # Blocks as differences from their mean, so that the constant is the mean over blocks.
    block = np.array([[float(b == each) - float(b == blocks[-1]) for each in blocks[:-1]] for _, b in places])
    block = block.reshape(len(places), -1)
    active = [next(product for product in term if set(product) <= names) for term in terms]
    columns = [[1.0, *(_sign(product, measured[index][0]) for product in active)] for index, _ in places]
    x = np.hstack([np.array(columns, dtype=float), block])
    if np.linalg.matrix_rank(x) < x.shape[1]:
        return None
    found: Any = OLS(y, x).fit()
    each = np.array([[float(index == one) for one in range(len(measured))] for index, _ in places])
    pure, df = _residuals(y, np.hstack([each, block]))
    size, noise = 1 + len(terms), pure / df if df > 0 else math.nan
    left_out, lack = float(found.df_resid - df), None
    if df > 0 and left_out > 0 and noise > 0:
        lack = _f_tail((found.ssr - pure) / left_out / noise, left_out, df)
    return Fit(
        tuple(terms), names, tuple(blocks), np.asarray(found.params[:size]),
        np.asarray(found.normalized_cov_params)[:size, :size] * noise, df, lack,
    )  # fmt: skip


def _residuals(y: Floats, x: Floats) -> tuple[float, float]:
    """Return the sum of squares that is left, and its degrees of freedom; columns may depend on one another."""
    solved, _, rank, _ = np.linalg.lstsq(x, y, rcond=None)
    return float(((y - x @ solved) ** 2).sum()), float(len(y) - rank)


def _f_tail(f: float, top: float, bottom: float) -> float:
    from scipy.special import fdtrc

    return float(fdtrc(top, bottom, max(f, 0.0)))


def side_effects(fit: Fit) -> list[Effect]:
    """Return what each term does to a side's rate, on equal terms against the article's way."""
    return _effects(Ratio(((fit, 1),)), [(term, tuple(fit.active(term))) for term in fit.terms])


def ratio_effects(ratio: Ratio) -> list[Effect]:
    """Return what each term does to the ratio."""
    return _effects(
        ratio, [(term, term) for term in dict.fromkeys(term for fit, _ in ratio.fits for term in fit.terms)]
    )


def _effects(of: Ratio, terms: Iterable[tuple[Term, Term]]) -> list[Effect]:
    """Return the effect of each first term, called by the second one."""
    known = list(terms)
    made = [of.estimate(partial(_same, weights={term: 2.0})) for term, _ in known]
    return [Effect(named, estimate) for (_, named), estimate in zip(known, holm(made), strict=True)]


def _same(_: Fit, *, weights: Mapping[Term, float]) -> Mapping[Term, float]:
    return weights


def log_ratio(ratio: Ratio, setting: Setting) -> LogEstimate:
    """Return the log ratio at a setting, by the model."""
    return ratio.estimate(lambda fit: fit.at(setting), 1.0)
