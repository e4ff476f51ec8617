"""What a trial does with the relay, and what its row says of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collect.archive.cut import summarise
from collect.archive.raw import read_trial
from collect.cli.ceilings import in_words, taken
from collect.errors import BenchError
from collect.plan import TrialSpec, load_plan
from collect.trial.server import app_environment, start_app, start_relay, stop_relay, units
from tests.support.mapped import RELAY, small_map
from tests.support.plans import small_plan
from tests.support.synthetic import Setting, write_trial

(SPEC,) = (
    spec for spec in small_map(1, users=(100,), delays=(5,)).trials() if spec.cell.variant == "flask-gthread-new"
)
PLAIN = small_plan(1).trials()[0]


class Remote:
    """Takes commands down and answers as the host would."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.commands: list[str] = []
        self._answer = answer

    def run(self, command: str, _stdin: bytes = b"") -> bytes:
        self.commands.append(command)
        return json.dumps(self._answer).encode()


class Side:
    """As much of a side as is asked for."""

    class Task:
        """As much of a task as is asked for."""

        class Paths:
            """Where things lie."""

            @staticmethod
            def relay_control(*arguments: str) -> str:
                return " ".join(arguments)

            app_control = relay_control
            prefix = "/opt/bench"

        def __init__(self, spec: TrialSpec) -> None:
            self.spec, self.paths = spec.to_json(), self.Paths

    def __init__(self, spec: TrialSpec, answer: dict[str, Any]) -> None:
        self.task, self.remote = self.Task(spec), Remote(answer)


def test_only_a_workload_with_a_delay_has_something_before_redis() -> None:
    side: Any = Side(SPEC, {"by": "relay", "port": 6380})
    started = start_relay(side)
    assert started == {"by": "relay", "port": 6380}
    assert side.remote.commands == ["start --delay-ms 5"]
    none: Any = Side(PLAIN, {})
    assert start_relay(none) is None
    assert none.remote.commands == []
    done: Any = Side(SPEC, {"answers": 3})
    assert stop_relay(done, {"by": "relay"}) == {"by": "relay", "answers": 3}


def test_the_app_asks_there_and_the_watch_ends_it() -> None:
    spec = SPEC.to_json()
    assert app_environment(spec, redis_port=6380)["REDIS_PORT"] == "6380"
    assert "REDIS_PORT" not in app_environment(spec)
    assert units(spec) == ["--stop", "bench-app.service", "--stop", "bench-relay.service"]
    assert units(PLAIN.to_json()) == ["--stop", "bench-app.service"]


def test_a_delay_that_was_left_over_is_ended_before_a_trial_without_one_in_no_call_of_its_own() -> None:
    plain: Any = Side(PLAIN, {"pid": 1})
    start_app(plain)
    assert plain.remote.commands == [f"start --port {PLAIN.port} --stop bench-relay.service"]
    held_up: Any = Side(SPEC, {"pid": 1})
    start_app(held_up, 6379)
    assert held_up.remote.commands == [f"start --port {SPEC.port}"]


def test_a_delay_beyond_a_second_is_refused(tmp_path: Path) -> None:
    text = "blocks: 1\nseed: 1\nramp_s: 0\nwarmup_s: 1\nwindow_s: 1\n"
    text += "catalog: {workloads: {slow: {like: redis, redis_delay_ms: 1001}}}\n"
    text += "cells: [{variant: flask-werkzeug, workload: slow, generator: locust-fast, users: 1, profile: article}]\n"
    (tmp_path / "bad.yml").write_text(text)
    with pytest.raises(BenchError, match=r"1001 is out of range .*slow.redis_delay_ms.* at most 1000"):
        load_plan(tmp_path / "bad.yml")


def test_a_plan_says_what_it_needs() -> None:
    plan = load_plan("map")
    assert plan.needs == ("relay",)
    assert plan.redis_delays_ms == [0, 1, 5, 20, 100]
    assert len(plan.cells) == 64
    assert plan.estimate_s() < 25 * 60
    assert load_plan("quick").redis_delays_ms == []


def test_a_delay_of_what_asks_redis_for_nothing_is_refused(tmp_path: Path) -> None:
    text = "blocks: 1\nseed: 1\nramp_s: 0\nwarmup_s: 1\nwindow_s: 1\n"
    text += "catalog: {workloads: {slow: {like: none, redis_delay_ms: 1}}}\n"
    text += "cells: [{variant: flask-werkzeug, workload: slow, generator: locust-fast, users: 1, profile: article}]\n"
    (tmp_path / "bad.yml").write_text(text)
    with pytest.raises(BenchError, match=r"slow has redis_delay_ms and asks Redis for nothing .*slow.redis_delay_ms"):
        load_plan(tmp_path / "bad.yml")


