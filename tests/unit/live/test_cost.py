"""What is told each second costs next to nothing."""

from __future__ import annotations

from benchmarks.live_cost import LIMIT_MS, cost_ms


def test_a_second_costs_less_than_a_thousandth_of_a_core() -> None:
    parts = cost_ms(300)
    assert set(parts) == {"telling", "reading", "drawing"}
    assert 0 < sum(parts.values()) < LIMIT_MS, parts
