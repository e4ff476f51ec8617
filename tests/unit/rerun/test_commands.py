"""What the playbooks ask of ``collect run`` for a rerun: whether it can be, its entry, whether hosts are the same."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable
from typing import Any

import pytest

from collect.archive.partial import open_partial
from collect.cli import main
from tests.support.many_runs import COMMIT, FLASK, STARLETTE, ManyRuns
from tests.support.plans import small_plan
from tests.support.synthetic import FACTS, finish, plausible

Run = Callable[..., Any]
RATES = {FLASK: [400.0, 401.0, 402.0], STARLETTE: [900.0, 901.0, 902.0]}
HOSTS = {"server": "server1", "facts": {"server1": FACTS, "client1": FACTS}}


@pytest.fixture
def first(runs: ManyRuns) -> str:
    return runs.add(RATES)


@pytest.fixture
def run(runs: ManyRuns, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(*words: str, stdin: Any = None, code: int = 0) -> Any:
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(stdin) if stdin is not None else ""))
        assert main(["run", *words, "--archive", str(runs.path)]) == code, capsys.readouterr()
        said = capsys.readouterr()
        if code:
            assert said.err.count("\n") == 1
            return said.err
        return json.loads(said.out) if said.out.startswith("{") else said.out

    return call


def changed(side: str, **facts: Any) -> dict[str, Any]:
    """Return the hosts with other facts of one."""
    return {**HOSTS, "facts": {"server1": FACTS, "client1": FACTS, side: {**FACTS, **facts}}}


def test_the_check_says_what_is_measured_and_what_is_not_as_it_was(run: Run, first: str) -> None:
    told = run("check", "--rerun", "latest", "--inventory", "local", "--clients", "1", "--variables", "{}")
    assert (told["plan"], told["trials"], told["needs"]) == ("small", 2, [])
    assert told["repeats"] == {"run_id": first, "asked": True, "despite": []}
    assert told["variables"] == {"app_port_base": 20000}
    assert any("the code was aaaaaaaa and is " in note and "git fetch" in note for note in told["notes"])
    assert run("check", "--plan", "quick")["repeats"] is None


def test_a_rerun_is_begun_as_the_run_was(run: Run, runs: ManyRuns) -> None:
    first = runs.add(RATES, change=lambda manifest: manifest.update(port_base=21000))
    begun = run("begin", "--rerun", first, "--inventory", "local", "--despite", "kernel,cpu")
    assert begun["repeats"] == {"run_id": first, "asked": True, "despite": ["cpu", "kernel"]}
    planned = [spec.to_json() for spec in small_plan(1).trials(21000)]
    assert begun["trials"] == json.loads(json.dumps(planned))
    partial = open_partial(runs.path / f"{begun['run_id']}.partial")
    assert (partial.facts["inventory"], partial.facts["port_base"]) == ("local", 21000)
    resumed = run("resume", begun["run_id"])
    assert resumed["repeats"] == begun["repeats"]
    assert resumed["remaining"] == begun["remaining"]
    assert run("check", "--resume", begun["run_id"])["repeats"]["run_id"] == first
    assert run("check", "--resume", begun["run_id"])["variables"] == {"app_port_base": 21000}


def test_other_ports_where_variables_may_differ(run: Run, first: str) -> None:
    asked = ("--rerun", first, "--inventory", "local", "--port-base", "22000")
    assert run("begin", *asked)["trials"][0]["port"] == 20001
    assert run("begin", *asked, "--despite", "variables")["trials"][0]["port"] == 22001


def test_a_rerun_is_sealed_as_one(run: Run, runs: ManyRuns, first: str) -> None:
    begun = run("begin", "--rerun", first, "--inventory", "local")
    partial = open_partial(runs.path / f"{begun['run_id']}.partial")
    partial.update_session(facts={"server1": FACTS, "client1": FACTS}, variables={"redis_port": 16379})
    for spec in partial.trials():
        finish(partial, spec, plausible(spec))
    run("seal", begun["run_id"])
    manifest = runs.archive.manifest(begun["run_id"])
    assert manifest["repeats"] == {"run_id": first, "asked": True, "despite": []}
    assert manifest["plan"] == runs.archive.manifest(first)["plan"]
    again = run("check", "--rerun", begun["run_id"], "--inventory", "local", "--variables", '{"redis_port": "16379"}')
    assert again["variables"] == {"app_port_base": 20000}
    said = run("check", "--rerun", begun["run_id"], "--variables", '{"redis_port": 1}', code=2)
    assert "redis_port was 16379 then, and is 1 now" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--plan", "quick"), "plan and rerun are both given (rerun): leave plan= away"),
        (("--precision", "0.02", "--time-limit-min", "9"), "precision and time_limit_min and rerun are both given"),
        (("--no-probe",), "leave probe= away"),
        (("--despite", "kernle"), '(rerun_despite): did you mean "kernel"?'),
        (("--inventory", "lab"), "the run is of the inventory local, not lab"),
        (("--clients", "2"), "the run had 1 client, the inventory has 2 clients"),
        (("--variables", "["), "not JSON"),
        (("--variables", "[]"), "not a JSON object"),
        (("--port-base", "32767", "--despite", "variables"), "app_port_base"),
        (("--resume", "20260101T000000Z-ffffff"), "resume and rerun are both given"),
    ],
)
def test_what_does_not_go_together_is_told(run: Run, first: str, words: tuple[str, ...], said: str) -> None:
    assert said in run("check", "--rerun", first, *words, code=2)


def test_what_is_there_to_be_measured_has_to_be_said(run: Run, first: str) -> None:
    assert "neither a plan nor a run is given" in run("check", code=2)
    assert "there is no run to differ from" in run("check", "--plan", "quick", "--despite", "kernel", code=2)
    assert "there is no run" in run("check", "--rerun", "2025", code=2)
    begun = run("begin", "--plan", "quick", "--inventory", "local")
    assert "is not sealed" in run("check", "--rerun", begun["run_id"], code=2)
    assert "rerun= away" in run("resume", begun["run_id"], "--rerun", first, code=2)


def test_hosts_are_held_against_those_of_then(run: Run, first: str) -> None:
    assert run("same", first, stdin=HOSTS) == ""
    other = changed("server1", kernel="6.9")
    assert "kernel of server): 6.1.0 / 6.9" in run("same", first, stdin=other, code=2)
    assert run("same", first, "--despite", "kernel", stdin=other) == (
        "allowed to differ: kernel (kernel of server): 6.1.0 / 6.9\n"
    )
    odds: tuple[Any, ...] = (
        None,
        [],
        {},
        {"server": "x", "facts": {}},
        {"server": "s", "facts": {"s": 1}},
        {"facts": {"s": {}}},
    )
    for odd in odds:
        assert "stdin" in run("same", first, stdin=odd, code=2)
    assert "no run is named" in run("same", stdin=HOSTS, code=2)


def test_a_run_that_goes_on_is_held_against_the_same_one(run: Run, runs: ManyRuns, first: str) -> None:
    plain = run("begin", "--plan", "quick", "--inventory", "local")
    assert run("same", "--resume", plain["run_id"], stdin=changed("server1", kernel="6.9")) == ""
    begun = run("begin", "--rerun", first, "--inventory", "local", "--despite", "cpu")
    going_on = ("same", "--resume", begun["run_id"])
    assert run(*going_on, stdin=changed("client1", cpu_model="Other")).startswith("allowed to differ: CPU")
    other = changed("server1", kernel="6.9")
    assert "rerun_despite=cpu,kernel" in run(*going_on, stdin=other, code=2)
    assert run(*going_on, "--despite", "kernel", stdin=other).startswith("allowed to differ: kernel")
    known = open_partial(runs.path / f"{begun['run_id']}.partial").facts["repeats"]
    assert known["despite"] == ["cpu", "kernel"]
    assert run(*going_on, stdin=other).startswith("allowed to differ: kernel")
    shutil.rmtree(runs.archive.folder(first))
    assert "no longer in the archive" in run(*going_on, stdin=changed("server1", kernel="7.0"))


def test_lock_files_of_then_count_in_every_session(
    run: Run, runs: ManyRuns, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was begun by lock files of then has their sums on record, whatever the checkout has."""
    lock, then = "apps/requirements.lock", "0" * 64
    older = runs.add(RATES, change=lambda manifest: manifest["locks"].update({lock: then}))
    refused = run("begin", "--rerun", older, "--inventory", "local", code=2)
    assert "packages of the apps" in refused
    monkeypatch.setattr("collect.rerun.code.takable", lambda *_: {lock: then})
    monkeypatch.setattr("collect.rerun.code.take", lambda *_: {"python_locks": {"app": "x"}})
    begun = run("begin", "--rerun", older, "--inventory", "local", "--locks", str(runs.path))
    assert begun["repeats"]["locks"] == {lock: then}
    assert begun["repeats"]["commit"] == COMMIT
    run("resume", begun["run_id"])
    sessions = open_partial(runs.path / f"{begun['run_id']}.partial").facts["sessions"]
    assert [session["locks"][lock] for session in sessions] == [then, then]
    told = run("check", "--resume", begun["run_id"], "--locks", str(runs.path))
    assert told["variables"]["python_locks"] == {"app": "x"}
    assert run("same", "--resume", begun["run_id"], stdin=HOSTS) == ""
