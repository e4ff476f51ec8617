"""Intervals hold the truth as often as they say, although the noise has a memory."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collect.statistics.intervals import t_critical
from collect.statistics.quantiles import quantile_interval
from collect.statistics.rates import long_run_error, rate_interval
from tests.support.noise import first_order

EXPERIMENTS = 4000
SAME_EACH_TIME = settings(max_examples=8, deadline=None, derandomize=True)


@SAME_EACH_TIME
@given(memory=st.floats(-0.3, 0.5), count=st.sampled_from([24, 30, 60, 120]), seed=st.integers(0, 99))
@example(memory=0.5, count=30, seed=0)
@example(memory=0.0, count=30, seed=0)
def test_the_mean_of_seconds_with_a_memory(memory: float, count: int, seed: int) -> None:
    noise = first_order(np.random.default_rng(seed), memory, EXPERIMENTS, count)
    found = [long_run_error(values) for values in noise]
    halves = np.array([t_critical(freedom) * error for error, freedom in found])
    assert (np.abs(noise.mean(axis=1)) <= halves).mean() >= 0.93


@SAME_EACH_TIME
@given(rps=st.floats(60, 500), window_s=st.sampled_from([3.0, 6.0, 12.0]), seed=st.integers(0, 99))
def test_the_rate_of_requests_that_come_by_chance(rps: float, window_s: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    covered = []
    for _ in range(400):
        ends = np.sort(rng.uniform(0, window_s, rng.poisson(rps * window_s)))
        found = rate_interval(ends, 0, window_s)
        assert found
        covered.append(found[0] <= rps <= found[1])
    assert np.mean(covered) >= 0.92  # 400 experiments are known to 1.1 %


@settings(max_examples=6, deadline=None, derandomize=True)
@given(memory=st.floats(0, 0.9), share=st.sampled_from([0.5, 0.95, 0.99]), seed=st.integers(0, 99))
@example(memory=0.9, share=0.99, seed=0)
@example(memory=0.0, share=0.5, seed=0)
def test_percentiles_of_latencies_that_hang_together(memory: float, share: float, seed: int) -> None:
    """3,000 requests of 6 s, each delayed with those beside it; log-normal, so far from normal."""
    noise = first_order(np.random.default_rng(seed), memory, 400, 3000)
    truth = {0.5: 0.0, 0.95: 1.6448536, 0.99: 2.3263479}[share]
    part = np.arange(3000) * 24 // 3000
    covered = []
    for values in np.exp(noise):
        low, high = quantile_interval(values, part, 24, share)
        covered.append((low is None or low <= np.exp(truth)) and (high is None or np.exp(truth) <= high))
    assert np.mean(covered) >= 0.92  # 400 experiments are known to 1.1 %
