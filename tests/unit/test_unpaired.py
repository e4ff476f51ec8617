from __future__ import annotations

import math

import numpy as np
import pytest

from collect.statistics.multiplicity import holm
from collect.statistics.unpaired import RunEffect, run_effect, spreads, unpaired_ratio

FIRST, SECOND = [0.0, 0.1, -0.1, 0.05], [0.3, 0.2, 0.25]


def test_it_is_welchs_test() -> None:
    from scipy import stats

    ratio = unpaired_ratio(FIRST, SECOND)
    assert ratio is not None
    reference = stats.ttest_ind(SECOND, FIRST, equal_var=False)
    assert ratio.p_different == pytest.approx(reference.pvalue)
    assert ratio.df == pytest.approx(reference.df)
    bounds = reference.confidence_interval(0.95)
    assert ratio.interval() == pytest.approx((math.exp(bounds.low), math.exp(bounds.high)))
    assert ratio.ratio == pytest.approx(math.exp(0.25 - 0.0125))


def test_the_same_is_shown_by_two_one_sided_tests() -> None:
    from scipy import stats

    ratio = unpaired_ratio(FIRST, SECOND)
    assert ratio is not None
    for margin in (0.1, 0.5):
        edge = math.log1p(margin)
        below = stats.ttest_ind([x - edge for x in SECOND], FIRST, equal_var=False, alternative="less").pvalue
        above = stats.ttest_ind([x + edge for x in SECOND], FIRST, equal_var=False, alternative="greater").pvalue
        assert ratio.p_same(margin) == pytest.approx(max(below, above))
    # Where both say yes at 5 %, the interval of 90 % lies within the margin, and the other way round.
    low, high = ratio.interval(0.1)
    for margin in (0.05, 0.2, 0.3, 0.4, 0.6, 1.0):
        assert (ratio.p_same(margin) <= 0.05) == (low >= 1 / (1 + margin) and high <= 1 + margin)


def test_fewer_than_three_blocks_have_no_ratio() -> None:
    assert unpaired_ratio([0.0, 0.1], SECOND) is None
    assert unpaired_ratio(FIRST, []) is None


def test_blocks_without_any_noise() -> None:
    ratio = unpaired_ratio([1.0] * 3, [1.5] * 3)
    assert ratio is not None
    assert ratio.interval() == pytest.approx((math.exp(0.5), math.exp(0.5)))
    assert (ratio.p_different, ratio.p_same(0.05)) == (0, 1)
    same = unpaired_ratio([1.0] * 3, [1.0] * 3)
    assert same is not None
    assert (same.p_different, same.p_same(0.05)) == (1, 0)


def test_a_run_effect_widens_the_interval_by_its_variance() -> None:
    plain, wide = unpaired_ratio(FIRST, SECOND), unpaired_ratio(FIRST, SECOND, RunEffect(0.1, 0.01, 4))
    assert plain is not None
    assert wide is not None
    assert wide.error**2 == pytest.approx(plain.error**2 + 2 * 0.1**2)
    assert wide.df < 6
    assert wide.undone_by() == pytest.approx(plain.undone_by())
    # With exactly the deviation that undoes it, at the same critical value, the interval ends at 1.
    undone = plain.undone_by()
    from scipy.special import stdtrit

    assert plain.log == pytest.approx(float(stdtrit(plain.df, 0.975)) * math.hypot(plain.error, math.sqrt(2) * undone))
    unclear = unpaired_ratio(FIRST, FIRST)
    assert unclear is not None
    assert unclear.undone_by() == 0


def test_the_run_effect_is_found() -> None:
    """40 families of 5 runs of 6 blocks, run effect 0.04, noise 0.1; the mean of its squares has an error of 8 %."""
    rng = np.random.default_rng(3)

    def family(deviation: float) -> list[list[list[float]]]:
        return [[list(rng.normal(rng.normal(0, deviation), 0.1, 6)) for _ in range(5)]]

    effect = run_effect([family(0.04) for _ in range(40)])
    assert effect is not None
    assert effect.deviation == pytest.approx(0.04, rel=0.25)
    assert effect.runs == 200
    assert abs(effect.deviation**2 - 0.04**2) < 3 * effect.uncertainty
    none = run_effect([family(0.0) for _ in range(40)])
    assert none is not None
    assert none.deviation < 0.02


