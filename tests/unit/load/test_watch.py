"""The watch with a fake systemctl, whose units are real processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest

from tests.support.generator import wait_until
from tests.support.venv38 import CHECKOUT

WATCH = CHECKOUT / "collect" / "load" / "watch.py"
CONDITIONS = "bench-conditions.service"

SYSTEMCTL = """#!/bin/bash
# A unit is a script of its name in $HERE/units; its process is recorded in $HERE/pids.
HERE=%(here)s
echo "$@" >> $HERE/calls
case $1 in
  start|restart) [ $1 = restart ] && "$0" stop "$2"; shift
    for unit; do
      [ -e "$HERE/units/$unit" ] || { echo "Failed to start $unit: Unit $unit not found." >&2; exit 5; }
      setsid bash "$HERE/units/$unit" </dev/null >/dev/null 2>&1 & echo $! > "$HERE/pids/$unit"
      case $unit in
        bench-conditions.service) until [ -e $HERE/conditions/report.json ]; do sleep 0.01; done ;;
        bench-tuning.service) until [ -e $HERE/root/run/bench/tuning/report.json ]; do sleep 0.01; done ;;
      esac
    done ;;
  stop) shift
    for pattern; do for file in $HERE/pids/$pattern; do
      [ -e "$file" ] || continue
      kill -- -$(cat "$file") 2>/dev/null
      while [ -e $HERE/conditions/undo.json ] && kill -0 $(cat "$file") 2>/dev/null; do sleep 0.01; done
      [ $(basename "$file") != bench-tuning.service ] || until grep -qs -e '"restored": true' -e '"error"' \\
        $HERE/root/run/bench/tuning/report.json || ! kill -0 $(cat "$file") 2>/dev/null; do sleep 0.01; done
      rm "$file"
    done; done ;;
  show) shift 4; for unit; do cat "$HERE/pids/$unit" 2>/dev/null || echo 0; echo; done ;;
esac
exit 0
"""

LOAD = """
for n in 1 2 3 4 5 6 7 8 9 10; do
  echo "{\\"t\\":$n,\\"phase\\":\\"window\\"}" >> %(out)s/live.jsonl
  sleep %(pause)s
