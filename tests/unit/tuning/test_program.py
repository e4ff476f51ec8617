"""The program of bench-tuning.service, on a pretended machine: the files are a folder's, the process is real."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collect.tuning.config import CONFIG
from collect.tuning.kept import KEPT
from tests.support.generator import wait_until
from tests.support.machine import Machine
from tests.support.venv38 import CHECKOUT

SWAPPINESS = "proc/sys/vm/swappiness"
FOLDER = "run/bench/tuning"
LISTED: dict[str, Any] = {"sysctls": {"vm.swappiness": 10}}


class Host:
    """The machine, and the program for it."""

    def __init__(self, root: Path) -> None:
        self.machine = Machine(root)
        self.root = root
        (root / FOLDER).mkdir(parents=True)
        self.tell(**LISTED)

    def tell(self, cpus: str | None = "0-1", **listed: Any) -> None:
        path = self.root / CONFIG
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"cpus": cpus, "profiles": ["controlled"], "listed": listed}))

    def command(self, action: str) -> list[str]:
        return [sys.executable, "-m", "tuning", action, "--root", str(self.root), "--host", "server1"]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(CHECKOUT / "collect")}

    def run(self, action: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(action), env=self.environment, capture_output=True, text=True, check=False, timeout=20
        )

    @contextlib.contextmanager
    def hold(self, **wanted: Any) -> Iterator[subprocess.Popen[str]]:
        (self.root / FOLDER / "report.json").unlink(missing_ok=True)
        told = {"deadline_s": 20, "guard_pid": os.getpid(), **wanted}
        (self.root / FOLDER / "wanted.json").write_text(json.dumps(told))
        with subprocess.Popen(self.command("hold"), env=self.environment, stderr=subprocess.PIPE, text=True) as process:
            wait_until(lambda: (self.root / FOLDER / "report.json").exists())
            try:
                yield process
            finally:
                process.kill()

    def report(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.root / FOLDER / "report.json").read_text())
        return content


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def end(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(5)


def test_tuned_while_it_is_held_and_as_it_was_after(host: Host) -> None:
    before = host.machine.values()
    with host.hold() as process:
        assert host.machine.read(SWAPPINESS) == "10"
        assert host.report()["restored"] is False
        assert not (host.root / FOLDER / "wanted.json").exists(), "nothing old is to be taken for new"
        assert end(process) == 0
    assert host.machine.values() == before
    report = host.report()
    assert report["in_force"] == {"sysctls": {"vm.swappiness": {"set": "10", "before": "60"}}}
    assert (report["restored"], report["changed_meanwhile"], report["left"]) == (True, {}, {})
    assert not (host.root / KEPT).exists()


def test_what_did_not_stay_is_in_the_report(host: Host) -> None:
    with host.hold() as process:
        host.machine.write(SWAPPINESS, "30")
        assert end(process) == 0
    assert host.report()["changed_meanwhile"] == {SWAPPINESS: "30"}
    assert host.machine.read(SWAPPINESS) == "60"


def test_it_ends_with_the_process_that_watches_over_the_trial(host: Host) -> None:
    with subprocess.Popen(["sleep", "60"]) as guard, host.hold(guard_pid=guard.pid) as process:
        guard.kill()
        guard.wait()
        assert process.wait(3) == 0
    assert host.machine.read(SWAPPINESS) == "60"


def test_it_ends_at_the_deadline(host: Host) -> None:
    with host.hold(deadline_s=0.5) as process:
        assert process.wait(3) == 0
    assert host.machine.read(SWAPPINESS) == "60"


def test_a_killed_one_leaves_it_to_restore_and_to_the_next(host: Host) -> None:
    with host.hold() as process:
        process.kill()
        process.wait()
    assert host.machine.read(SWAPPINESS) == "10"
    host.tell(turbo=False)
    with host.hold() as process:
        assert host.machine.read(SWAPPINESS) == "60"
        process.kill()
        process.wait()
    done = host.run("restore")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"restored": {"sys/devices/system/cpu/intel_pstate/no_turbo": "0"}}
    assert json.loads(host.run("restore").stdout) == {"restored": {}}


def test_what_cannot_be_done_is_told_and_nothing_changed(host: Host) -> None:
    host.tell(sysctls={"vm.swappiness": 10, "vm.no_such": 1})
    before = host.machine.values()
    with host.hold() as process:
        assert process.wait(5) == 1
        assert process.stderr is not None
        assert process.stderr.read().startswith("error: /proc/sys/vm/no_such cannot be read, No such file")
    assert host.report()["error"].startswith("/proc/sys/vm/no_such cannot be read")
    assert "tuning_" in host.report()["remedy"]
    assert host.machine.values() == before


def test_a_check_says_what_would_be_and_changes_nothing(host: Host) -> None:
    host.tell(governor="performance", smt_siblings_off=True, cpus="0,2")
    before = host.machine.values()
    said = json.loads(host.run("check").stdout)["in_force"]
    assert (said["governor"]["set"], said["smt"]) == ("performance", {"offline": "1,3"})
    assert host.machine.values() == before


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ({"governor": "fast"}, "error: there is no governor 'fast' (server1): set tuning_governor to one of "),
        ({"smt_siblings_off": True}, "error: bench_cpus (0-1) names both threads of a core, and a measured CPU"),
        ({"sysctls": {"vm.no_such": 1}}, "error: /proc/sys/vm/no_such cannot be read, No such file"),
        ({"noise": 1}, "error: noise cannot be tuned (server1): mend the tuning_ variables of the host"),
    ],
)
def test_a_check_refuses_in_one_line(host: Host, listed: dict[str, Any], said: str) -> None:
    host.tell(**listed)
    done = host.run("check")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


def test_without_a_listing_nothing_is_done(host: Host) -> None:
    (host.root / CONFIG).unlink()
    assert json.loads(host.run("check").stdout) == {"in_force": {}}
    (host.root / CONFIG).write_text("{}")
    assert "does not say what is to be tuned" in host.run("check").stderr
