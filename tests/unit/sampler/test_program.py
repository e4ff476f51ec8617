"""The sampler as a process: it ticks, keeps ticking, and stops."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.database import running_database
from tests.support.redis import running_redis
from tests.support.venv38 import CHECKOUT, python38_with

LOCK = CHECKOUT / "collect" / "sampler" / "requirements.lock"


class Program:
    """A sampler of this machine at ten samples a second."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder = folder
        self.config = folder / "collector.json"
        cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        values = {
            "host": "here",
            "interval_s": 0.1,
            "memory_interval_s": 0.5,
            "cpus": cpus,
            "samples_dir": str(folder / "samples"),
            "live_path": str(folder / "live.jsonl"),
            "units": {"app": ["no-such.service"], "collector": ["no-such-either.service"]},
            "redis": None,
            "database": None,
            "keep_hours": 1,
        }
        self.config.write_text(json.dumps({**values, **changes}))

    @contextlib.contextmanager
    def running(
        self, python: str = sys.executable, package: str = "collect.sampler"
    ) -> Iterator[subprocess.Popen[str]]:
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "collect" if package == "sampler" else CHECKOUT)}
        command = [python, "-m", package, "--config", str(self.config)]
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def rows(self) -> list[dict[str, Any]]:
        """Return the whole rows so far."""
        texts = [path.read_text() for path in sorted((self.folder / "samples").glob("*.jsonl"))]
        return [json.loads(line) for text in texts for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def wait_for(self, count: int, within_s: float = 30) -> list[dict[str, Any]]:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if len(found := self.rows()) >= count:
                return found
            time.sleep(0.05)
        raise AssertionError(f"only {len(self.rows())} rows after {within_s} s")


def stop(process: subprocess.Popen[str]) -> tuple[int, str, float]:
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=10)
    return process.returncode, err, time.monotonic() - began


def test_it_samples_at_each_tick_and_stops_when_told(tmp_path: Path) -> None:
    program = Program(tmp_path)
    with program.running() as process:
        rows = program.wait_for(25)
        code, err, took = stop(process)
    assert (code, err) == (0, "")
    assert took < 3
    ticks = [row["tick"] for row in rows]
    assert ticks == sorted(set(ticks))
    assert all(round(tick * 10) / 10 == tick for tick in ticks)
    for earlier, later in itertools.pairwise(rows):
        assert round((later["tick"] - earlier["tick"]) * 10) == 1 + later["missed"]
        assert later["mono"] > earlier["mono"]
        assert 0 <= later["t"] - later["tick"] < 1
        for unit, row in later["units"].items():
            assert row["cpu_user"] >= earlier["units"][unit]["cpu_user"]
            assert row["cpu_system"] >= earlier["units"][unit]["cpu_system"]
    last = rows[-1]
    own = last["units"]["collector"]
    assert (own["procs"], own["threads"]) == (1, 1)
    assert 0 < own["uss"] <= own["pss"] <= own["rss"] * 1.1
    assert 0 <= last["t"] - own["mem_t"] < 2
    assert last["units"]["app"]["procs"] == 0
    assert last["host"]["cpus"] == len(os.sched_getaffinity(0))
    assert (last["redis"], last["database"]) == (None, None)
    live = [json.loads(line) for line in (tmp_path / "live.jsonl").read_text().splitlines()]
    assert len(live) >= len(rows) - 1
    assert live[-1].keys() == {"t", "host", "busy", "cpus", "units"}
    assert 0 <= live[-1]["busy"] <= live[-1]["cpus"]


def test_what_it_sleeps_through_is_on_record(tmp_path: Path) -> None:
    program = Program(tmp_path)
    with program.running() as process:
        before = len(program.wait_for(5))
        process.send_signal(signal.SIGSTOP)
        time.sleep(1.0)
        process.send_signal(signal.SIGCONT)
        rows = program.wait_for(before + 5)
        stop(process)
    missed = sum(row["missed"] for row in rows)
    assert missed >= 8
    assert round((rows[-1]["tick"] - rows[0]["tick"]) * 10) == len(rows) - 1 + missed


