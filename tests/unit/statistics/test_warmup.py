from __future__ import annotations

import numpy as np
import pytest
import ruptures

from collect.statistics.warmup import Head, head_of
from tests.support.noise import Floats, first_order


def windows(memory: float, count: int, experiments: int = 400) -> Floats:
    """Return rates of 400/s with noise of 8 %."""
    return 400 * (1 + 0.08 * first_order(np.random.default_rng(count), memory, experiments, count))


@pytest.mark.parametrize(("parts", "count"), [(3, 24), (4, 40), (8, 120)])
def test_a_slow_head_is_found_where_it_ends(parts: int, count: int) -> None:
    rates = windows(0.3, count)
    rates[:, :parts] *= 0.4
    found = [head_of(rate) for rate in rates]
    lengths = [head.share * count for head in found if head]
    assert np.mean([abs(length - parts) < 1.5 for length in lengths]) > 0.97
    assert len(lengths) > 0.95 * len(found)


def test_the_change_point_is_the_one_of_a_library() -> None:
    for rate in windows(0.5, 40, 20):
        rate[:6] *= 0.3
        head = head_of(rate)
        assert head
        (place, _) = ruptures.Dynp(model="l2", min_size=1, jump=1).fit(rate).predict(1)
        assert head.share * 40 == place


def test_a_head_says_what_it_does_to_the_rate() -> None:
    head = head_of(np.array([200.0] * 4 + [401.0, 399.0] * 8))
    assert head
    assert (head.share, head.before, head.after) == (0.2, 200, 400)
    assert head.bias == pytest.approx(360 / 400 - 1)


def test_a_rate_that_begins_too_high_has_a_head_too() -> None:
    head = head_of(np.array([600.0] * 2 + [401.0, 399.0] * 10))
    assert head
    assert head.bias == pytest.approx(0.2 * 2 / 22 * 2.5, rel=0.01)


@pytest.mark.parametrize("memory", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("count", [16, 24, 40, 120])
def test_noise_has_no_head(memory: float, count: int) -> None:
    found = [head_of(rate) for rate in windows(memory, count, 2000)]
    assert sum(head is not None and head.share > 0 for head in found) <= 0.0125 * len(found)
    assert sum(head is None for head in found) <= 0.05 * len(found)


def test_a_change_in_the_middle_is_no_warm_up() -> None:
    assert head_of(np.array([300.0, 302.0] * 10 + [400.0, 402.0] * 10)) is None


def test_without_enough_to_see_nothing_is_said() -> None:
    assert head_of(np.array([400.0] * 15)) is None
    assert head_of(np.zeros(20)) is None
    assert head_of(np.array([])) is None
    assert head_of(np.full(20, 400.0)) == Head(0.0, 0.0, 400, 400)
