"""What would help: known differences between apps asked by turns, and known noise of a machine."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.machine_noise import noise
from benchmarks.machine_noise import page as machine_page
from benchmarks.side_by_side import OUTCOMES, Round, effects, row

APP_S, ANSWER_S = 800e-6, 1600e-6


def rounds_of(seed: int, count: int, busy_us: int, own: float = 0.01) -> list[Round]:
    """Rounds on a machine that is another for each of them, but the same for both sides."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        slower = math.exp(rng.normal(0, 0.15))
        each = [(slower * APP_S + busy_us / 1e6 * side, slower * ANSWER_S + busy_us / 1e6 * side) for side in (0, 1)]
        noise = np.exp(rng.normal(0, own, 4))
        cpu_s = (each[0][0] * noise[0], each[1][0] * noise[1])
        made.append(Round(cpu_s, (each[0][1] * noise[2], each[1][1] * noise[3]), 3.0))
    return made


def test_what_both_sides_meet_drops_out_and_what_one_costs_more_is_found() -> None:
    rounds = rounds_of(1, 40, 16)
    found = effects(rounds)
    for name, cost_s in zip(OUTCOMES, (APP_S, ANSWER_S), strict=True):
        effect = found[name]
        assert effect is not None
        assert effect.value == pytest.approx(math.log1p(16e-6 / cost_s), abs=0.006)
    nothing = effects(rounds_of(2, 40, 0))[OUTCOMES[0]]
    assert nothing is not None
    assert nothing.covers(0)


def test_a_line_tells_truth_estimate_and_rounds() -> None:
    told = row(16, rounds_of(1, 40, 16), OUTCOMES[0])
    assert told[:2] == ["16 µs", OUTCOMES[0]]
    assert float(told[2].rstrip("%")) == pytest.approx(2.0, abs=0.1)
    assert "of 8 (" in told[4]
    assert 4 <= int(told[6].partition(" ")[0]) <= 12, "deviation of 1.4 %, so some 8 rounds"


def test_noise_of_a_machine_is_told_by_length_and_by_how_far_two_cpus_go_together() -> None:
    rng = np.random.default_rng(4)
    ends = np.arange(0, 60, 1e-3)
    shared = np.repeat(rng.normal(0, 0.1, 60), 1000)
    alone = [np.repeat(rng.normal(0, 0.1, 60), 1000) for _ in range(2)]
    series = [np.column_stack([ends, 1e-4 * np.exp(shared + own)]) for own in alone]
    found = noise(series, 1.0, 60)
    assert found is not None
    assert found[0] == pytest.approx(0.2, rel=0.2), "sqrt(2) times that of two parts of 0.1 each"
    assert found[1] == pytest.approx(0.5, abs=0.25)
    assert noise(series, 10.0, 60) is None, "six stretches are too few"
    assert sum(line.startswith("| 1000 ms | ") for line in machine_page(series, 60)) == 1
