from __future__ import annotations

import io
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from apps import control, counts, seed, sockets

ENVIRONMENT = 'APP_PORT="20001"\nAPP_WORKLOAD="{workload}"\n'
DATABASE = {"path": "/users", "key": "students", "value": "student", "rows": 3, "db_selects": 1, "file_bytes": 5}
NONE = {"path": "/index", "key": "message", "value": "hello"}


def environment(workload: dict[str, Any]) -> str:
    return ENVIRONMENT.format(workload=json.dumps(workload).replace('"', '\\"'))


@pytest.fixture
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done on a host that is made up, in order."""
    order: list[str] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        order.append(" ".join(command[:2]))
        return subprocess.CompletedProcess(command, 0)

    def output(*command: str) -> str:
        if command[0] == "ss":
            return "LISTEN 0 128 0.0.0.0:20001" if "systemctl start" in order else ""
        return f"MainPID={os.getpid()}\nControlGroup=/x" if command[1] == "show" else "active"

    def ask(sql: str, *_: Any) -> list[list[str]]:
        order.append("count rows, selects" if "SHOW" in sql else "fill table")
        return [["3"], ["Com_select", "41"]]

    def redis_gets() -> int:
        order.append("count gets")
        return 7

    def look(*_: Any) -> dict[str, Any]:
        order.append("look at sockets")
        return {}

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(control, "output", output)
    monkeypatch.setattr(control, "ENVIRONMENT", tmp_path / "app.env")
    monkeypatch.setattr(control, "LOG", tmp_path / "app.log")
    monkeypatch.setattr(seed, "ask", ask)
    monkeypatch.setattr(seed, "FILE", tmp_path / "demo.txt")
    monkeypatch.setattr(counts, "redis_gets", redis_gets)
    monkeypatch.setattr(counts, "RUNTIME", tmp_path)
    monkeypatch.setattr(sockets, "look", look)
    return order


def test_the_table_is_filled_and_all_is_counted_before_the_app_starts(done: list[str], tmp_path: Path) -> None:
    started = control.start(20001, environment(DATABASE))
    assert done == [
        "systemctl stop", "fill table", "count rows, selects", "count gets", "systemctl start", "look at sockets",
    ]  # fmt: skip
    assert (started["database"], started["redis_gets"]) == ({"rows": 3, "selects": 41}, 7)
    assert started["pid"] == os.getpid()
    assert (tmp_path / "demo.txt").read_text() == "stude"
    assert (tmp_path / "app.env").read_text() == environment(DATABASE)
    assert control.status()["database"] == {"rows": 3, "selects": 41}


def test_a_workload_without_a_database_asks_none(done: list[str], tmp_path: Path) -> None:
    assert control.start(20001, environment(NONE))["database"] is None
    assert control.status()["database"] is None
    assert done == ["systemctl stop", "count gets", "systemctl start", "look at sockets", "count gets"]
    assert not (tmp_path / "demo.txt").exists()


def failed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Run ``start`` as a trial does; it must fail."""
    monkeypatch.setattr("sys.argv", ["control", "start", "--port", "20001"])
    monkeypatch.setattr("sys.stdin", io.StringIO(environment(DATABASE)))
    assert control.main() == 1
    return capsys.readouterr().err


def test_without_the_database_nothing_is_started(
    done: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(*_: Any) -> None:
        raise seed.TroubleError("the database does not answer: no socket", "start bench-database.service")

    monkeypatch.setattr(seed, "ask", ask)
    said = failed(monkeypatch, capsys)
    host = os.uname().nodename
    assert said == f"error: the database does not answer: no socket ({host}): start bench-database.service\n"
    assert done == ["systemctl stop"]
    assert control.status()["database"] is None


def test_a_file_that_memory_does_not_allow_starts_nothing(
    done: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(seed, "available_bytes", lambda: 8)
    said = failed(monkeypatch, capsys)
    remedy = "use at most 4, half of the memory that is available"
    assert said == f"error: file_bytes is 5 ({os.uname().nodename}): {remedy}\n"
    assert done == ["systemctl stop"]


def test_a_port_that_is_taken_is_said(
    done: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(control, "listener", lambda _: 'LISTEN 0 1 *:20001 users:(("other",pid=5,fd=3))')
    said = failed(monkeypatch, capsys)
    assert said.startswith('error: port 20001 is taken by (("other",pid=5,fd=3)) (')
    assert said.endswith("): end that, or choose others by app_port_base\n")
    assert done == ["systemctl stop"]


def test_other_units_are_stopped_in_the_same_breath(
    done: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped: list[list[str]] = []
    run = subprocess.run

    def noted(command: list[str], **how: Any) -> Any:
        stopped.extend([command[2:]] if command[1] == "stop" else [])
        return run(command, **how)

    monkeypatch.setattr(subprocess, "run", noted)
    monkeypatch.setattr("sys.argv", ["control", "start", "--port", "20001", "--stop", "bench-relay.service"])
    monkeypatch.setattr("sys.stdin", io.StringIO(environment(NONE)))
    assert control.main() == 0
    assert json.loads(capsys.readouterr().out)["redis_gets"] == 7
    assert stopped == [["bench-app.service", "bench-relay.service"]]