done
echo '{}' > %(out)s/result.json
echo '{"t":11,"phase":"end","result":{"state":"done"}}' >> %(out)s/live.jsonl
"""


@dataclass
class Host:
    """A pretended host below one folder."""

    folder: Path
    out: Path
    collector: Path

    def unit(self, name: str, script: str) -> None:
        (self.folder / "units" / name).write_text(script)

    def load_unit(self, instance: str = "primary", pause: float = 0.05) -> None:
        self.unit(f"bench-load@{instance}.service", LOAD % {"out": self.out, "pause": pause})

    @property
    def setting(self) -> Path:
        return self.folder / "sys" / "net" / "ipv4" / "tcp_tw_reuse"

    def conditions_unit(self) -> None:
        """The real program, on a setting that is a file."""
        self.setting.parent.mkdir(parents=True)
        self.setting.write_text("2\n")
        program = CHECKOUT / "collect" / "load" / "conditions.py"
        self.unit(CONDITIONS, f"exec {sys.executable} {program} hold {self.folder}/conditions {self.folder}/sys")

    def running(self) -> list[str]:
        """Return the units with a process that is there."""
        return [file.name for file in (self.folder / "pids").iterdir() if is_running(int(file.read_text()))]

    @contextlib.contextmanager
    def watch(self, *arguments: str, python: str = sys.executable) -> Iterator[Watch]:
        told = {"load-dir": self.out, "collector": self.collector, "conditions-dir": self.folder / "conditions"}
        folders = [f"--{name}={path}" for name, path in told.items()]
        process = subprocess.Popen(
            [python, WATCH, *folders, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
            env={**os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"},
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Watch(process, process.stdin, process.stdout)
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(BrokenPipeError, ValueError):
                    pipe.close()


@dataclass
class Watch:
    process: subprocess.Popen[str]
    stdin: IO[str]
    stdout: IO[str]
    lines: list[dict[str, Any]] = field(default_factory=list)

    def read_until(self, **wanted: object) -> dict[str, Any]:
        """Read lines until one holds what is wanted."""
        for text in self.stdout:
            line: dict[str, Any] = json.loads(text)
            self.lines.append(line)
            if wanted.items() <= line.items():
                return line
        raise AssertionError(f"no {wanted} in {self.lines}")

    def ask_the_time(self) -> float:
        self.stdin.write("clock\n")
        self.stdin.flush()
        return float(self.read_until(src="clock")["t"])

    def rest(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.stdout]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    for name in ("bin", "units", "pids", "out"):
        (tmp_path / name).mkdir()
    scripts = {"systemctl": SYSTEMCTL % {"here": tmp_path}, "journalctl": "#!/bin/sh\necho first; echo last words\n"}
    for name, text in scripts.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    host = Host(tmp_path, tmp_path / "out", tmp_path / "collector.jsonl")
    yield host
    for file in (tmp_path / "pids").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(file.read_text()), signal.SIGKILL)


def test_lines_of_both_sides_until_the_load_has_ended_and_on(host: Host) -> None:
    host.collector.write_text('{"t":0,"busy":9}\n')
    host.load_unit()
    with host.watch("primary", "--deadline", "20") as watch:
        watch.read_until(src="load", phase="window")
        with host.collector.open("a") as file:
            file.write('{"t":1,"busy":0.5}\n{"t":2,"bu')
            file.flush()
            assert watch.read_until(src="collector") == {"src": "collector", "t": 1, "busy": 0.5}
            file.write('sy":0.6}\n')
        watch.read_until(src="watch", state="ended")
        ends = [line for line in watch.lines if line["src"] == "load"]
        assert [line["t"] for line in ends] == list(range(1, 12))
        assert ends[-1]["result"] == {"state": "done"}
        assert {"src": "collector", "t": 2, "busy": 0.6} in watch.lines
        assert not any(line.get("busy") == 9 for line in watch.lines), "said before the watch"

        assert watch.ask_the_time() == pytest.approx(time.time(), abs=1)
        watch.stdin.close()
        assert watch.process.wait(2) == 0
    assert "stop bench-load@primary.service" not in (host.folder / "calls").read_text()


def test_the_collectors_file_may_be_cut_and_replaced(host: Host) -> None:
    with host.watch("--only-collector", "--deadline", "20") as watch:
        watch.ask_the_time()
        host.collector.write_text('{"t":1}\n{"t":2}\n')
        watch.read_until(t=2)
        host.collector.write_text('{"t":3}\n')
        watch.read_until(t=3)
        replacement = host.folder / "new"
        replacement.write_text('{"t":4}\n{"t":5}\n')
        replacement.replace(host.collector)
        watch.read_until(t=5)
    assert [line["t"] for line in watch.lines[1:]] == [1, 2, 3, 4, 5]


def test_what_an_earlier_trial_left_is_stopped_and_cleared(host: Host) -> None:
    host.load_unit()
    host.load_unit("worker-7", pause=60)
    (host.out / "locust").mkdir()
    for name in ("live.jsonl", "result.json", "requests-worker-7.f64", "locust/old"):
        (host.out / name).write_text('{"t":0,"phase":"end","result":{}}\n')
    subprocess.run([host.folder / "bin" / "systemctl", "start", "bench-load@worker-7.service"], check=True)
    assert host.running() == ["bench-load@worker-7.service"]
    with host.watch("primary", "--deadline", "20") as watch:
        assert watch.read_until(src="load")["t"] == 1
        assert host.running() == ["bench-load@primary.service"]
        assert not (host.out / "requests-worker-7.f64").exists()
        assert not (host.out / "locust").exists()


def test_the_load_stops_when_the_reader_closes_its_end(host: Host) -> None:
    host.load_unit(pause=0.3)
    with host.watch("primary", "--deadline", "20") as watch:
        watch.read_until(src="load")
        watch.stdout.close()
        began = time.monotonic()
        assert watch.process.wait(2) == 0
        assert time.monotonic() - began < 0.5
    assert host.running() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_load_stops_on_a_signal(host: Host, number: int) -> None:
    host.load_unit(pause=0.3)
    with host.watch("primary", "--deadline", "20") as watch:
        watch.read_until(src="load")
        watch.process.send_signal(number)
        assert watch.rest()[-1] == {"src": "watch", "state": "failed", "error": "stopped by signal"}
        assert watch.process.wait(2) == 1
    assert host.running() == []


def test_the_load_stops_when_its_reader_is_killed(host: Host) -> None:
    host.load_unit(pause=0.3)
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [sys.executable, WATCH, "primary", "--deadline", "20", "--load-dir", host.out, "--collector", host.collector],
        stdin=subprocess.PIPE, stdout=writer, env={**os.environ, "PATH": f"{host.folder / 'bin'}:{os.environ['PATH']}"},
    )  # fmt: skip
    control = subprocess.Popen(["cat"], stdin=reader, stdout=subprocess.DEVNULL)
    for end in (reader, writer):
        os.close(end)
    wait_until(lambda: bool(host.running()))
    control.kill()
    control.wait()
    assert process.wait(2) == 0
    assert process.stdin is not None
    process.stdin.close()
    assert host.running() == []


def test_the_load_stops_at_the_deadline(host: Host) -> None:
    host.load_unit(pause=2)
    with host.watch("primary", "--deadline", "1") as watch:
        began = time.monotonic()
        error = watch.read_until(src="watch", state="failed")["error"]
        assert time.monotonic() - began < 2
        assert error == "the trial did not end within 1 s"
        assert watch.process.wait(2) == 1
    assert host.running() == []


def test_the_load_stops_at_the_deadline_though_nobody_reads(host: Host) -> None:
    host.unit("bench-load@primary.service", f"yes '{{\"t\":1}}' | head -c 2000000 >> {host.out}/live.jsonl; sleep 60")
    with host.watch("primary", "--deadline", "1") as watch:
        wait_until(lambda: bool(host.running()))
        wait_until(lambda: not host.running(), 6)
        threading.Thread(target=watch.stdout.read, daemon=True).start()
        assert watch.process.wait(5) == 1


def test_a_unit_that_dies_without_a_result(host: Host) -> None:
    host.load_unit("worker-1", pause=60)
    host.unit("bench-load@primary.service", f"echo '{{\"t\":1}}' >> {host.out}/live.jsonl; exit 1")
    with host.watch("primary", "worker-1", "--deadline", "20") as watch:
        failed = watch.read_until(src="watch")
        assert failed == {
            "src": "watch",
            "state": "failed",
            "error": "bench-load@primary.service ended without a result: first | last words",
        }
        assert {"src": "load", "t": 1} in watch.lines
        assert watch.process.wait(2) == 1
    assert host.running() == []


def test_a_host_with_workers_only(host: Host) -> None:
    for number in (1, 2):
        host.unit(
            f"bench-load@worker-{number}.service", f"sleep 0.3; echo {{}} > {host.out}/summary-worker-{number}.json"
        )
    with host.watch("worker-1", "worker-2", "--deadline", "20") as watch:
        watch.read_until(src="watch", state="ended")


def test_a_unit_that_does_not_start(host: Host) -> None:
    with host.watch("primary", "--deadline", "20") as watch:
        error = watch.read_until(src="watch", state="failed")["error"]
    assert "the load does not start: Failed to start bench-load@primary.service" in error


def test_the_other_unit_is_stopped_with_the_watch(host: Host) -> None:
    host.unit("bench-app.service", "sleep 60")
    subprocess.run([host.folder / "bin" / "systemctl", "start", "bench-app.service"], check=True)
    with host.watch("--only-collector", "--stop", "bench-app.service", "--deadline", "20") as watch:
        watch.ask_the_time()
        assert host.running() == ["bench-app.service"]
        watch.stdin.close()
        assert watch.process.wait(2) == 0
    assert host.running() == []


SET = json.dumps({"sysctls": {"net.ipv4.tcp_tw_reuse": "1"}, "reserve_ports": [], "burn": None})


def test_conditions_hold_until_they_are_to_end(host: Host) -> None:
    host.conditions_unit()
    host.load_unit()
    with host.watch("primary", "--deadline", "20", "--conditions", SET) as watch:
        report = watch.read_until(src="conditions", state="set")
        assert report["set"] == {"net.ipv4.tcp_tw_reuse": "1"}
        assert host.setting.read_text() == "1\n"
        watch.read_until(src="load")
        watch.stdin.write("window 123.5\nrestore\n")
        watch.stdin.flush()
        report = watch.read_until(src="conditions", state="restored")
        assert (report["before"], report["after"], report["restored"]) == (
            {"net.ipv4.tcp_tw_reuse": "2"}, {"net.ipv4.tcp_tw_reuse": "2"}, True,
        )  # fmt: skip
        assert (host.folder / "conditions" / "window").read_text() == "123.5"
    assert host.setting.read_text() == "2\n"
    assert (host.folder / "calls").read_text().count(f"stop {CONDITIONS}") == 2, "once before the start, once after"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_conditions_end_with_the_watch(host: Host, number: int) -> None:
    host.conditions_unit()
    with host.watch("--only-collector", "--deadline", "20", "--conditions", SET) as watch:
        watch.read_until(src="conditions", state="set")
        watch.process.send_signal(number)
        watch.process.wait(3)
        wait_until(lambda: host.setting.read_text() == "2\n", 2)


def test_a_trial_without_conditions_ends_those_that_are_left(host: Host) -> None:
    host.conditions_unit()
    with subprocess.Popen(["sleep", "60"]) as guard:
        (host.folder / "conditions").mkdir()
        wanted = {**json.loads(SET), "guard_pid": guard.pid, "deadline_s": 20}
        (host.folder / "conditions" / "wanted.json").write_text(json.dumps(wanted))
        subprocess.run([host.folder / "bin" / "systemctl", "start", CONDITIONS], check=True)
        assert host.setting.read_text() == "1\n"
        with host.watch("--only-collector", "--deadline", "20") as watch:
            watch.ask_the_time()
            assert host.setting.read_text() == "2\n"
        guard.kill()


def test_conditions_that_cannot_be_brought_about_fail_the_trial(host: Host) -> None:
    host.conditions_unit()
    host.setting.unlink()
    host.load_unit()
    with host.watch("primary", "--deadline", "20", "--conditions", SET) as watch:
        failed = watch.read_until(src="watch", state="failed")
        assert failed["error"] == "net.ipv4.tcp_tw_reuse cannot be read: No such file or directory"
        assert failed["remedy"] == "take it out of the profile's client_sysctls"
    assert "bench-load@primary" not in (host.folder / "calls").read_text()


def test_conditions_that_ended_early_are_told(host: Host) -> None:
    host.conditions_unit()
    with host.watch("--only-collector", "--deadline", "20", "--conditions", SET) as watch:
        watch.read_until(src="conditions", state="set")
        os.kill(int((host.folder / "pids" / CONDITIONS).read_text()), signal.SIGTERM)
        wait_until(lambda: host.setting.read_text() == "2\n", 2)
        wait_until(lambda: not (host.folder / "conditions" / "undo.json").exists(), 2)
        watch.stdin.write("restore\n")
        watch.stdin.flush()
        assert watch.read_until(src="watch")["error"] == f"{CONDITIONS} ended before the trial"


@pytest.mark.parametrize("arguments", [[], ["primary", "--only-collector"], ["primary", "--deadline", "soon"]])
def test_arguments_that_say_nothing_or_too_much(host: Host, arguments: list[str]) -> None:
    deadline = [] if "--deadline" in arguments else ["--deadline", "1"]
    done = subprocess.run([sys.executable, WATCH, *arguments, *deadline], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "error: " in done.stderr


def test_it_costs_next_to_nothing(host: Host) -> None:
    host.load_unit(pause=0.3)
    with host.watch("primary", "--deadline", "20") as watch:
        watch.read_until(src="load")
        before = cpu_s(watch.process.pid)
        time.sleep(2)
        assert cpu_s(watch.process.pid) - before <= 0.02, "two ticks of the kernel's clock in 2 s"


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
