"""Figures by block: what has no logarithm is in none of them."""

from __future__ import annotations

from typing import Any

from collect.compare.series import OUTCOMES, logs
from collect.designs.composition import log_rates
from collect.statistics.blocks import app_cpu_s, app_cpu_s_by_block, rates_by_block
from tests.support.cells import cells
from tests.support.figured import figured
from tests.support.found import TWO


def rows(*rates: float, cores: float | None = 0.5) -> list[dict[str, Any]]:
    return [
        {"block": block, "cell": "a", "kind": "cell", "validity": "valid", "rps": rate, "app_cpu_cores": cores}
        for block, rate in enumerate(rates, start=1)
    ]


def test_a_block_without_a_right_answer_is_left_out() -> None:
    assert rates_by_block(rows(2.0, 0.0, 4.0)) == {1: 2.0, 3: 4.0}
    assert app_cpu_s_by_block(rows(2.0, 0.0, 4.0)) == {1: 0.25, 3: 0.125}
    assert app_cpu_s_by_block(rows(2.0, cores=0.0)) == app_cpu_s_by_block(rows(2.0, cores=None)) == {}
    assert app_cpu_s(rows(0.0)[0]) is None


def test_it_is_left_out_everywhere_alike() -> None:
    assert list(log_rates(rows(2.0, 0.0, 4.0))["a"]) == [1, 3]
    assert [len(logs(rows(2.0, 0.0, 4.0), outcome)) for outcome in OUTCOMES.values()] == [2, 2]
    some = cells(("redis",), TWO, ("controlled",))
    figures = figured(
        some,
        lambda cell, block: 0.0 if (cell, block) == (some[0], 2) else 1000.0 + block,
        cpu_s=lambda cell, block: 0.001,
    )
    (ratio,) = figures.ratios
    assert ratio.ratio is not None
    assert ratio.ratio.blocks == 7
    assert ratio.cpu is not None
    assert ratio.cpu.blocks == 7
