"""Fits of known sets, and what the bootstrap says of them where the truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from collect.designs.fits import (
    Figure,
    enough_blocks,
    fits,
    interval,
    least_blocks,
    means,
    resampled,
    stretched,
    told_apart,
)

ARTICLE = np.log([315.0, 463, 453, 225, 1361, 1539, 1538, 1496, 1455, 1490])


def sets_of(logs: np.ndarray, noise: float, blocks: int, seed: int, short: int = 0) -> list[list[Figure]]:
    """Return sets of figures around true logs (sets x figures), of trials of their own; so many lack their last."""
    rng = np.random.default_rng(seed)
    return [
        [
            Figure(
                (row, column), {block + 1: true + rng.normal(0, noise) for block in range(blocks - (column < short))}
            )
            for column, true in enumerate(figures)
        ]
        for row, figures in enumerate(logs)
    ]


def test_a_common_factor_is_no_difference() -> None:
    assert fits(ARTICLE + math.log(3.7), ARTICLE) == pytest.approx(0, abs=1e-12)


def test_the_fit_is_the_deviation_of_the_logs() -> None:
    off = np.tile([0.1, -0.1], 5)
    assert fits(ARTICLE + off, ARTICLE) == pytest.approx(0.1 * math.sqrt(10 / 9))
    assert list(fits(np.stack([ARTICLE, ARTICLE + 2 * off]), ARTICLE)) == pytest.approx([0, 0.2 * math.sqrt(10 / 9)])


def test_figures_of_one_cell_are_drawn_together() -> None:
    logs = {1: 0.0, 2: 0.3, 3: -0.5}
    shifted = {block: value + 1 for block, value in logs.items()}
    same = [[Figure("a", logs), Figure("b", logs)], [Figure("a", shifted), Figure("c", logs)]]
    draws = resampled(same, 200)
    assert draws[:, 1, 0] - draws[:, 0, 0] == pytest.approx(np.ones(200))
    assert np.std(draws[:, 1, 1] - draws[:, 0, 1]) > 0.1
    assert least_blocks(same) == 3


def test_a_resamples_spread_is_that_of_a_mean() -> None:
    values = np.random.default_rng(5).normal(0, 1, 3)
    draws = resampled([[Figure("a", dict(enumerate(values)))]], 20_000)
    assert np.std(draws) == pytest.approx(np.std(values, ddof=1) / math.sqrt(3), rel=0.03)
    assert means([[Figure("a", dict(enumerate(values)))]])[0, 0] == pytest.approx(values.mean())


@pytest.mark.parametrize(("blocks", "noise", "short"), [(3, 0.12, 0), (5, 0.15, 0), (3, 0.12, 3)])
def test_the_interval_covers_the_true_fit(blocks: int, noise: float, short: int) -> None:
    truth = ARTICLE + np.linspace(-0.4, 0.4, 10)
    true = float(fits(truth, ARTICLE))
    covered = 0
    for seed in range(300):
        sets = sets_of(truth[np.newaxis], noise, blocks, seed, short)
        assert enough_blocks(sets)
        value = float(fits(means(sets), ARTICLE)[0])
        draws = stretched(fits(resampled(sets, 400, seed), ARTICLE), least_blocks(sets))
        low, high = interval(value, draws[:, 0])
        covered += low <= true <= high
    assert covered / 300 > 0.90


def test_equal_hypotheses_are_seldom_told_apart_and_unlike_ones_are() -> None:
    same = np.stack([ARTICLE + np.roll(np.linspace(-0.4, 0.4, 10), shift) for shift in range(6)])
    unlike = np.vstack([same, [ARTICLE + 4 * np.linspace(-0.4, 0.4, 10)]])
    false, found = 0, 0
    for seed in range(100):
        for logs in (same, unlike):
            sets = sets_of(logs, 0.15, 3, seed)
            draws = stretched(fits(resampled(sets, 300, seed), ARTICLE), 3)
            worse = told_apart(fits(means(sets), ARTICLE), draws)
            false += bool(worse[:6].any())
            found += len(logs) == 7 and bool(worse[6])
    assert false / 200 <= 0.08
    assert found / 100 > 0.95


def test_one_lost_trial_does_not_take_all_intervals() -> None:
    def run(*counts: int) -> list[list[Figure]]:
        return [[Figure(cell, dict.fromkeys(range(count), 0.0)) for cell, count in enumerate(counts)]]

    assert enough_blocks(run(3, 3, 3))
    assert enough_blocks(run(2, 3, 3))
    assert not enough_blocks(run(1, 3, 3))
    assert not enough_blocks(run(2, 2, 3))