def test_it_is_the_analysis_of_variance() -> None:
    runs = [[0.0, 0.1, 0.2], [0.5, 0.6, 0.7, 0.6], [0.1, 0.2, 0.4]]
    effect = run_effect([[runs]])
    assert effect is not None
    flat = [x for run in runs for x in run]
    between = sum(len(run) * (np.mean(run) - np.mean(flat)) ** 2 for run in runs) / 2
    within = sum(np.var(run) * len(run) for run in runs) / 7
    each = (10 - (9 + 16 + 9) / 10) / 2
    assert effect.deviation == pytest.approx(math.sqrt((between - within) / each))
    assert effect.uncertainty == pytest.approx(math.sqrt(2 * (between**2 / 2 + within**2 / 7)) / each)


def test_cells_of_a_family_add_no_degrees_of_freedom() -> None:
    runs = [[0.0, 0.1, 0.2], [0.3, 0.4, 0.5], [0.7, 0.8, 1.0]]
    one, two = run_effect([[runs]]), run_effect([[runs, runs, [[0.1], [0.2]], [runs[0]]]])
    assert one is not None
    assert two is not None
    assert one.deviation == pytest.approx(two.deviation)
    assert one.runs == two.runs
    assert two.uncertainty == pytest.approx(one.uncertainty, rel=0.01)
    apart = run_effect([[runs], [runs]])
    assert apart is not None
    assert apart.uncertainty == pytest.approx(one.uncertainty / math.sqrt(2), rel=0.01)
    assert apart.runs == 6


def test_fewer_than_three_runs_say_nothing_of_runs() -> None:
    pair = [[0.0, 0.1, 0.2], [0.3, 0.4, 0.5]]
    assert run_effect([]) is None
    assert run_effect([[[[0.1, 0.2]]]]) is None
    assert run_effect([[pair]]) is None
    assert run_effect([[pair], [pair]]) is not None
    same = run_effect([[[pair[0]] * 3]])
    assert same == RunEffect(0.0, 0.0, 3)


def test_a_run_of_few_cells_has_their_own_spreads_only() -> None:
    one, two = spreads([[0.0, 0.1, 0.2], [0.0, 0.3, 0.1, 0.2]])
    assert (one.df, two.df) == (2, 3)
    assert one.variance == pytest.approx(0.01)
    assert two.variance == pytest.approx(0.05 / 3)


def test_many_cells_tell_of_each_others_spread() -> None:
    rng = np.random.default_rng(2)
    cells = [list(rng.normal(0, 0.1, 3)) for _ in range(20)]
    drawn = spreads(cells)
    own = [float(np.var(cell, ddof=1)) for cell in cells]
    assert np.ptp([math.log(spread.variance) for spread in drawn]) < 0.5 * np.ptp(np.log(own))
    assert all(spread.df > 2 for spread in drawn)
    unlike = spreads([list(rng.normal(0, 0.001 * 3**number, 3)) for number in range(20)])
    assert all(spread.df < 3.5 for spread in unlike)  # nothing in common, so hardly anything is taken over


def missed(deviation: float, repeats: int, cells: int = 1) -> float:
    """Return the share of 700 pairs of runs without a difference whose 95 % interval misses 1."""
    rng = np.random.default_rng(5)
    count = 0
    for _ in range(700):
        effects = rng.normal(0, deviation, repeats + 2)
        family = [[list(rng.normal(effect, 0.1, 6)) for effect in effects[2:]] for _ in range(cells)]
        known = run_effect([family]) if repeats else None
        ratio = unpaired_ratio(list(rng.normal(effects[0], 0.1, 6)), list(rng.normal(effects[1], 0.1, 6)), known)
        assert ratio is not None
        count += ratio.p_different < 0.05
    return count / 700


def test_intervals_hold_what_they_say_where_the_run_effect_is_known() -> None:
    assert missed(0.0, 0) == pytest.approx(0.05, abs=0.025)  # nothing but blocks: Welch as such
    assert missed(0.1, 0) > 0.3  # runs as far apart as blocks, and nobody knows
    assert 0.02 < missed(0.1, 5) < 0.06
    assert missed(0.1, 3) < 0.08
    assert missed(0.03, 4, cells=3) < 0.05


def test_holm_is_holms() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.02, 0.02, 0.9, 0.0]) == pytest.approx([0.06, 0.06, 0.9, 0.0])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []
