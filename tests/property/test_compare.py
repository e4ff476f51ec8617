from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collect.compare.heads import WANTED, first_keys
from collect.statistics.change_points import change_points
from collect.statistics.multiplicity import holm
from collect.statistics.unpaired import unpaired_ratio

LOGS = st.lists(st.floats(-3, 3), min_size=3, max_size=12)
P = st.lists(st.floats(0, 1), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(P)
def test_holm_never_helps_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= after <= 1 for p, after in zip(p_values, adjusted, strict=True))
    pairs = sorted(zip(p_values, adjusted, strict=True))
    assert [after for _, after in pairs] == sorted(adjusted)
    assert holm(p_values[::-1]) == adjusted[::-1]
    if p_values:
        assert min(adjusted) == pytest.approx(min(1, len(p_values) * min(p_values)))


@given(LOGS, LOGS, st.floats(0.01, 0.99))
def test_swapped_runs_have_the_inverse_ratio(first: list[float], second: list[float], margin: float) -> None:
    there, back = unpaired_ratio(first, second), unpaired_ratio(second, first)
    assert there is not None
    assert back is not None
    assert there.ratio * back.ratio == pytest.approx(1)
    low, high = there.interval()
    assert back.interval() == pytest.approx((1 / high, 1 / low), rel=1e-6)
    assert there.p_different == pytest.approx(back.p_different)
    assert there.p_same(margin) == pytest.approx(back.p_same(margin))
    assert low <= there.ratio <= high
    assert (there.p_different <= 0.05) == (not low <= 1 <= high) or math.isclose(
        min(abs(low - 1), abs(high - 1)), 0, abs_tol=1e-6
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(-100, 100), st.floats(0.01, 100), st.integers(6, 14))
def test_units_do_not_matter_to_changes(seed: int, shift: float, scale: float, at: int) -> None:
    values = np.random.default_rng(seed).normal(0, 1, 20)
    values[at:] += 4
    plain, other = change_points(list(values)), change_points(list(values * scale + shift))
    assert [change.at for change in plain] == [change.at for change in other]
    for one, two in zip(plain, other, strict=True):
        assert two.difference == pytest.approx(one.difference * scale, rel=1e-6)
        assert (two.high - two.low) == pytest.approx((one.high - one.low) * scale, rel=1e-6)
        assert one.low < one.difference < one.high


@settings(max_examples=40)
@given(st.fixed_dictionaries({key: JSON for key in WANTED if key != "trials"}), st.lists(JSON, max_size=3), st.data())
def test_first_keys_are_those_of_the_whole(keys: dict[str, object], trials: list[object], data: st.DataObject) -> None:
    document = {**keys, "trials": trials}
    indent = data.draw(st.sampled_from([None, 1, 4]))
    text = json.dumps(document, indent=indent, ensure_ascii=data.draw(st.booleans()))
    assert first_keys(text) == {**keys, "trials": trials[:1]}
    cut = data.draw(st.integers(0, len(text)))
    # Cut anywhere it is either told to be incomplete or the same.
    assert first_keys(text[:cut]) in (None, {**keys, "trials": trials[:1]})
