from __future__ import annotations

import math

import numpy as np
import pytest

from collect.statistics.power import deviation_interval, pairs_for, power, share_interval


@pytest.mark.parametrize(
    ("effect", "pairs", "known"),
    # R 4: power.t.test(n = pairs, delta = effect, sd = 1, type = "paired", strict = TRUE)
    [(0.5, 20, 0.5645), (1.0, 10, 0.8031), (0.5, 44, 0.9000)],
)
def test_power_is_that_of_the_tables(effect: float, pairs: int, known: float) -> None:
    assert power(effect, 1.0, pairs) == pytest.approx(known, abs=0.003)


def test_without_an_effect_the_power_is_the_level() -> None:
    for pairs in (3, 30, 20_000):
        assert power(0.0, 1.0, pairs) == pytest.approx(0.05, abs=1e-6)
    assert power(1.0, 1.0, 1) == 0
    assert (power(1.0, 0.0, 5), power(0.0, 0.0, 5)) == (1.0, 0.0)


@pytest.mark.parametrize("spent", [1, 2])
def test_it_is_the_share_of_simulated_experiments(spent: int) -> None:
    rng = np.random.default_rng(1)
    count, effect, deviation = 6, 0.03, 0.03
    if spent == 1:
        pairs = rng.normal(effect, deviation, (20_000, count))
        t = pairs.mean(axis=1) / (pairs.std(axis=1, ddof=1) / math.sqrt(count))
        critical = 2.5706  # 5 degrees of freedom
    else:  # two means are fitted, so that the deviation has a degree of freedom less
        free = rng.chisquare(count - 2, 20_000)
        t = rng.normal(effect * math.sqrt(count) / deviation, 1, 20_000) / np.sqrt(free / (count - 2))
        critical = 2.7764
    assert power(effect, deviation, count, spent=spent) == pytest.approx(np.mean(np.abs(t) > critical), abs=0.01)


def test_the_fewest_pairs_have_the_power_and_one_less_has_it_not() -> None:
    for effect, deviation in ((0.02, 0.02), (0.02, 0.142), (0.001, 0.3)):
        pairs = pairs_for(effect, deviation)
        assert pairs is not None
        assert power(effect, deviation, pairs) >= 0.9 > power(effect, deviation, pairs - 1)
    assert pairs_for(0.0, 1.0) is None
    assert pairs_for(1e-9, 1.0) is None
    assert pairs_for(1.0, 1e-9) == 3 or pairs_for(1.0, 1e-9) == 2


def test_the_interval_of_a_deviation_covers_it_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(1000):
        low, high = deviation_interval(float(rng.normal(0, 3, 12).std(ddof=1)), 11)
        covered += low <= 3 <= high
    assert 0.93 <= covered / 1000 <= 0.97


def test_a_shares_interval_is_clopper_and_pearsons() -> None:
    known = {0: (0.0, 1 - 0.025 ** (1 / 40)), 40: (0.025 ** (1 / 40), 1.0), 2: (0.00611, 0.16920)}
    for count, (low, high) in known.items():
        assert share_interval(count, 40) == pytest.approx((low, high), abs=1e-5)