def test_a_kill_costs_no_more_than_the_line_under_way(tmp_path: Path) -> None:
    program = Program(tmp_path)
    for _ in range(3):
        with program.running() as process:
            before = len(program.wait_for(len(program.rows()) + 5)) if (tmp_path / "samples").exists() else 0
            process.kill()
    with program.running() as process:
        rows = program.wait_for(before + 3)
        assert stop(process)[0] == 0
    ticks = [row["tick"] for row in rows]
    assert ticks == sorted(set(ticks))


def test_redis_is_asked_at_each_tick_and_a_stuck_one_stops_nothing(tmp_path: Path) -> None:
    with running_redis(tmp_path) as redis:
        address = {"host": "127.0.0.1", "port": redis.port, "password_file": str(redis.password_file)}
        program = Program(tmp_path, redis=address)
        with program.running() as process:
            program.wait_for(3)
            redis.get(50)
            before = len(program.rows())
            rows = program.wait_for(before + 5)
            redis.freeze()
            frozen = len(program.rows())
            after = program.wait_for(frozen + 10)
            redis.thaw()
            code, err, _ = stop(process)
    assert rows[-1]["redis"]["gets"] == 50
    assert all(row["redis"] is None or abs(row["redis"]["t"] - row["t"]) < 0.5 for row in rows)
    assert after[-1]["redis"] is None
    assert sum(row["missed"] for row in after[frozen:]) <= 5
    assert (code, err.count("gives no answer")) == (0, 1)


def test_the_database_is_asked_at_each_tick_and_one_that_stops_stops_nothing(tmp_path: Path) -> None:
    with running_database(tmp_path) as database:
        program = Program(tmp_path, database={"socket": str(database.socket), "user": "root"})
        with program.running() as process:
            first = program.wait_for(3)[-1]
            database.ask("SELECT * FROM student;" * 50)
            last = program.wait_for(len(program.rows()) + 5)[-1]
            database.stop()
            after = program.wait_for(len(program.rows()) + 5)
            code, err, _ = stop(process)
    assert last["database"]["selects"] - first["database"]["selects"] == 50
    assert last["database"].keys() == {"t", "selects", "inserts", "threads"}
    assert after[-1]["database"] is None
    assert (code, err.count("gives no answer") > 0) == (0, True)


@pytest.mark.parametrize("key", ["samples_dir", "live_path"])
def test_a_place_it_cannot_write_to_is_named(tmp_path: Path, key: str) -> None:
    (tmp_path / "file").touch()
    program = Program(tmp_path, **{key: str(tmp_path / "file" / "x")})
    with program.running() as process:
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err.count("\n")) == (2, 1)
    assert err.startswith(f"error: Not a directory ({tmp_path}/file/x): ")


def test_the_same_on_the_python_of_the_hosts(tmp_path: Path) -> None:
    python = str(python38_with(LOCK))
    with running_redis(tmp_path) as redis:
        address = {"host": "127.0.0.1", "port": redis.port, "password_file": str(redis.password_file)}
        program = Program(tmp_path, redis=address)
        with program.running(python, "sampler") as process:
            rows = program.wait_for(10)
            code, err, _ = stop(process)
    assert (code, err) == (0, "")
    assert rows[-1]["units"]["collector"]["pss"] > 0
    assert rows[-1]["redis"]["used_memory"] > 500_000
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "collect")}

    def run(module: str, *arguments: str, text: str = "") -> str:
        command = [python, "-m", f"sampler.{module}", *arguments]
        return subprocess.run(command, env=environment, input=text, capture_output=True, text=True, check=True).stdout

    first, last = rows[2]["tick"], rows[6]["tick"]
    lines = run("cut", "--from", str(first), "--to", str(last), "--config", str(program.config)).splitlines()
    assert [json.loads(line) for line in lines] == rows[2:7]
    assert json.loads(run("facts", "--config", str(program.config)))["python"]["version"].startswith("3.8")
    before = time.time()
    answers = [float(line) for line in run("clock", text="1\n2\n3\n").splitlines()]
    assert before <= answers[0] <= answers[1] <= answers[2] <= time.time()


def test_the_clock_answers_each_line_before_the_next_comes() -> None:
    command = [sys.executable, "-m", "collect.sampler.clock"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        for _ in range(5):
            before = time.time()
            process.stdin.write("t\n")
            process.stdin.flush()
            assert before <= float(process.stdout.readline()) <= time.time()
        process.stdin.close()
        assert process.wait(10) == 0
