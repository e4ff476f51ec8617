"""Variances that are drawn towards what is usual: what is recovered, and whether the intervals hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import polygamma, stdtr, stdtrit

from collect.statistics.moderated import moderated, trigamma_inverse

CELLS, BLOCKS = 40, 3


@pytest.mark.parametrize("y", [1e-4, 0.02, 0.5, 1.0, 7.0, 400.0])
def test_the_inverse_is_one(y: float) -> None:
    assert trigamma_inverse(float(polygamma(1, y))) == pytest.approx(y, rel=1e-6)


def test_equal_truths_are_told_from_all_cells() -> None:
    rng = np.random.default_rng(1)
    variances = 0.04 * rng.chisquare(2, 2000) / 2
    told = moderated(list(variances), [2.0] * 2000)
    assert told.prior_df > 50
    assert np.median(told.variances) == pytest.approx(0.04, rel=0.1)


def test_unlike_truths_stay_unlike_and_their_spread_is_found() -> None:
    rng = np.random.default_rng(2)
    truths = 0.04 * 4 / rng.chisquare(4, 4000)  # what the method takes for granted: 4 degrees of freedom
    variances = truths * rng.chisquare(2, 4000) / 2
    told = moderated(list(variances), [2.0] * 4000)
    assert 3 < told.prior_df < 4.2
    assert (told.df == told.prior_df + 2).all()
    raw = np.abs(np.log(variances / truths)).mean()
    assert np.abs(np.log(told.variances / truths)).mean() < raw / 1.5


def test_what_is_known_of_a_cell_is_made_use_of() -> None:
    rng = np.random.default_rng(3)
    busy = rng.uniform(0, 1, 400)
    truths = np.exp(-9 + 6 * busy)
    variances = list(truths * rng.chisquare(2, 400) / 2)
    alone, together = moderated(variances, [2.0] * 400), moderated(variances, [2.0] * 400, list(busy))
    assert together.prior_df > 10 * alone.prior_df
    assert np.abs(np.log(together.variances / truths)).mean() < 0.3


def test_few_cells_and_cells_without_spread_stand_for_themselves() -> None:
    assert list(moderated([0.1, 0.2], [2, 2]).variances) == [0.1, 0.2]
    assert list(moderated([0.0] * 10, [2] * 10).variances) == [0.0] * 10
    told = moderated([0.0, *[0.1] * 9], [2.0] * 10)
    assert told.variances[0] > 0
    assert math.isfinite(float(told.df.max()))


def simulated(
    rng: np.random.Generator, spread: float, effect: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return means, standard errors and degrees of freedom of a map: who waits is quiet, who is at the CPU is not."""
    busy = rng.uniform(0, 1, CELLS)
    sd = 0.01 * np.exp(3 * busy) * np.exp(spread * rng.normal(size=CELLS))
    logs = effect + sd[:, None] * rng.normal(size=(CELLS, BLOCKS))
    told = moderated(list(logs.var(axis=1, ddof=1)), [BLOCKS - 1.0] * CELLS, list(busy))
    return logs.mean(axis=1), np.sqrt(told.variances / BLOCKS), told.df


@pytest.mark.parametrize("spread", [0.0, 0.4])
def test_intervals_hold_the_truth_and_a_map_without_any_effect_shows_none(spread: float) -> None:
    rng = np.random.default_rng(4)
    covered, alarms, runs = 0, 0, 400
    for _ in range(runs):
        mean, error, df = simulated(rng, spread)
        covered += int((np.abs(mean) <= stdtrit(df, 0.975) * error).sum())
        # Holm's first step decides whether there is any alarm.
        alarms += bool((2 * stdtr(df, -np.abs(mean) / error) * CELLS < 0.05).any())
    assert covered / (runs * CELLS) == pytest.approx(0.95, abs=0.015)
    assert alarms / runs < 0.08


def test_a_real_effect_is_found_more_often_than_by_each_cell_alone() -> None:
    rng = np.random.default_rng(5)
    found = alone = 0
    for _ in range(100):
        mean, error, df = simulated(rng, 0.2, effect=math.log(1.5))
        found += int((2 * stdtr(df, -np.abs(mean) / error) * CELLS < 0.05).sum())
        logs = math.log(1.5) + 0.05 * rng.normal(size=(CELLS, BLOCKS))
        own = logs.std(axis=1, ddof=1) / math.sqrt(BLOCKS)
        alone += int((2 * stdtr(BLOCKS - 1, -np.abs(logs.mean(axis=1)) / own) * CELLS < 0.05).sum())
    assert found > 0.8 * 100 * CELLS
    assert alone < 0.3 * 100 * CELLS
