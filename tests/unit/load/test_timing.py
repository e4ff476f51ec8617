from __future__ import annotations

from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collect.load.timing import FarClock, percentile_ms, window_start


@pytest.mark.parametrize(
    ("ready", "warmup_s", "align_s", "start"),
    [
        (1000.2, 1, 1, 1002),
        (1000.0, 1, 1, 1001),
        (1000.0, 0, 1, 1000),
        (1000.01, 0, 10, 1010),
        (1000.3, 0.5, 0.1, 1000.8),
    ],
)
def test_the_window_starts_at_the_next_tick(ready: float, warmup_s: float, align_s: float, start: float) -> None:
    assert window_start(ready, warmup_s, align_s) == pytest.approx(start)


@given(st.floats(1.6e9, 2e9), st.floats(0, 100), st.sampled_from([0.1, 0.25, 0.5, 1.0, 2.0, 10.0]))
def test_the_warm_up_has_its_time_and_at_most_a_tick_more(ready: float, warmup_s: float, align_s: float) -> None:
    start = window_start(ready, warmup_s, align_s)
    assert -1e-3 <= start - (ready + warmup_s) < align_s + 1e-3
    assert round(start / align_s) * align_s == pytest.approx(start, abs=1e-5)


@given(st.lists(st.floats(0, 10), min_size=1), st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_a_percentile_is_one_of_the_latencies(latencies: list[float], share: float) -> None:
    expected = np.quantile(latencies, share, method="inverted_cdf") * 1000
    assert percentile_ms(array("d", latencies), share) == pytest.approx(expected, abs=1e-3)


def test_no_requests_no_percentile() -> None:
    assert percentile_ms(array("d"), 0.95) is None


@pytest.mark.parametrize("told_unix_s", [0.0, 1_800_000_000.25])
def test_a_far_clock_goes_on_without_this_hosts_wall_clock(told_unix_s: float) -> None:
    monotonic = iter([500.0, 503.5, 503.5, 510.0, 520.0])
    clock = FarClock(told_unix_s, lambda: next(monotonic))
    assert clock.now() == told_unix_s + 3.5
    assert clock.until(told_unix_s + 5) == pytest.approx(1.5)
    assert clock.until(told_unix_s + 10) == 0
    assert clock.until(told_unix_s + 5) == 0, "a moment that has passed is no longer waited for"
