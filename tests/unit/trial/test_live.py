"""From what the hosts say to the lines of live.jsonl, on a real stream whose far side is a shell on this machine."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from collect.archive.partial import PartialRun, begin_run
from collect.errors import BenchError
from collect.live.read import LIVE, follow
from collect.plan import TRIAL_OVERHEAD_S, TrialSpec, load_plan
from collect.trial import execute
from collect.trial.board import Board
from collect.trial.execute import Trial
from collect.trial.live import Seconds, is_of
from collect.trial.remote import Remote
from collect.trial.watching import Task
from tests.support.plans import small_plan
from tests.support.several import CONTAINER
from tests.support.streamed import BEGAN, CLIENT, LOAD, PHASES, SERVER, WINDOW_START, load, seconds
from tests.support.synthetic import finish, plausible

PLAN = replace(load_plan("quick"), blocks=1)
SPEC = small_plan(1).trials()[0]

# The watch answers the eight questions for the time first, then says all; so do others what they are asked for.
FAR_SIDE = """
folder=$(dirname "$0")
case $1 in
*watch.py*)
  asked=0
  while [ $asked -lt 8 ] && read -r question; do
    date +'{"src":"clock","t":%s.%N}'; asked=$((asked + 1))
  done
  cat "$folder/stream.jsonl"
  while read -r question; do date +'{"src":"clock","t":%s.%N}'; done ;;