def cut(folder: Path, held_ms: float, cores: float, **relay: Any) -> dict[str, Any]:
    """Return the row of a trial through a relay that used so much CPU and held up answers for so long."""
    record, _ = write_trial(folder, SPEC, Setting(app_cores=0.5))
    held = {"p50_ms": held_ms, "p99_ms": held_ms + 1}
    record["server"]["relay"] = {
        "by": "relay",
        "asked_ms": 5.0,
        "left": 70,
        "left_answers": 140,
        "held_ms": held,
        **relay,
    }
    path = folder / "samples-server1.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        app = line["units"]["app"]
        busy_s = (app["cpu_user"] + app["cpu_system"]) / 0.5
        line["units"]["relay"] = {**app, "cpu_user": cores * busy_s, "cpu_system": 0.0, "procs": 1}
        line["host"]["cpu"]["user"] += cores * busy_s
        line["host"]["cpu"]["idle"] -= cores * busy_s
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return summarise(read_trial(folder, SPEC, record), "run")


def test_its_cpu_is_its_own_and_in_no_other_unit(tmp_path: Path) -> None:
    row = cut(tmp_path, 5.1, 0.2)
    assert row["relay_cpu_cores"] == pytest.approx(0.2, rel=0.02)
    assert row["app_cpu_cores"] == pytest.approx(0.5, rel=0.02)
    assert row["server_other_cpu_cores"] < 0.01
    assert abs(row["server_foreign_cpu_cores"]) < 0.05
    assert (row["redis_delay_ms"], row["redis_delay_p50_ms"], row["redis_delay_p99_ms"]) == (5, 5.1, 6.1)
    assert row["redis_waits"] == 2
    assert not [reason for reason in row["reasons"] if "held up" in reason or "relay" in reason]


def test_where_it_fills_the_set_with_the_app_the_evidence_names_it(tmp_path: Path) -> None:
    row = cut(tmp_path, 5.1, 0.45)
    assert row["limited_by"][0] == "server-cpu"
    assert "relay 0.45" in row["limited_by_evidence"][0]


@pytest.mark.parametrize(
    ("held_ms", "cores", "validity", "told"),
    [
        (5.4, 0.8, "degraded", "the relay before Redis used 0.80 of a core"),
        (5.4, 0.95, "invalid", "the relay before Redis used 0.95 of a core"),
        (5.8, 0.1, "valid", "held up by 5.80 ms at the median, not by 5"),
        (9.0, 0.1, "degraded", "held up by 9.00 ms at the median, not by 5"),
    ],
)
def test_a_relay_at_its_end_or_too_late_spoils_the_trial(
    tmp_path: Path, held_ms: float, cores: float, validity: str, told: str
) -> None:
    row = cut(tmp_path, held_ms, cores)
    assert [reason for reason in row["reasons" if validity != "valid" else "warnings"] if told in reason]
    assert validity == "valid" or row["validity"] in (validity, "invalid")


def test_without_one_there_is_nothing_of_it(tmp_path: Path) -> None:
    record, _ = write_trial(tmp_path, PLAIN, Setting())
    row = summarise(read_trial(tmp_path, PLAIN, record), "run")
    mine = {name: value for name, value in row.items() if name.startswith(("relay_", "redis_delay", "redis_waits"))}
    assert len(mine) == 7
    assert set(mine.values()) == {None}


def test_what_netem_does_not_count_is_not_known(tmp_path: Path) -> None:
    row = cut(tmp_path, 5.1, 0.0, by="netem", left=None)
    assert row["redis_waits"] is None
    assert row["redis_delay_p50_ms"] == 5.1


def test_what_was_measured_before_is_kept_and_said_in_a_line() -> None:
    printed = {name: value for name, value in RELAY.items() if name != "through"}
    through = {**RELAY["through"], "changed": False}  # type: ignore[dict-item]
    said = {"relay": {"delays": {"rc": 0, "stdout": json.dumps(printed)}, "through": through}}
    kept = taken(said)
    assert kept["relay"] == {name: value for name, value in RELAY.items() if name != "port"}
    assert "0 ms takes 0.10, 5 ms takes 5.10, 100 ms takes 100.10 ms more; 20,000 GET/s through it" in in_words(kept)
    broken = taken({"relay": {"delays": {"rc": 1, "stdout": "", "stderr": "x\nerror: no port (server1): mend it\n"}}})
    assert broken["relay"] == {"missing": "no port (server1): mend it"}
    assert "delays not measured: no port" in in_words(broken)
    assert "relay" not in taken({})
