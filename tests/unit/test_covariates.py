from __future__ import annotations

import numpy as np
import pytest

from collect.statistics.covariates import adjusted_difference, fitted_slope


def test_what_the_covariate_explains_is_taken_off() -> None:
    found = adjusted_difference([0.02 - 0.9 * x for x in (0.1, -0.2, 0.3, 0.05)], [0.1, -0.2, 0.3, 0.05])
    assert found is not None
    assert (found.value, found.slope) == pytest.approx((0.02, -0.9))
    assert found.df == 2
    assert found.deviation == pytest.approx(0, abs=1e-12)


def test_a_known_slope_costs_no_degree_of_freedom() -> None:
    found = adjusted_difference([0.3, 0.1, 0.2], [0.1, -0.1, 0.0], slope=1.0)
    assert found is not None
    assert found.value == pytest.approx(0.2)
    assert found.df == 2
    assert found.low == pytest.approx(found.high) == pytest.approx(0.2)
    plain = adjusted_difference([0.3, 0.1, 0.2], [0.0, 0.0, 0.0], slope=0.0)
    assert plain is not None
    assert plain.high - plain.value == pytest.approx(4.3027 * 0.1 / 3**0.5, rel=1e-4)


@pytest.mark.parametrize("values", [([0.1, 0.2, 0.3], [1.0, 2.0, 3.0]), ([0.1] * 5, [0.0] * 5), ([], [])])
def test_too_few_pairs_or_a_constant_have_none(values: tuple[list[float], list[float]]) -> None:
    assert adjusted_difference(*values) is None


def test_each_group_has_a_mean_of_its_own() -> None:
    xs = [[0.0, 1.0, 2.0], [10.0, 11.0, 12.0], []]
    ys = [[5 + 2 * x for x in xs[0]], [-50 + 2 * x for x in xs[1]], []]
    assert fitted_slope(ys, xs) == pytest.approx(2.0)
    assert fitted_slope([[1.0, 2.0]], [[3.0, 3.0]]) is None


@pytest.mark.parametrize("known", [True, False])
def test_intervals_cover_the_truth_as_often_as_they_say(known: bool) -> None:
    rng = np.random.default_rng(5)
    covered = narrower = 0
    for _ in range(2000):
        xs = rng.normal(0, 0.1, 5)
        ys = 0.02 - 0.9 * xs + rng.normal(0, 0.02, 5)
        found = adjusted_difference(ys.tolist(), xs.tolist(), -0.9 if known else None)
        assert found is not None
        covered += found.low <= 0.02 <= found.high
        narrower += found.deviation < ys.std(ddof=1)
    assert 0.94 <= covered / 2000 <= 0.96
    assert narrower > 1800
