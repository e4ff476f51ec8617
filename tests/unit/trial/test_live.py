from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collect.archive import begin_run
from collect.plan import TRIAL_OVERHEAD_S, load_plan
from collect.trial.board import Board
from collect.trial.execute import Trial
from collect.trial.live import finished_line, live_line
from collect.trial.watching import Task
from tests.support.synthetic import finish, plausible

PLAN = replace(load_plan("quick"), blocks=1)
SPECS = PLAN.trials()
SUMMARY: dict[str, Any] = {
    "validity": "valid", "reasons": [], "rps": 463.21, "latency_p50_ms": 12.0, "latency_p95_ms": None,
    "latency_p99_ms": 30.0, "server_cpu_cores": 0.97, "client_cpu_cores": 0.5, "limited_by": ["server-app", "redis"],
    "limited_by_confidence": ["high", "low"], "limited_by_evidence": ["the app at 99 % of a core", "so so"],
}  # fmt: skip


def test_a_finished_trial_says_what_limited_it_and_why() -> None:
    line = finished_line(SPECS[-1].to_json(), SUMMARY)
    assert "463.2 req/s" in line
    assert line.endswith("\n      limited by server-app (high): the app at 99 % of a core; then redis")
    assert "limited by" not in finished_line(SPECS[-1].to_json(), {**SUMMARY, "limited_by": []})
    long = finished_line(SPECS[-1].to_json(), {**SUMMARY, "limited_by_evidence": ["x" * 500, ""]})
    assert max(len(part) for part in long.splitlines()) < 200


def test_ceilings_and_probes_are_named() -> None:
    assert "ceiling" in live_line(SPECS[0].to_json(), {"phase": "window"}, None, None, 10)
    assert "ceiling" not in live_line(SPECS[-1].to_json(), {"phase": "window"}, None, None, 10)
    probe = replace(SPECS[-1], kind="probe", probe_of="a", intervention="20 users instead of 10")
    assert "with 20 users instead of 10" in finished_line(probe.to_json(), SUMMARY)


def test_the_time_left_is_what_is_planned_and_what_comes_around_it(tmp_path: Path) -> None:
    """Short ceilings before long trials must not make these look short."""
    plan = replace(PLAN, window_s=3, ceiling_window_s=1)
    run = begin_run(tmp_path, plan, inventory="local")
    specs = run.trials()
    for spec in specs[:4]:
        finish(run, spec, plausible(spec))
        Board(tmp_path / "board" / spec.trial_id).put("around", 6.0)
    task = Task(specs[4].to_json(), "server1", "192.0.2.1", ["client1"], 1.0, tmp_path / "raw")
    trial = Trial(task, Board(tmp_path / "board" / "now"), run.path, "", 0, print, False)
    assert trial._estimate_s() == pytest.approx(4 * (plan.ramp_s + plan.warmup_s + 3 + 6))
    run.want_probes(True)
    around_s = plan.ramp_s + plan.warmup_s + 3 + TRIAL_OVERHEAD_S
    assert trial._estimate_s() == pytest.approx(4 * (plan.ramp_s + plan.warmup_s + 3 + 6) + 4 * 8 * around_s)
