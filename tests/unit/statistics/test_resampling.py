from __future__ import annotations

import itertools
import statistics

import numpy as np
import pytest
from scipy.stats import bootstrap

from collect.statistics.resampling import DRAWS, bca_interval, least_p, sign_flip_p


def test_sign_flips_are_gone_through_one_by_one() -> None:
    values = [0.31, -0.02, 0.17, 0.4, -0.11, 0.09]
    patterns = list(itertools.product((1, -1), repeat=6))
    beyond = [
        abs(sum(sign * value for sign, value in zip(signs, values, strict=True))) >= abs(sum(values)) - 1e-12
        for signs in patterns
    ]
    assert sign_flip_p(values) == sum(beyond) / 64
    assert sign_flip_p([-value for value in values]) == sign_flip_p(values)


@pytest.mark.parametrize(("count", "p"), [(3, 0.25), (5, 0.0625), (6, 0.03125), (12, 2 / 4096)])
def test_blocks_that_all_say_the_same_have_the_least_p(count: int, p: float) -> None:
    assert sign_flip_p([0.1 + 0.01 * index for index in range(count)]) == p == least_p(count)


def test_no_difference_at_all_is_no_evidence() -> None:
    assert sign_flip_p([0.0] * 7) == 1
    assert sign_flip_p([0.1, -0.1, 0.1, -0.1]) == 1


def test_many_blocks_are_drawn_from_and_never_have_none() -> None:
    assert sign_flip_p([1.0] * 30) == 1 / (1 + DRAWS) == least_p(30)
    values = np.random.default_rng(3).normal(0.2, 1, 13).tolist()
    exact = [abs(np.dot(signs, values)) >= abs(sum(values)) for signs in itertools.product((1, -1), repeat=13)]
    assert sign_flip_p(values) == pytest.approx(statistics.fmean(exact), abs=0.03)


def test_flips_call_as_many_different_that_are_not_as_they_say() -> None:
    """Heavy tails and all: of 1,000 experiments of eight blocks without a difference 5 % have p <= 0.05."""
    rng = np.random.default_rng(5)
    called = sum(sign_flip_p(rng.standard_t(2, 8).tolist()) <= 0.05 for _ in range(1000))
    assert 0.03 <= called / 1000 <= 0.065


def test_a_bootstrap_needs_blocks_and_is_the_same_each_time() -> None:
    values = [1.0, 1.2, 0.9, 1.1, 1.3]
    assert bca_interval(values[:4]) is None
    assert bca_interval(values) == bca_interval(values)
    assert bca_interval([2.0] * 6) == pytest.approx((2, 2))


def test_a_bootstrap_leans_to_where_the_blocks_do() -> None:
    skewed = np.exp(np.random.default_rng(1).normal(0, 1, 40))
    found = bca_interval(skewed)
    assert found
    low, high = found
    assert low < skewed.mean() < high
    assert high - skewed.mean() > 1.2 * (skewed.mean() - low), "the long tail is above"


def test_the_bootstrap_is_that_of_a_library() -> None:
    rng = np.random.default_rng(2)
    for blocks in (rng.exponential(1, 40), rng.normal(1, 0.1, 8)):
        found = bca_interval(blocks)
        assert found
        other = bootstrap((blocks,), np.mean, method="BCa", n_resamples=20000, rng=1).confidence_interval
        width = other.high - other.low
        assert found == pytest.approx((other.low, other.high), abs=0.04 * width)
