from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from collect.findings.evidence import (
    MARGIN,
    Hypothesis,
    Paired,
    all_of,
    divided,
    p_values,
    paired,
    together,
)


def blocks(values: list[float]) -> dict[int, float]:
    return dict(enumerate(values, start=1))


def p_of(hypothesis: Hypothesis | None) -> float:
    assert hypothesis
    return p_values([hypothesis])[0]


def known(top: list[float], bottom: list[float] | None = None) -> Paired:
    found = paired(blocks(top), blocks(bottom or [1.0] * len(top)))
    assert found
    return found


def test_p_is_that_of_students_test_of_the_log_ratios() -> None:
    top, bottom = [110.0, 120.0, 130.0, 90.0], [100.0, 101.0, 99.0, 98.0]
    for against in (1.0, 1.2, 4.3):
        expected = stats.ttest_1samp(np.log(np.divide(top, bottom)), math.log(against)).pvalue
        assert p_of(known(top, bottom).differs(against)) == pytest.approx(expected)
        assert p_of(known(top, bottom).differs(against, times=3)) == pytest.approx(min(1, 3 * expected))


@pytest.mark.parametrize("seed", range(40))
def test_p_and_interval_say_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = known(list(np.exp(rng.normal(rng.choice([0.0, 0.03, 0.08]), 0.05, 8))))
    low, high = found.estimate.low, found.estimate.high
    assert low is not None
    assert high is not None
    assert (p_of(found.differs()) < 0.05) == (low > 1 or high < 1)
    assert (p_of(found.alike()) < 0.05) == (low > 1 / (1 + MARGIN) and high < 1 + MARGIN)


def test_two_rates_that_are_5_percent_apart_are_seldom_called_alike() -> None:
    """At the very edge, where that is easiest to get wrong."""
    rng = np.random.default_rng(1)
    called = sum(p_of(known(list(1.05 * np.exp(rng.normal(0, 0.02, 8)))).alike()) < 0.05 for _ in range(300))
    assert called / 300 <= 0.05


def test_values_without_any_spread_are_certain() -> None:
    assert p_of(known([2.0] * 3, [2.0] * 3).differs()) == 1
    assert p_of(known([3.0] * 3, [2.0] * 3).differs()) == 0


def test_samples_of_a_pool_tell_their_spread_together_and_never_more_than_the_interval() -> None:
    rng = np.random.default_rng(3)
    pairs = [known(list(np.exp(rng.normal(0.5, 0.1, 3)))) for _ in range(30)]
    alone = [p_of(pair.differs()) for pair in pairs]
    pooled = p_values([hypothesis for pair in pairs if (hypothesis := pair.differs())])
    assert np.median(pooled) < np.median(alone) / 3
    for pair, p in zip(pairs, pooled, strict=True):
        assert pair.estimate.low is not None
        assert p >= 0.05 or pair.estimate.low > 1
    # One that stands for itself is not told by others.
    single = paired(blocks([1.5, 1.7, 1.6]), blocks([1.0] * 3), pool="")
    assert single
    hypotheses = [hypothesis for pair in (*pairs, single) if (hypothesis := pair.differs())]
    assert p_values(hypotheses)[-1] == pytest.approx(p_of(single.differs()))


def test_of_several_the_worst_counts() -> None:
    one, other = known([1.5, 1.6, 1.7, 1.8]), known([1.1, 0.9, 1.2, 1.05])
    assert p_of(all_of([one, other])) == pytest.approx(p_of(other.differs()))
    assert all_of([one, known([1.1, 1.2])]) is None
    assert all_of([]) is None
    assert p_of(Hypothesis(given=0.02, times=2)) == pytest.approx(0.04)


def test_two_blocks_tell_nothing_and_none_in_common_are_no_ratio() -> None:
    assert known([1.0, 2.0]).differs() is None
    assert known([1.0, 2.0]).alike() is None
    assert paired({1: 1.0}, {2: 1.0}) is None
    assert paired(blocks([1.0, 0.0, 1.0]), blocks([1.0] * 3)) is None


def test_several_ratios_are_one_by_their_geometric_mean_where_all_have_the_block() -> None:
    assert together([{1: 2.0, 2: 8.0}, {1: 8.0, 2: 2.0, 3: 1.0}]) == pytest.approx({1: 4.0, 2: 4.0})
    assert together([]) == {}
    assert divided({1: 6.0, 2: 1.0}, {1: 3.0, 3: 1.0}) == {1: 2.0}
