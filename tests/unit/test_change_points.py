from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import ruptures

from collect.statistics.change_points import LEAST_LEVEL, LEAST_VALUES, _placed, change_points


def series(seed: int, *levels: tuple[int, float], deviation: float = 0.02) -> list[float]:
    rng = np.random.default_rng(seed)
    return [float(level + rng.normal(0, deviation)) for count, level in levels for _ in range(count)]


def test_a_clear_step_is_found_where_it_is() -> None:
    (change,) = change_points(series(1, (15, 6.0), (12, 5.9)))
    assert change.at == 15
    assert change.low < -0.1 < change.high
    assert change.high < 0
    assert change.p_holm == change.p < 0.01


def test_several_changes_and_a_dip() -> None:
    found = change_points(series(2, (12, 6.0), (10, 6.2), (14, 6.1)))
    assert [change.at for change in found] == [12, 22]
    assert [round(change.difference, 1) for change in found] == [0.2, -0.1]
    dip = change_points(series(3, (40, 6.0), (6, 5.85), (40, 6.0)))
    assert [change.at for change in dip] == [40, 46]


def test_sizes_are_those_of_the_levels() -> None:
    values = series(4, (10, 0.0), (20, 1.0))
    (change,) = change_points(values)
    assert change.difference == pytest.approx(np.mean(values[10:]) - np.mean(values[:10]))
    spread = math.sqrt((np.var(values[:10]) * 10 + np.var(values[10:]) * 20) / 28)
    assert change.high - change.difference == pytest.approx(2.0484 * spread * math.sqrt(1 / 10 + 1 / 20), rel=1e-4)


def test_what_cannot_be_told() -> None:
    assert change_points([]) == []
    assert change_points([1.0] * 50) == []
    clear = [0.0] * 4 + [1.0] * 4
    assert [change.at for change in change_points([x + 0.01 * i % 0.03 for i, x in enumerate(clear)])] == [4]
    assert len(clear) == LEAST_VALUES
    assert change_points(clear[:-1]) == []


def test_with_fewer_values_the_clearest_change_is_no_rare_thing() -> None:
    """The reason for LEAST_VALUES: of all orders of 3 low and 4 high values, two of 35 are the clearest there is."""
    orders = set(itertools.permutations([0] * 3 + [1] * 4))
    clearest = {(0, 0, 0, 1, 1, 1, 1), (1, 1, 1, 1, 0, 0, 0)}
    assert clearest <= orders
    assert len(clearest) / len(orders) > 0.05


def test_far_from_zero_digits_are_kept() -> None:
    values = series(6, (15, 1e6), (15, 1e6 + 0.2))
    assert [change.at for change in change_points(values)] == [15]


@pytest.mark.parametrize("count", [12, 40])
def test_false_alarms_are_as_rare_as_they_say(count: int) -> None:
    """Where nothing changed: at most 5 of 100 series; with 150 series up to 9 in 100 are chance."""
    rng = np.random.default_rng(count)
    alarms = sum(bool(change_points(list(rng.normal(0, 1, count)))) for _ in range(150))
    heavy = sum(bool(change_points(list(rng.standard_t(2, count)))) for _ in range(60))
    assert alarms / 150 <= 0.09
    assert heavy / 60 <= 0.12


def test_power() -> None:
    """A step of 3 deviations after 15 of 25 runs is nearly always found, within a run of its place, and alone."""
    found = [change_points(series(seed, (15, 0.0), (10, 3.0), deviation=1.0)) for seed in range(100)]
    assert sum(bool(changes) for changes in found) >= 95
    assert sum(any(abs(change.at - 15) <= 1 for change in changes) for changes in found) >= 90
    assert sum(len(changes) > 1 for changes in found) <= 8
    small = [change_points(series(seed, (15, 0.0), (10, 0.3), deviation=1.0)) for seed in range(60)]
    assert sum(bool(changes) for changes in small) < 20  # a step below the noise is not claimed


def test_intervals_of_found_steps_hold_the_truth() -> None:
    """The place is chosen by the data, so a little less than 95 of 100."""
    held = [
        any(
            change.low <= 3.0 <= change.high
            for change in change_points(series(seed, (15, 0.0), (10, 3.0), deviation=1))
        )
        for seed in range(100)
    ]
    assert sum(held) >= 88


def test_the_same_series_has_the_same_answer() -> None:
    values = series(9, (10, 0.0), (10, 1.0), deviation=0.5)
    assert change_points(values) == change_points(values)


@pytest.mark.parametrize(("count", "changes"), [(4, 1), (9, 3), (20, 2), (120, 4)])
def test_levels_are_split_where_a_library_splits_them(count: int, changes: int) -> None:
    rng = np.random.default_rng(count)
    for _ in range(20):
        series = 1e4 + rng.normal(size=count) + 1.5 * (np.arange(count) > count // 3)
        library = ruptures.KernelCPD(kernel="linear", min_size=LEAST_LEVEL).fit((series - series.mean()).reshape(-1, 1))
        assert _placed(series, changes) == library.predict(n_bkps=changes)[:-1]