*"tar -C"*) tar -C "$folder/load" -cf - . ;;
*sampler.cut*) echo '{"tick":1}' ;;
esac
"""


def far_side(folder: Path, lines: list[dict[str, Any]]) -> Remote:
    """Return a client host that streams these lines."""
    (folder / "load").mkdir()
    (folder / "far_side.sh").write_text(FAR_SIDE)
    (folder / "stream.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Remote("client1", lambda command: ["/bin/sh", str(folder / "far_side.sh"), command])


def trial_of(run: PartialRun, spec: TrialSpec, controller_pid: int | None = None) -> Trial:
    folder = run.path / "trials" / f"{spec.trial_id}.tmp"
    task = Task(spec.to_json(), "server1", "192.0.2.1", ["client1"], 1.0, folder)
    board = Board(run.path.parent / "board" / spec.trial_id)
    return Trial(task, board, run.path, "192.0.2.2", os.getppid() if controller_pid is None else controller_pid)


def test_a_clients_worker_puts_each_second_into_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "tree_cpu_s", lambda _: 1.5)
    run = begin_run(tmp_path / "archive", small_plan(1), inventory="local")
    trial = trial_of(run, run.trials()[0])
    trial.board.put("server1.now", SERVER)
    collector = {"src": "collector", **CLIENT}
    remote = far_side(tmp_path, [collector, *LOAD, {"src": "watch", "state": "ended"}])
    assert trial.play(remote) == {"summary": None}

    lines, _ = follow(run.path / LIVE, 0)
    assert [line["phase"] for line in lines] == PHASES
    assert {line["trial_id"] for line in lines} == {run.trials()[0].trial_id}
    assert {(line["ordinal"], line["of"]) for line in lines} == {(1, 2)}
    assert [line["at"] for line in lines] == pytest.approx([line["t"] for line in LOAD if "rps" in line], abs=1)
    assert {line["app_cpu_cores"] for line in lines} == {0.701}
    assert {line["generator_cpu_cores"] for line in lines} == {0.93}
    # Two trials of 5 s, and what comes around them.
    assert 8 < lines[-1]["left_s"] <= lines[0]["left_s"] <= 2 * (5 + TRIAL_OVERHEAD_S)
    assert len(trial.control_cpu) == 2, "at the window's begin and end"
    assert trial.board.get("load.window") == pytest.approx(WINDOW_START, abs=1)


def test_a_second_belongs_to_the_phase_in_which_it_was() -> None:
    told = seconds(SPEC)
    assert [line["phase"] for line in told] == PHASES
    inside = [line for line in told if line["phase"] == "window"]
    assert [line["rps"] for line in inside] == [418.4, 424.0, 423.4]
    assert all(WINDOW_START < line["at"] <= WINDOW_START + 3.1 for line in inside)


def test_a_warm_up_within_a_second_is_one() -> None:
    lines = [LOAD[0], LOAD[1], {**LOAD[2], "window_start_unix_s": BEGAN + 2}, load(2.03, "window", 9, 9.0, 1.0)]
    assert [line["phase"] for line in seconds(SPEC, lines)] == ["start", "ramp", "warmup"]
    del lines[1]
    assert [line["phase"] for line in seconds(SPEC, lines)] == ["start", "warmup"]


def test_seconds_count_from_the_first_line_also_where_some_are_missing() -> None:
    told = seconds(SPEC, [LOAD[0], LOAD[1], *LOAD[5:]])
    assert [line["second"] for line in told] == [0, 1, 4, 5, 6, 6]


def test_what_is_not_known_is_null() -> None:
    telling = Seconds(SPEC.to_json(), "server1", ["client1", "client2"])
    line = telling.line(LOAD[1], {"server1": None, "client1": CLIENT}, ahead_s=0.0, left_s=-3.0)
    assert line is not None
    names = ("server_cpu_cores", "client_cpu_cores", "app_cpu_cores", "generator_cpu_cores", "client_cpus")
    assert [line[name] for name in names] == [None] * 5, "of one of two clients the sum is not known"
    assert line["left_s"] == 0
    done = seconds(SPEC)[-1]
    assert (done["rps"], done["p95_ms"], done["failures"]) == (None, None, 1), "a quarter of a second is no second"


def test_clients_are_added_up() -> None:
    telling = Seconds(SPEC.to_json(), "server1", ["client1", "client2"])
    idle = {**CLIENT, "busy": 0.1, "units": {"generator": 0.02}}
    rows = {"server1": {**SERVER, "units": {}}, "client1": CLIENT, "client2": idle}
    line = telling.line(LOAD[1], rows, ahead_s=0.0, left_s=1.0)
    assert line is not None
    assert (line["client_cpu_cores"], line["generator_cpu_cores"], line["client_cpus"]) == (1.061, 0.95, 4)
    assert line["app_cpu_cores"] is None, "no app runs"


def test_cpus_that_clients_share_are_told_once() -> None:
    facts = dict.fromkeys(("client1", "client2"), CONTAINER)
    telling = Seconds(SPEC.to_json(), "server1", ["client1", "client2"], facts)
    rows = {"server1": SERVER, "client1": CLIENT, "client2": {**CLIENT, "units": {"generator": 0.02}}}
    line = telling.line(LOAD[1], rows, ahead_s=0.0, left_s=1.0)
    assert line is not None
    assert (line["client_cpu_cores"], line["client_cpus"]) == (CLIENT["busy"], CLIENT["cpus"])
    assert line["generator_cpu_cores"] == pytest.approx(CLIENT["units"]["generator"] + 0.02, abs=1e-3)


def test_the_time_is_the_control_nodes() -> None:
    line = Seconds(SPEC.to_json(), "server1", ["client1"]).line(LOAD[1], {}, ahead_s=100.0, left_s=0.0)
    assert line is not None
    assert line["at"] == pytest.approx(BEGAN + 1.031 - 100, abs=1e-3)


def test_a_control_node_that_is_gone_ends_the_trial(tmp_path: Path) -> None:
    run = begin_run(tmp_path / "archive", small_plan(1), inventory="local")
    trial = trial_of(run, run.trials()[0], controller_pid=1_000_000_000)
    with pytest.raises(BenchError, match="ansible-playbook has ended"):
        trial.play(far_side(tmp_path, LOAD))
    assert not (run.path / LIVE).exists()


def test_a_trial_on_record_is_told_with_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begin_run(tmp_path / "archive", small_plan(1), inventory="local")
    first, second = run.trials()
    trial = trial_of(run, first)
    summary = {"rps": 420.5, "latency_p95_ms": 25.6, "validity": "valid", "limited_by": ["server-app", "redis"]}
    monkeypatch.setattr(Trial, "_put_on_record", lambda *_: summary)
    trial.board.put("client1.done", {})
    said = trial._finish({})
    assert (said["summary"], said["told"]) == (summary, [])
    around_s = float((trial.board.folder / "around").read_text())
    assert said["left_s"] == pytest.approx(5 + around_s), f"{second.trial_id} is left"
    [line], _ = follow(run.path / LIVE, 0)
    assert line.pop("at") > BEGAN
    assert line == {
        "kind": "finished", "trial_id": first.trial_id, "ordinal": 1, "of": 2, "rps": 420.5, "p95_ms": 25.6,
        "validity": "valid", "limited_by": ["server-app", "redis"],
    }  # fmt: skip


def test_the_time_left_is_what_is_planned_and_what_comes_around_it(tmp_path: Path) -> None:
    """Short ceilings before long trials must not make these look short."""
    plan = replace(PLAN, window_s=3, ceiling_window_s=1)
    run = begin_run(tmp_path, plan, inventory="local")
    specs = run.trials()
    for spec in specs[:4]:
        finish(run, spec, plausible(spec))
        Board(tmp_path / "board" / spec.trial_id).put("around", 6.0)
    trial = trial_of(run, specs[4])
    assert trial._estimate_s(5) == pytest.approx(4 * (plan.ramp_s + plan.warmup_s + 3 + 6))
    assert trial._estimate_s(7) == pytest.approx(2 * (plan.ramp_s + plan.warmup_s + 3 + 6))
    run.want_probes(True)
    around_s = plan.ramp_s + plan.warmup_s + 3 + TRIAL_OVERHEAD_S
    assert trial._estimate_s(5) == pytest.approx(4 * (plan.ramp_s + plan.warmup_s + 3 + 6) + 4 * 8 * around_s)


def test_the_windows_seconds_are_counted_by_the_clock() -> None:
    assert [line["window_second"] for line in seconds(SPEC)] == [None] * 4 + [1, 2, 3, None]
    assert [line["window_second"] for line in seconds(SPEC, [*LOAD[:3], *LOAD[6:8]])] == [None, None, 2, 3]


def test_rows_of_another_making_end_no_trial() -> None:
    telling = Seconds(SPEC.to_json(), "server1", ["client1"])
    line = telling.line({"t": 7.0, "phase": "odd"}, {"server1": {}, "client1": {"units": None}}, ahead_s=0, left_s=1)
    assert line is not None
    assert (line["phase"], line["rps"], line["failures"], line["server_cpu_cores"]) == ("odd", None, 0, None)
    assert telling.line({"phase": "window"}, {}, ahead_s=0, left_s=1) is None


@pytest.mark.parametrize(("ticked", "known"), [(5.001, True), (4.002, False), (4.54, True), (6.0, True), (None, False)])
def test_a_row_is_of_the_second_at_whose_end_it_was_taken(ticked: float | None, known: bool) -> None:
    assert is_of({"t": ticked}, {"t": 5.031}) is known
    assert not is_of(None, {"t": 5.031})


@dataclass
class FakeSide:
    """As much of a client's side as a second is told by."""

    collector: dict[str, Any] | None = None
    clocks: tuple[dict[str, float], ...] = ({"offset_s": 0.0},)
    remote: Remote = field(default_factory=lambda: Remote("client1", lambda command: [command]))


