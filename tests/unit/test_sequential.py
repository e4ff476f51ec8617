"""What looking costs: levels as published, and intervals that hold in simulated experiments."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from benchmarks.sequential import anytime, looked, outcome, plain, spending
from benchmarks.simulated import Noise, log_ratios
from collect.statistics.intervals import ratio_over_blocks
from collect.statistics.sequential import (
    ALPHA,
    blocks_needed,
    critical,
    half_width,
    levels,
    look_blocks,
    spent,
    widened,
)

EXPERIMENTS, MOST = 2000, 80
NOISES = {
    "side by side": Noise(cells=4, adjacent=True),
    "anywhere": Noise(cells=8),
    "alone": Noise(cells=2),
    "heavy tails": Noise(cells=2, heavy=True),
}


@pytest.mark.parametrize(
    ("spending_of", "published"),
    # Five equally spaced looks, two-sided 5 %: the tables of LD98 (Reboussin, DeMets, Kim and Lan (2000), "Computations
    # for group sequential boundaries using the Lan-DeMets spending function method", Controlled Clinical Trials 21).
    [
        (lambda t: 4 - 4 * float(ndtr(ndtri(0.9875) / math.sqrt(t))), (4.8769, 3.3569, 2.6803, 2.2898, 2.0310)),
        (lambda t: 0.05 * math.log(1 + (math.e - 1) * t), (2.4380, 2.4268, 2.4101, 2.3966, 2.3859)),
    ],
)
def test_levels_are_those_of_the_tables(spending_of: object, published: tuple[float, ...]) -> None:
    assert callable(spending_of)
    spendings = tuple(spending_of(look / 5) for look in range(1, 6))
    found = levels((10, 20, 30, 40, 50), spendings)
    assert [-float(ndtri(level / 2)) for level in found] == pytest.approx(published, abs=0.001)


def test_one_look_is_the_ordinary_interval_and_more_looks_cost_more() -> None:
    assert levels((12,), (ALPHA,)) == pytest.approx((ALPHA,))
    assert critical(ALPHA, 5) == pytest.approx(2.7764, abs=0.0001)
    looks = look_blocks(40)
    own = levels(looks, tuple(spent(block, 40) for block in looks))
    assert all(0 < level < ALPHA for level in own)
    assert sum(own) > ALPHA, "looks see mostly the same blocks, so each may have more than its share"


def test_all_of_it_is_spent_in_the_end_and_never_given_back() -> None:
    spendings = [spent(block, 200) for block in range(3, 201)]
    assert spendings == sorted(spendings)
    assert spendings[0] > 0
    assert spendings[-1] == ALPHA
    assert spent(17, 200, final=True) == ALPHA
    assert spent(3, 3) == spent(4, 4) == ALPHA


def test_looks_are_ever_further_apart_and_end_with_the_last_block() -> None:
    assert look_blocks(30) == (5, 7, 10, 13, 17, 23, 30)
    assert look_blocks(3) == (3,)
    assert look_blocks(6) == (5, 6)
    assert look_blocks(32) == (5, 7, 10, 13, 17, 23, 32)


def test_a_look_at_no_more_than_before_costs_nothing_more() -> None:
    looks = (5, 7, 10)
    own = levels(looks, (0.01, 0.02, 0.02))
    assert own[2] < 1e-12
    assert own[:2] == pytest.approx(levels((5, 7), (0.01, 0.02)))


def test_a_ratio_is_widened_to_its_look() -> None:
    rates = {block: 2.0 + 0.1 * (block % 3) for block in range(1, 13)}
    ratio = ratio_over_blocks(rates, dict.fromkeys(rates, 1.0))
    assert ratio is not None
    assert ratio.low is not None
    assert ratio.high is not None
    assert widened(ratio, None) is ratio
    same = widened(ratio, ALPHA)
    assert same is not None
    assert same.low == pytest.approx(ratio.low)
    assert same.high == pytest.approx(ratio.high)
    wide = widened(ratio, 0.01)
    assert wide is not None
    assert wide.low is not None
    logs = [math.log(rate) for rate in rates.values()]
    half = half_width(float(np.std(logs, ddof=1)), 12, 0.01)
    assert math.log(ratio.value / wide.low) == pytest.approx(half)
    assert wide.value == ratio.value


def test_how_many_blocks_are_needed() -> None:
    needed = blocks_needed(0.14, 5, 0.02, 0.05)
    assert half_width(0.14, needed, 0.02) <= 0.05 < half_width(0.14, needed - 2, 0.02)
    assert blocks_needed(0.0, 5, 0.02, 0.05) == 3


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("wanted", [0.12, 0.06])
def test_what_is_known_at_the_end_is_so(name: str, wanted: float) -> None:
    """2,000 experiments with effects of blocks, drift and a memory: at least 94 % of the intervals hold the truth."""
    values = log_ratios(NOISES[name], EXPERIMENTS, MOST, seed=8, truth=0.3)
    found = outcome(values, spending(MOST), wanted, truth=0.3)
    assert found.held >= 0.94
    assert 5 <= found.blocks <= MOST


def test_noise_is_like_that_of_our_own_runs() -> None:
    assert log_ratios(Noise(adjacent=True), 500, 20, seed=1).std() == pytest.approx(0.142, abs=0.01)
    assert log_ratios(Noise(), 500, 20, seed=1).std() == pytest.approx(0.198, abs=0.02)


def test_who_stops_when_it_pleases_is_still_right() -> None:
    """The worst that a reader of the lines can do: stop at the first interval that leaves out the truth."""
    values = log_ratios(NOISES["alone"], EXPERIMENTS, MOST, seed=9)
    ours, unpaid = spending(MOST), plain(look_blocks(MOST), "")
    assert outcome(values, ours, 0.01).always >= 0.94
    assert outcome(values, unpaid, 0.01).always < 0.88, "else the test cannot tell"
    assert outcome(values, anytime(MOST), 0.01).always >= 0.94


def test_it_is_narrower_than_what_may_be_looked_at_after_each_block() -> None:
    values = log_ratios(NOISES["alone"], 200, MOST, seed=3)
    ours, always = spending(MOST), anytime(MOST)
    shared = [block for block in ours.looks if block in always.looks]
    _, narrow = looked(values, ours)
    _, wide = looked(values, always)
    for block in shared:
        assert (narrow[:, ours.looks.index(block)] < wide[:, always.looks.index(block)]).all()
