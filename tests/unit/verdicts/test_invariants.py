"""Figures that can be had in two ways, and what is said when they differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from collect.statistics.modes import pile_share
from collect.statistics.steadiness import largest_drift, largest_step, long_run_deviation, oscillation, rates_of
from tests.support.synthetic import Setting
from tests.unit.verdicts.test_words import IDLE, LAB, judged


def test_a_sound_trial_has_nothing_to_tell(tmp_path: Path) -> None:
    row = judged(tmp_path, replace(IDLE, app_counted=0))
    assert (row["validity"], row["reasons"], row["warnings"]) == ("valid", [], [])
    assert abs(row["little_error"]) < 0.01
    assert row["app_requests_diff"] == 0
    assert row["connections"] == pytest.approx(row["requests"], rel=0.01)
    assert row["latency_40ms_share"] == row["latency_1s_share"] == row["rps_change"] == 0
    assert abs(row["server_cpu_sum_error"]) < 0.03
    assert (row["server_cpu_full_share"], row["client_cpu_full_share"]) == (0, 0)
    assert (row["client_ports"], row["client_ports_used_max"]) == (28232, pytest.approx(4800, abs=10))
    assert row["app_process_cpu_cores"] == pytest.approx(0.3, abs=0.01)


def test_the_generators_own_time_is_told_by_littles_law(tmp_path: Path) -> None:
    row = judged(tmp_path, replace(IDLE, between_s=0.002))
    assert row["little_error"] == pytest.approx(0.08, abs=0.01)
    assert row["validity"] == "valid"
    assert [text for text in row["warnings"] if "of the time between requests: the generator's own" in text]


@pytest.mark.parametrize(("off", "validity"), [(0, "valid"), (10, "valid"), (-10, "valid"), (11, "invalid")])
def test_the_apps_own_count_must_be_the_generators(tmp_path: Path, off: int, validity: str) -> None:
    row = judged(tmp_path, replace(IDLE, app_counted=off))
    assert (row["app_requests_diff"], row["validity"]) == (off, validity)


def test_an_app_that_does_not_count_is_not_held_against_it(tmp_path: Path) -> None:
    row = judged(tmp_path, IDLE)
    assert (row["app_requests"], row["app_requests_diff"], row["validity"]) == (None, None, "valid")


def test_cpu_that_no_unit_accounts_for_is_told(tmp_path: Path) -> None:
    row = judged(tmp_path, replace(IDLE, foreign_cores=0.06))
    assert row["server_cpu_sum_error"] == pytest.approx(-0.04)  # the control node's 0.02 taken off
    assert row["validity"] == "valid"
    assert [text for text in row["warnings"] if text == "4.0% of the server's CPU set was used by none of its units"]


def test_interrupts_that_hit_an_idle_cpu_are_no_neighbours(tmp_path: Path) -> None:
    idle = judged(tmp_path / "idle", replace(IDLE, irq_cores=0.1))
    assert (idle["validity"], idle["warnings"]) == ("valid", [])
    # Without idle time they are charged to those whom they interrupt.
    full = judged(tmp_path / "full", replace(IDLE, app_cores=0.8, irq_cores=0.1, foreign_cores=0.06))
    assert full["validity"] == "degraded"


def test_a_burner_that_was_asked_for_is_no_neighbour(tmp_path: Path) -> None:
    row = judged(tmp_path, replace(IDLE, burners={"server1": (0.6, -np.inf, 0.0)}))
    assert (row["validity"], row["server_other_cpu_cores"]) == ("valid", pytest.approx(0.603))


@pytest.mark.parametrize(
    ("share", "seconds", "column"), [(0.03, 0.0425, "latency_40ms_share"), (0.003, 1.02, "latency_1s_share")]
)
def test_latencies_that_pile_up_at_a_timer_are_told(tmp_path: Path, share: float, seconds: float, column: str) -> None:
    quick = replace(IDLE, rps=1200, cpus=LAB)
    row = judged(tmp_path, replace(quick, piled=(share, seconds)))
    assert row[column] == pytest.approx(share, rel=0.6)
    assert [text for text in row["warnings"] if "pile up" in text]
    assert judged(tmp_path / "without", quick)[column] == 0


def test_a_mode_of_their_own_is_no_pile(tmp_path: Path) -> None:
    row = judged(tmp_path, Setting(rps=235, app_cores=0.3))  # 10 users at 235/s: 42 ms each
    assert (row["latency_40ms_share"], row["warnings"]) == (0, [])


def test_throttled_frequency_degrades(tmp_path: Path) -> None:
    row = judged(tmp_path / "a", replace(IDLE, mhz=(3000.0, 2000.0)))
    assert row["validity"] == "degraded"
    assert row["reasons"][0] == "the server's CPU ran up to 33% slower than it had in this trial"
    steady = judged(tmp_path / "b", replace(IDLE, mhz=(3000.0, 2900.0)))
    assert steady["validity"] == "valid"
    assert "the CPU's frequency" not in steady["evidence_missing"]


def test_wrong_responses_make_a_trial_invalid(tmp_path: Path) -> None:
    few, many = (judged(tmp_path / str(n), replace(IDLE, failures=n)) for n in (40, 400))
    assert (few["validity"], many["validity"]) == ("degraded", "invalid")
    assert [reason for reason in many["reasons"] if "responses were not the right one" in reason]


def test_pile_share_against_a_smooth_neighbourhood() -> None:
    rng = np.random.default_rng(1)
    smooth = rng.gamma(4, 0.008, 20_000)
    assert pile_share(smooth, 0.040, 0.046) == pytest.approx(0, abs=0.005)
    pile = np.concatenate([smooth, rng.uniform(0.040, 0.044, 1000)])
    assert pile_share(pile, 0.040, 0.046) == pytest.approx(1000 / 21_000, rel=0.2)
    assert pile_share(np.array([]), 0.04, 0.046) is None
    assert pile_share(np.full(10, 0.001), 0.04, 0.046) == 0


def test_steps_drifts_and_oscillations_are_what_they_are() -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 2, 40)
    step = largest_step(100 + noise - 25 * (np.arange(40) >= 20))
    assert step is not None
    assert step.size == pytest.approx(-0.28, abs=0.03)
    assert (step.at, step.until) == (0.5, 1.0)
    drift = largest_drift(100 + noise + np.linspace(-20, 20, 40))
    assert drift is not None
    assert drift.size == pytest.approx(0.4, abs=0.04)
    assert drift.score > 10
    power, amplitude, periods = oscillation(100 + noise + 30 * np.sin(np.arange(40) / 40 * 2 * np.pi * 5))
    assert power > 0.8
    assert amplitude == pytest.approx(0.3, abs=0.03)
    assert periods == 5
    assert largest_step(np.ones(4)) is None
    assert largest_drift(np.zeros(40)) is None
    assert oscillation(np.ones(40)) == (0.0, 0.0, 0)


def test_memory_makes_noise_larger() -> None:
    rng = np.random.default_rng(3)
    white = rng.normal(0, 1, 4000)
    assert long_run_deviation(white) == pytest.approx(1, abs=0.05)
    smooth = np.convolve(white, np.ones(5) / 5, mode="same")
    assert long_run_deviation(smooth) > 2 * smooth.std()
    assert long_run_deviation(np.zeros(10)) == 0


def test_rates_have_parts_with_enough_in_them() -> None:
    for count, parts in ((3000, 40), (150, 10)):
        ends = np.linspace(0.001, 10, count)
        assert len(rates_of(ends - 0.01, ends, 0, 10)) == parts
    assert rates_of(np.array([]), np.array([]), 0, 10).tolist() == [0]


def test_users_in_step_do_not_make_a_rate_oscillate() -> None:
    begin = np.repeat(np.arange(0, 10, 0.115), 10)
    rate = rates_of(begin, begin + 0.115, 0, 9.9)
    assert rate.std() < 0.01 * rate.mean()
    assert rate.mean() == pytest.approx(10 / 0.115, rel=0.01)
