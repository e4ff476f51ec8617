"""All hosts' workers do the same trials, also where a run ends before its last one."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from collect.archive.looks import state_of
from collect.archive.partial import PartialRun, begin_run
from collect.errors import BenchError
from collect.plan import TrialSpec
from collect.precision import with_precision
from collect.trial import execute
from collect.trial.board import Board
from collect.trial.execute import Trial
from collect.trial.watching import Task
from tests.support.plans import small_plan


@dataclass
class Host:
    """A host that a worker must not touch."""

    name: str


class TouchedError(Exception):
    """The trial has begun."""


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    def touch(self: Trial, remote: Host) -> dict[str, Any]:
        raise TouchedError

    monkeypatch.setattr(Trial, "_serve", touch)
    monkeypatch.setattr(Trial, "_load", touch)
    monkeypatch.setattr(execute, "SETTLE_S", 0.1)


def run_of(folder: Path, *, stopped: bool, precision: float | None = 0.1) -> PartialRun:
    plan = small_plan(4) if precision is None else with_precision(small_plan(), precision, 5)
    run = begin_run(folder, plan, inventory="local")
    if precision is not None:
        state = state_of(run)
        assert state is not None
        run.update_precision(state | {"decided": 1, "stopped": {"block": 1, "reason": "time"} if stopped else None})
    return run


def trial(run: PartialRun, spec: TrialSpec) -> Trial:
    task = Task(spec.to_json(), "server1", "192.0.2.1", ["client1"], 1.0, run.path / "trials" / f"{spec.trial_id}.tmp")
    board = Board(run.path / "board" / spec.trial_id)
    return Trial(task, board, run.path, "192.0.2.2", os.getppid())


def first_of_block(run: PartialRun, block: int) -> TrialSpec:
    return next(spec for spec in run.plan.trials() if (spec.block, spec.position) == (block, 1))


def test_a_stopped_run_ends_for_all_alike(tmp_path: Path) -> None:
    run = run_of(tmp_path, stopped=True)
    one = trial(run, first_of_block(run, 2))
    said: list[dict[str, Any]] = []
    client = threading.Thread(target=lambda: said.append(one.play(Host("client1"))))  # type: ignore[arg-type]
    client.start()
    time.sleep(0.2)
    assert not said, "it waits for the server's worker"
    assert one.play(Host("server1")) == {"enough": True}  # type: ignore[arg-type]
    client.join(5)
    assert said == [{"enough": True}]
    assert not one.task.folder.exists()


@pytest.mark.parametrize("stopped", [False, None])
def test_a_run_that_goes_on_begins_the_trial(tmp_path: Path, stopped: bool | None) -> None:
    run = run_of(tmp_path, stopped=False, precision=None if stopped is None else 0.1)
    one = trial(run, first_of_block(run, 2))
    with pytest.raises(BenchError, match="TouchedError"):
        one.play(Host("server1"))  # type: ignore[arg-type]
    assert json.loads((run.path / "failed" / f"{one.task.spec['trial_id']}-1" / "error.json").read_text())
    assert one.board.get("wanted") is (None if stopped is None else True)


def test_a_client_hears_that_the_session_has_ended(tmp_path: Path) -> None:
    run = run_of(tmp_path, stopped=False)
    one = trial(run, first_of_block(run, 2))
    one.board.abort("the server has lost its wits (server1): wait")
    with pytest.raises(BenchError, match="lost its wits"):
        one.play(Host("client1"))  # type: ignore[arg-type]


def test_a_client_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "DECIDE_S", 0.2)
    run = run_of(tmp_path, stopped=False)
    with pytest.raises(BenchError, match=r"no word on whether the run goes on \(server1\)"):
        trial(run, first_of_block(run, 2)).play(Host("client1"))  # type: ignore[arg-type]


def test_within_a_block_nobody_waits(tmp_path: Path) -> None:
    run = run_of(tmp_path, stopped=False)
    spec = next(spec for spec in run.plan.trials() if (spec.block, spec.position) == (2, 2))
    with pytest.raises(BenchError, match="TouchedError"):
        trial(run, spec).play(Host("client1"))  # type: ignore[arg-type]
