from __future__ import annotations

import numpy as np
import pytest

from collect.statistics.rates import long_run_error, part_count, parts_of, rate_interval
from tests.support.noise import first_order


@pytest.mark.parametrize(
    ("length_s", "answers", "parts"),
    [
        (6, 3000, 24), (9.99, 9000, 40), (30, 9000, 120), (30.01, 9000, 120), (60, 9000, 60), (120.0, 9000, 120),
        (600, 10**6, 120), (2, 1000, 8), (1, 1000, 0),
        (6, 200, 13), (6, 119, 0), (6, 0, 0),
    ],
)  # fmt: skip
def test_a_window_is_cut_into_8_to_120_parts_that_hold_enough(length_s: float, answers: int, parts: int) -> None:
    assert part_count(length_s, answers) == parts


def test_each_moment_has_a_part_and_the_last_one_too() -> None:
    assert parts_of(np.array([10.0, 10.2, 10.999, 11.0]), 10, 11, 4).tolist() == [0, 0, 3, 3]


def test_independent_values_have_the_plain_standard_error_on_average() -> None:
    rng = np.random.default_rng(1)
    errors = [long_run_error(rng.normal(0, 2, 60)) for _ in range(2000)]
    assert {freedom for _, freedom in errors} == {6}
    assert np.mean([error**2 for error, _ in errors]) == pytest.approx(4 / 60, rel=0.05)


def test_memory_makes_the_mean_less_sure() -> None:
    noise = first_order(np.random.default_rng(2), 0.5, 2000, 120)
    errors = np.array([long_run_error(values)[0] for values in noise])
    truth = noise.mean(axis=1).std()
    assert np.sqrt((errors**2).mean()) == pytest.approx(truth, rel=0.06)
    assert truth > 1.6 / np.sqrt(120), "as independent ones it would be 1"


def test_a_level_has_no_part_in_the_error_and_a_drift_has() -> None:
    noise = np.random.default_rng(3).normal(0, 1, 40)
    assert long_run_error(noise + 1e6)[0] == pytest.approx(long_run_error(noise)[0], rel=1e-6)
    assert long_run_error(noise + np.linspace(-5, 5, 40))[0] > 3 * long_run_error(noise)[0]


def test_the_interval_of_a_rate_lies_about_it() -> None:
    ends = np.sort(np.random.default_rng(4).uniform(100, 106, 2400))
    found = rate_interval(ends, 100, 106)
    assert found
    low, high = found
    assert (low + high) / 2 == pytest.approx(400)
    assert 1 < high - 400 < 60
    assert rate_interval(ends[:100], 100, 106) is None
    assert rate_interval(np.array([]), 100, 106) is None


def test_a_rate_is_never_below_nothing() -> None:
    bursts = np.concatenate([np.full(80, 100.1), np.full(80, 105.9)])
    found = rate_interval(bursts, 100, 106)
    assert found
    assert found[0] == 0
