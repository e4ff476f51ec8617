from __future__ import annotations

import pytest

from collect.findings.prose import doubt, rate, times
from collect.statistics.intervals import Estimate


def estimate(value: float, low: float | None, high: float | None) -> Estimate:
    return Estimate(value, value, value, low, high, 8)


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (1.3234, 1.25, 1.4, "1.32 times (95 % interval 1.25 to 1.40, 8 blocks)"),
        (1.023, 1.0021, 1.04, "1.023 times (95 % interval 1.002 to 1.040, 8 blocks)"),
        (0.98, 0.96, 1.0, "0.98 times (95 % interval 0.96 to 1.00, 8 blocks)"),
        (0.0561, 0.048, 0.065, "0.056 times (95 % interval 0.048 to 0.065, 8 blocks)"),
        (2.0, None, None, "2.00 times (no interval from fewer than 3 blocks, 8 blocks)"),
    ],
)
def test_an_interval_says_on_which_side_of_1_it_lies(
    value: float, low: float | None, high: float | None, text: str
) -> None:
    assert times(estimate(value, low, high)) == text


def test_slow_rates_have_a_decimal() -> None:
    assert rate(estimate(1031.4, 875.2, 1187.0)) == "1,031 requests a second (95 % interval 875 to 1,187, 8 blocks)"
    assert rate(estimate(4.94, 4.8, 5.04)) == "4.9 requests a second (95 % interval 4.8 to 5.0, 8 blocks)"


def test_doubt_is_told_where_the_interval_alone_would_tell_a_difference() -> None:
    assert doubt(estimate(1.1, 0.9, 1.3)) == doubt(estimate(1.1, None, None)) == ""
    assert "one of many statements" in doubt(estimate(1.1, 1.05, 1.15))
    assert doubt(estimate(4.0, 3.9, 4.4), against=4.32) == ""
