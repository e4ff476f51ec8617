"""What holds of fits whatever the figures are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collect.designs.cuts import LATEST, MEAN, Seconds
from collect.designs.fits import Figure, fits, interval, means, resampled, stretched, told_apart

LOGS = st.lists(st.floats(-3, 3), min_size=3, max_size=10)


@given(logs=LOGS, shift=st.floats(-5, 5))
def test_a_fit_knows_no_common_factor_and_no_order(logs: list[float], shift: float) -> None:
    ours, theirs = np.array(logs), np.linspace(0, 1, len(logs))
    assert fits(ours + shift, theirs) == pytest.approx(float(fits(ours, theirs)), abs=1e-9)
    assert fits(ours[::-1], theirs[::-1]) == pytest.approx(float(fits(ours, theirs)), abs=1e-9)
    assert fits(theirs + shift, theirs) == pytest.approx(0, abs=1e-9)


@settings(deadline=None)
@given(
    values=st.lists(st.lists(st.floats(-1, 1), min_size=3, max_size=3), min_size=3, max_size=5),
    seed=st.integers(0, 1000),
)
def test_sets_of_the_same_trials_are_never_told_apart(values: list[list[float]], seed: int) -> None:
    figures = [Figure(number, dict(enumerate(logs))) for number, logs in enumerate(values)]
    sets = [figures, list(figures)]
    theirs = np.zeros(len(figures))
    draws = stretched(fits(resampled(sets, 50, seed), theirs), 3)
    assert not told_apart(fits(means(sets), theirs), draws).any()
    assert np.array_equal(draws[:, 0], draws[:, 1])
    low, high = interval(float(fits(means(sets), theirs)[0]), draws[:, 0])
    assert low <= high


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(0, 2000), min_size=1, max_size=60),
    length_s=st.integers(5, 120),
    reading=st.sampled_from([MEAN, LATEST]),
)
def test_a_rate_lies_between_the_slowest_and_the_fastest_second(counts: list[int], length_s: int, reading: str) -> None:
    seconds = Seconds(np.array(counts, dtype=np.float64), 0)
    assert min(counts) - 1e-9 <= seconds.rate(length_s, reading) <= max(counts) + 1e-9
    assert len(seconds.extended(length_s)) == length_s
