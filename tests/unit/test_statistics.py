from __future__ import annotations

import math
import random
from fractions import Fraction

import numpy as np
import pytest

from collect.statistics.intervals import mean_over_blocks, quotient_over_blocks, ratio_over_blocks, t_critical
from collect.statistics.percentiles import percentile, percentile_curve


@pytest.mark.parametrize(
    ("df", "confidence", "t"),
    # Student's t table, e.g. Abramowitz and Stegun (1964), table 26.10.
    [(1, 0.95, 12.706), (2, 0.95, 4.303), (3, 0.95, 3.182), (4, 0.99, 4.604), (30, 0.95, 2.042), (120, 0.95, 1.980)],
)
def test_critical_values_are_those_of_the_table(df: int, confidence: float, t: float) -> None:
    assert t_critical(df, confidence) == pytest.approx(t, abs=0.0005)


def test_a_mean_has_a_t_interval_from_three_blocks_on() -> None:
    estimate = mean_over_blocks([98.0, 100.0, 102.0])
    assert (estimate.value, estimate.least, estimate.most, estimate.blocks) == (100, 98, 102, 3)
    assert estimate.low == pytest.approx(100 - 4.3027 * 2 / math.sqrt(3), abs=0.001)
    assert estimate.half_width == pytest.approx(0.0497, abs=0.0001)
    assert estimate.spread == pytest.approx(0.04)
    two = mean_over_blocks([98.0, 102.0])
    assert (two.value, two.low, two.high, two.half_width) == (100, None, None, None)


def test_what_moves_both_sides_of_a_block_drops_out_of_the_ratio() -> None:
    blocks = {1: 1.0, 2: 0.7, 3: 1.4}
    estimate = ratio_over_blocks({b: 880 * k for b, k in blocks.items()}, {b: 400 * k for b, k in blocks.items()})
    assert estimate is not None
    assert estimate.value == pytest.approx(2.2)
    assert estimate.low == pytest.approx(2.2)
    assert estimate.high == pytest.approx(2.2)


def test_a_ratio_takes_only_blocks_that_hold_both() -> None:
    estimate = ratio_over_blocks({1: 200.0, 2: 400.0, 4: 1.0}, {1: 100.0, 2: 100.0, 3: 5.0})
    assert estimate is not None
    assert (estimate.blocks, estimate.low) == (2, None)
    assert estimate.value == pytest.approx(math.sqrt(8))
    assert ratio_over_blocks({1: 1.0}, {2: 1.0}) is None
    assert ratio_over_blocks({1: 1.0}, {1: 0.0}) is None


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """2,000 experiments of five blocks with a common effect per block: the truth lies within 95 % of the intervals."""
    rng = random.Random(7)
    covered = 0
    for _ in range(2000):
        effects = [rng.gauss(0, 0.1) for _ in range(5)]
        top = {b: 2.2 * math.exp(e + rng.gauss(0, 0.02)) for b, e in enumerate(effects)}
        bottom = {b: math.exp(e + rng.gauss(0, 0.02)) for b, e in enumerate(effects)}
        estimate = ratio_over_blocks(top, bottom)
        assert estimate is not None
        assert estimate.low is not None
        assert estimate.high is not None
        covered += estimate.low <= 2.2 <= estimate.high
    assert 0.94 <= covered / 2000 <= 0.96


def test_a_quotient_is_of_the_sums_and_its_interval_of_what_it_leaves_over() -> None:
    cores, rates = [1.0, 0.9, 1.1], [500.0, 440.0, 560.0]
    estimate = quotient_over_blocks(cores, rates)
    assert estimate.value == 3.0 / 1500
    assert (estimate.least, estimate.most) == (1.1 / 560, 0.9 / 440)
    left = [core - 0.002 * rate for core, rate in zip(cores, rates, strict=True)]
    half = 4.3027 * np.std(left, ddof=1) / math.sqrt(3) / 500
    assert estimate.low == pytest.approx(0.002 - half, rel=1e-4)
    assert estimate.high == pytest.approx(0.002 + half, rel=1e-4)
    drifting = quotient_over_blocks([0.5, 1.0, 2.0], [100.0, 200.0, 400.0])
    assert drifting.half_width == pytest.approx(0), "what moves both drops out"
    assert quotient_over_blocks([1.0, 2.0], [10.0, 20.0]).low is None


def test_checks_go_with_a_ratio_and_not_with_a_mean() -> None:
    top = {block: 2.0 + 0.1 * block for block in range(1, 7)}
    ratio = ratio_over_blocks(top, dict.fromkeys(top, 1.0))
    assert ratio
    assert ratio.p == 2 / 2**6
    assert ratio.boot_low is not None
    assert ratio.boot_high is not None
    assert ratio.least < ratio.boot_low < ratio.value < ratio.boot_high < ratio.most
    mean = mean_over_blocks(list(top.values()))
    assert (mean.p, mean.boot_low is None) == (None, False)
    few = ratio_over_blocks({1: 2.0, 2: 2.1}, {1: 1.0, 2: 1.0})
    assert few
    assert (few.p, few.boot_low) == (None, None)


def test_intervals_of_quotients_cover_the_truth_as_often_as_they_say() -> None:
    """1,000 experiments of eight blocks: what a request costs is steady, how many there are is not."""
    rng = np.random.default_rng(8)
    rates = 400 * np.exp(rng.normal(0, 0.2, (1000, 8)))
    cores = rates * 0.002 * np.exp(rng.normal(-0.0002, 0.02, (1000, 8)))
    found = [quotient_over_blocks(list(a), list(b)) for a, b in zip(cores, rates, strict=True)]
    assert 0.93 <= np.mean([each.low <= 0.002 <= each.high for each in found if each.low and each.high]) <= 0.965


def test_percentiles_are_measured_values() -> None:
    values = np.array([1, 2, 3, 4])
    assert [percentile(values, share) for share in (0.01, 0.25, 0.26, 0.5, 0.75, 0.99, 1.0)] == [1, 1, 2, 2, 3, 4, 4]
    hundred = np.arange(1, 101)
    assert [percentile(hundred, round(n / 100, 2)) for n in range(1, 101)] == list(range(1, 101))


def test_a_curve_ends_where_the_data_end() -> None:
    values = np.arange(1, 1001)
    shares, points = percentile_curve(values, 50)
    assert (shares[0], points[0]) == (0.0, 1)
    assert shares[-1] == pytest.approx(0.999)
    assert points[-1] in (999, 1000)
    assert points == sorted(points)
    for share, point in zip(shares[1:], points[1:], strict=True):
        assert Fraction(int(point), 1000) >= Fraction(repr(share))
