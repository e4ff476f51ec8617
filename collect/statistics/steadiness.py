"""Whether a rate stayed the same while it was measured: steps, drifts and oscillations against its own noise.

Noise of a rate is not independent from moment to moment, so each change is held against the long-run variance, not the
plain one: s^2 (1 + p) / (1 - p) for noise of the first-order autoregressive kind with coefficient p (Anderson (1971),
The Statistical Analysis of Time Series, 8.3.1), estimated from what is left when the change itself is taken out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST_PART = 0.15
"""The shortest stretch of the window that counts as lasting."""
LEAST_BINS = 8
MOST_MEMORY = 0.8
"""A larger coefficient than this cannot be told from a change with so few values."""


@dataclass(frozen=True)
class Change:
    """The largest lasting change of a rate."""

    kind: str
    """step, drift or oscillation."""
    size: float
    """Difference of the levels as a share of the mean; positive where the later (or inner) level is higher."""
    score: float
    """The same in standard errors of the noise."""
    at: float
    """Where it is, as a share of the window: a step's begin, else 0."""
    until: float = 1.0
    """Where a step ends; 1 where it lasts to the end."""


def rates_of(start: Floats, end: Floats, t1: float, t2: float, most: int = 40) -> Floats:
    """Return the rate in equal parts of a span, as many as hold some 15 events each, at most ``most``.

    Each event counts where it was under way, not at its end: ten users who wait 100 ms and ask again in step would
    otherwise show as a rate that oscillates.
    """
    inside = int(((end > t1) & (end <= t2)).sum())
    edges = np.linspace(t1, t2, int(np.clip(inside // 15, 1, most)) + 1)
    done = np.searchsorted(np.sort(end), edges, side="right").astype(np.float64)
    for index, edge in enumerate(edges):
        begun = (start < edge) & (end > edge)
        done[index] += float(((edge - start[begun]) / (end[begun] - start[begun])).sum())
    rate: Floats = np.diff(done) / (edges[1] - edges[0])
    return rate


def largest_step(rate: Floats) -> Change | None:
    """Return the stretch whose level differs most from the rest: one that ends with the window is a step.

    The scan over all stretches is that of Levin and Kline (1985), "The CUSUM test of homogeneity", Statistics in
    Medicine 4, for an epidemic alternative; None for too few values or none that are not 0.
    """
    count, mean = len(rate), float(rate.mean()) if len(rate) else 0.0
    if count < LEAST_BINS or mean <= 0:
        return None
    least = max(2, math.ceil(LEAST_PART * count))
    sums = np.concatenate([[0.0], np.cumsum(rate)])
    begin, end = np.triu_indices(count + 1, k=least)
    inside = end - begin
    fits = (count - inside >= least) & (begin > 0)
    begin, end, inside = begin[fits], end[fits], inside[fits]
    total = sums[-1]
    level = (sums[end] - sums[begin]) / inside
    rest = (total - sums[end] + sums[begin]) / (count - inside)
    error = np.sqrt(1 / inside + 1 / (count - inside))
    best = int(np.argmax(np.abs(level - rest) / error))
    first, last = int(begin[best]), int(end[best])
    fitted = np.full(count, rest[best])
    fitted[first:last] = level[best]
    noise = long_run_deviation(rate - fitted) * float(error[best])
    difference = float(level[best] - rest[best])
    score = abs(difference) / noise if noise > 0 else math.inf if difference else 0.0
    return Change("step", difference / mean, score, first / count, last / count)


def largest_drift(rate: Floats) -> Change | None:
    """Return the change from begin to end along a straight line (least squares)."""
    count, mean = len(rate), float(rate.mean()) if len(rate) else 0.0
    if count < LEAST_BINS or mean <= 0:
        return None
    x = (np.arange(count) + 0.5) / count - 0.5
    slope = float((x * rate).sum() / (x**2).sum())
    noise = long_run_deviation(rate - mean - slope * x) / math.sqrt(float((x**2).sum()))
    score = abs(slope) / noise if noise > 0 else math.inf if slope else 0.0
    return Change("drift", slope / mean, score, 0.0)


def oscillation(rate: Floats) -> tuple[float, float, int]:
    """Return the strongest frequency's part of the variance, its amplitude as a share of the mean, and its periods.

    Fisher (1929), "Tests of significance in harmonic analysis", Proc. R. Soc. A 125: the largest ordinate of the
    periodogram over their sum. A single period is no oscillation, and the slowest noise looks like one.
    """
    count, mean = len(rate), float(rate.mean()) if len(rate) else 0.0
    if count < 2 * LEAST_BINS or mean <= 0:
        return 0.0, 0.0, 0
    power = np.abs(np.fft.rfft(rate - mean)) ** 2
    power = power[1 : (count - 1) // 2 + 1]
    if power.sum() <= 0:
        return 0.0, 0.0, 0
    best = 1 + int(np.argmax(power[1:]))
    amplitude = 2 * math.sqrt(float(power[best])) / count
    return float(power[best] / power.sum()), amplitude / mean, best + 1


def long_run_deviation(noise: Floats) -> float:
    """Return the deviation that the noise's sums have per square root of their number; first-order memory counted."""
    count = len(noise)
    variance = float((noise**2).sum() / max(1, count - 2))
    if variance <= 0:
        return 0.0
    memory = float((noise[1:] * noise[:-1]).sum() / (noise**2).sum())
    # The estimate is too small in short series (Kendall (1954), "Note on bias in the estimation of autocorrelation").
    memory = float(np.clip(memory + (1 + 3 * memory) / count, 0, MOST_MEMORY))
    return math.sqrt(variance * (1 + memory) / (1 - memory))
