from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import bdtr

from collect.statistics.quantiles import effective_number, quantile_interval
from tests.support.noise import first_order


def even(count: int, parts: int) -> NDArray[np.int64]:
    """Return the parts of requests that come evenly."""
    return np.arange(count) * parts // count


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_ranks_are_those_of_independent_values_where_these_are_worth_as_many(share: float) -> None:
    """Values in turns: each part has its share of the large ones, so they are worth at least their number."""
    count, parts = 2000, 20
    values = np.arange(count).reshape(-1, parts).T.reshape(-1)  # each part goes evenly through all sizes
    part = even(count, parts)
    assert effective_number(values <= share * count, part, parts) == count
    low, high = quantile_interval(values, part, parts, share)  # of the values 0 to 1,999, so each is its rank less 1
    assert low is not None
    assert high is not None
    assert bdtr(low, count, share) <= 0.025 < bdtr(low + 1, count, share)
    assert bdtr(high - 1, count, share) < 0.975 <= bdtr(high, count, share)


def test_too_few_values_have_no_bound_that_they_cannot_tell() -> None:
    values = np.arange(300)
    low, high = quantile_interval(np.random.default_rng(1).permutation(values), even(300, 20), 20, 0.99)
    assert low is not None
    assert high is None, "0.99 to the power of 300 is 5 %"
    low, high = quantile_interval(np.arange(8), even(8, 8), 8, 0.5)
    assert None in (low, high)


def test_requests_that_hang_together_are_worth_fewer() -> None:
    noise = first_order(np.random.default_rng(2), 0.9, 300, 3000)
    part = even(3000, 60)
    numbers = [effective_number(row <= 0, part, 60) for row in noise]
    worth = 1 / (noise <= 0).mean(axis=1).var() / 4
    assert worth < 400, "a memory of 0.9 costs more than nine of ten"
    assert 0.5 * worth < np.median(numbers) < 1.1 * worth
    independent = [effective_number(row <= 0, part, 60) for row in np.random.default_rng(3).normal(0, 1, (300, 3000))]
    assert np.median(independent) > 1500


def test_values_that_are_all_alike_are_their_own_interval() -> None:
    assert quantile_interval(np.full(500, 7), even(500, 10), 10, 0.5) == (7, 7)
