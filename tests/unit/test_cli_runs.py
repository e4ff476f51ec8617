"""What the roles archive and ceilings ask of ``collect run``."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collect.cli import main
from collect.plan import load_plan
from tests.support.synthetic import write_run

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(*words: str, stdin: str = "", code: int = 0) -> Any:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        assert main(["run", *words, "--archive", str(tmp_path)]) == code
        said = capsys.readouterr()
        if code:
            return said.err
        return json.loads(said.out) if said.out.startswith(("{", "[")) else said.out

    return call


BEGIN = ("begin", "--plan", "quick", "--inventory", "local")


def test_the_clients_cores_say_how_many_processes_are_enough(run: Run) -> None:
    begun = run(*BEGIN, "--client-cores", "6")
    assert {trial["generator"]["processes"] for trial in begun["trials"]} == {1, 5}
    resumed = run("resume", begun["run_id"], "--plan", "quick", "--client-cores", "6")
    assert resumed["remaining"] == begun["remaining"]
    assert "another plan" in run("resume", begun["run_id"], "--plan", "quick", "--client-cores", "2", code=2)
    assert "--client-cores" in run(*BEGIN, "--client-cores", "0", code=2)


def test_several_clients_are_given_one_by_one(run: Run) -> None:
    begun = run(*BEGIN, "--client-cores", "4,2")
    assert {trial["generator"]["processes"] for trial in begun["trials"]} == {1, 6}
    for wrong in ("4,", "4,0", "4 2", "-1", ""):
        assert "--client-cores" in run(*BEGIN, f"--client-cores={wrong}", code=2)


def test_the_servers_cores_say_how_many_processes_serve(run: Run) -> None:
    production = ("--plan", "production", "--server-cores", "3")
    begun = run("begin", *production, "--inventory", "local")
    assert {trial["variant"]["processes"] for trial in begun["trials"] if trial["kind"] == "cell"} == {3}
    assert run("resume", begun["run_id"], *production)["remaining"] == begun["remaining"]
    fewer = ("--plan", "production", "--server-cores", "2")
    assert "another plan" in run("resume", begun["run_id"], *fewer, code=2)
    assert "--server-cores" in run("begin", *production[:3], "0", "--inventory", "local", code=2)


def test_the_check_says_what_is_needed(run: Run) -> None:
    assert run("check", "--plan", "quick")["needs"] == []
    assert run("check", "--plan", "modern", "--server-cores", "2")["needs"] == ["database", "python-modern"]
    begun = run("begin", "--plan", "table", "--inventory", "local")
    assert run("check", "--plan", "quick", "--resume", begun["run_id"])["needs"] == ["database"], "the run's own plan"


def test_probes_are_wanted_by_the_plan_or_by_whoever_begins(run: Run) -> None:
    begun = run(*BEGIN, "--probe")
    assert begun["probes_ahead"]
    assert "then tests of their verdicts" in begun["announcement"]
    assert not run("resume", begun["run_id"], "--no-probe")["probes_ahead"]
    assert run("resume", begun["run_id"], "--probe")["probes_ahead"]
    assert not run(*BEGIN)["probes_ahead"]
    assert run("check", "--plan", "quick", "--probe")["estimate_s"] > run("check", "--plan", "quick")["estimate_s"]


def test_ceilings_are_measured_once(run: Run) -> None:
    begun = run(*BEGIN)
    assert begun["ceilings"] == {"wanted": True, "users": 10, "key": "name", "delays_ms": []}
    redis = {"gets_per_s": 50000.0, "clients": 10, "command": "redis-benchmark", "changed": False, "failed": False}
    network = {"missing": "there is no iperf3 on the client host (Debian: iperf3)"}
    said = run("ceilings", begun["run_id"], stdin=json.dumps({"redis": redis, "network": network}))
    missing = "network not measured: there is no iperf3 on the client host (Debian: iperf3)"
    assert said == f"  ceilings: Redis 50,000 GET/s; {missing}\n"
    assert not run("resume", begun["run_id"])["ceilings"]["wanted"]


@pytest.mark.parametrize(
    "redis", [None, {}, {"msg": "boom\nbang", "failed": True}, {"gets_per_s": "many", "clients": 1, "command": "x"}]
)
def test_a_ceiling_that_is_no_figure_is_missing(run: Run, redis: Any) -> None:
    begun = run(*BEGIN)
    said = run("ceilings", begun["run_id"], stdin=json.dumps({"redis": redis}))
    assert said.count("\n") == 1
    assert "Redis not measured: " in said
    assert "not JSON" in run("ceilings", begun["run_id"], stdin="[", code=2)


def test_probes_are_chosen_once_and_only_when_all_is_measured(run: Run, tmp_path: Path) -> None:
    plan = replace(load_plan("quick"), window_s=3, blocks=1, ceiling_window_s=0)
    partial = write_run(tmp_path, plan)
    assert run("probes", partial.run_id)["remaining"] == []
    run("resume", partial.run_id, "--probe")
    chosen = run("probes", partial.run_id)
    assert {spec["kind"] for spec in chosen["remaining"]} == {"probe"}
    assert f"{len(chosen['remaining'])} trials that put verdicts to the test" in chosen["announcement"]
    assert run("probes", partial.run_id)["remaining"] == chosen["remaining"]
    begun = run(*BEGIN, "--probe")
    assert run("probes", begun["run_id"])["remaining"] == begun["remaining"]


def test_a_run_goes_on_only_with_who_held_up_redis_answers_when_it_was_begun(run: Run, tmp_path: Path) -> None:
    begun = run("begin", "--plan", "map", "--inventory", "local")
    session = ("session", begun["run_id"])
    relay = {"by": "relay", "why": "no netem", "port": 6380, "redis_port": 6379, "password_file": "/p"}
    run(*session, stdin=json.dumps({"facts": {"server1": {}}, "relay": relay}))
    assert run("resume", begun["run_id"])["ceilings"]["wanted"], "they are not measured by that"
    failed = {"rc": 1, "stdout": "", "stderr": "error: no answers (server1): mend it\n"}
    run("ceilings", begun["run_id"], stdin=json.dumps({"redis": {"missing": "x"}, "relay": {"delays": failed}}))
    run(*session, stdin=json.dumps({"facts": {"server1": {}}, "relay": relay}))
    said = run(*session, stdin=json.dumps({"facts": {}, "relay": {**relay, "by": "netem"}}), code=2)
    assert said.count("\n") == 1
    assert f"held up by relay so far, now by netem ({begun['run_id']}): set relay_by to relay" in said
    facts = json.loads((tmp_path / f"{begun['run_id']}.partial" / "run.json").read_text())
    assert facts["ceilings"]["relay"] == {"by": "relay", "why": "no netem", "missing": "no answers (server1): mend it"}
    assert not run("resume", begun["run_id"])["ceilings"]["wanted"]


def test_a_port_base_that_is_too_high_is_told_as_that(run: Run) -> None:
    for base in ("32767", "80"):
        precise = ("--plan", "quick", "--precision", "0.02", "--port-base", base)
        for command in (("check",), ("begin", "--inventory", "local")):
            said = run(*command, *precise, code=2)
            assert "app_port_base" in said
            assert "choose a base from 1024 to " in said


def test_the_check_tells_of_the_delays(run: Run) -> None:
    assert run("check", "--plan", "map")["redis_delays_ms"] == [0, 1, 5, 20, 100]
    assert run("check", "--plan", "quick")["redis_delays_ms"] == []