def test_a_second_waits_for_the_ticks_at_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begin_run(tmp_path / "archive", small_plan(1), inventory="local")
    trial, side, path = trial_of(run, run.trials()[0]), FakeSide(), run.path / LIVE
    monkeypatch.setattr(execute, "PATIENCE_S", 1000)

    def told() -> list[float | None]:
        return [line["server_cpu_cores"] for line in follow(path, 0)[0]]

    trial._tell(LOAD[1], side)  # type: ignore[arg-type]
    side.collector = {**CLIENT, "t": BEGAN + 1}
    trial.board.put("server1.now", {**SERVER, "t": BEGAN, "busy": 0.1})
    trial._tell(None, side)  # type: ignore[arg-type]
    assert told() == []
    trial.board.put("server1.now", {**SERVER, "t": BEGAN + 1, "busy": 0.2})
    trial._tell(None, side)  # type: ignore[arg-type]
    trial._tell(None, side)  # type: ignore[arg-type]
    assert told() == [0.2], "once"

    trial._tell(LOAD[3], side)  # type: ignore[arg-type]
    assert told() == [0.2]
    monkeypatch.setattr(execute, "PATIENCE_S", 0)
    trial._tell(None, side)  # type: ignore[arg-type]
    assert told() == [0.2, 0.2], "not for ever"


def test_no_second_is_lost_to_the_next_or_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "tree_cpu_s", lambda _: 1.5)
    run = begin_run(tmp_path / "archive", small_plan(1), inventory="local")
    trial, side = trial_of(run, run.trials()[0]), FakeSide()
    for line in LOAD:
        trial._tell(line, side)  # type: ignore[arg-type]
    assert [line["phase"] for line in follow(run.path / LIVE, 0)[0]] == PHASES
