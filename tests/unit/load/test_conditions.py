"""Conditions on a pretended host: its settings are files, the program that holds them is real."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from collect.load.conditions import Settings, put_back
from collect.load.kernel import ports, same
from tests.support.generator import wait_until
from tests.support.venv38 import CHECKOUT

PROGRAM = CHECKOUT / "collect" / "load" / "conditions.py"
RANGE, REUSE = "net.ipv4.ip_local_port_range", "net.ipv4.tcp_tw_reuse"
RESERVED = "net.ipv4.ip_local_reserved_ports"
DEFAULTS = {RANGE: "32768\t60999", REUSE: "2", RESERVED: ""}
WANTED = {RANGE: "1024 65535", REUSE: "1"}


@dataclass
class Host:
    """A pretended host below one folder."""

    settings: Path
    folder: Path

    def path(self, name: str) -> Path:
        return self.settings / name.replace(".", "/")

    def values(self) -> dict[str, str]:
        return {name: self.path(name).read_text().rstrip("\n") for name in DEFAULTS}

    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads((self.folder / "report.json").read_text())
        return report

    @contextlib.contextmanager
    def hold(self, deadline_s: float = 20, guard_pid: int | None = None, **wanted: Any) -> Iterator[Any]:
        given = {"deadline_s": deadline_s, "guard_pid": guard_pid or os.getpid(), **wanted}
        (self.folder / "wanted.json").write_text(json.dumps(given))
        command = [sys.executable, str(PROGRAM), "hold", str(self.folder), str(self.settings)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            wait_until(lambda: (self.folder / "report.json").exists())
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path / "sys", tmp_path / "run")
    host.folder.mkdir()
    for name, value in DEFAULTS.items():
        host.path(name).parent.mkdir(parents=True, exist_ok=True)
        host.path(name).write_text(f"{value}\n")
    return host


def end(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(3)


def test_set_while_it_is_held_and_as_it_was_after(host: Host) -> None:
    with host.hold(sysctls=WANTED) as process:
        assert {**host.values(), RESERVED: ""} == {**WANTED, RESERVED: ""}
        assert host.report()["restored"] is False
        assert end(process) == 0
    before = {RANGE: "32768 60999", REUSE: "2"}
    assert host.report() == {"set": WANTED, "before": before, "after": before, "burn": None, "restored": True}
    assert {name: value.split() for name, value in host.values().items()} == {
        name: value.split() for name, value in DEFAULTS.items()
    }
    assert not (host.folder / "undo.json").exists()


def test_ports_are_reserved_beside_those_that_are(host: Host) -> None:
    host.path(RESERVED).write_text("8080-8082\n")
    with host.hold(sysctls=WANTED, reserve_ports=[5557]) as process:
        assert ports(host.values()[RESERVED]) == {5557, 8080, 8081, 8082}
        assert end(process) == 0
    assert host.values()[RESERVED] == "8080-8082"


def test_the_kernels_way_to_write_ports_is_the_same() -> None:
    assert same(RESERVED, "5557,8080-8082", "8080,8081,8082,5557")
    assert not same(RESERVED, "5557", "")
    assert same(RANGE, "1024\t65535", "1024 65535")


def test_it_ends_with_the_process_that_watches_over_the_trial(host: Host) -> None:
    with subprocess.Popen(["sleep", "60"]) as guard, host.hold(sysctls=WANTED, guard_pid=guard.pid) as process:
        guard.kill()
        guard.wait()
        assert process.wait(2) == 0
    assert host.values()[REUSE] == "2"


def test_it_ends_at_the_deadline(host: Host) -> None:
    with host.hold(deadline_s=0.5, sysctls=WANTED) as process:
        assert process.wait(2) == 0
    assert host.values()[REUSE] == "2"


def test_what_a_killed_one_left_is_put_back_by_restore_and_by_the_next(host: Host) -> None:
    for _ in range(2):
        with host.hold(sysctls=WANTED) as process:
            process.kill()
            process.wait()
        assert host.values()[REUSE] == "1"
        (host.folder / "report.json").unlink()
        with host.hold(sysctls={REUSE: "0"}) as process:
            assert host.values()[RANGE] == "32768 60999"
            process.kill()
            process.wait()
        subprocess.run([sys.executable, PROGRAM, "restore", host.folder, host.settings], check=True)
        assert host.values()[REUSE] == "2"
        (host.folder / "report.json").unlink()


def test_a_value_that_is_wanted_already_is_not_written(host: Host) -> None:
    host.path(REUSE).write_text("1\n")
    host.path(REUSE).chmod(0o444)
    changed = host.path(REUSE).stat().st_mtime_ns
    with host.hold(sysctls={REUSE: "1"}) as process:
        assert end(process) == 0
    assert host.path(REUSE).stat().st_mtime_ns == changed
    assert host.report()["restored"] is True


@pytest.mark.parametrize(
    ("sysctls", "said"),
    [
        ({RANGE: "1024 65535", "net.ipv4.no_such_thing": "1"}, "net.ipv4.no_such_thing cannot be read: No such file"),
        ({RANGE: "1024 65535", "kernel.panic": "1"}, "kernel.panic is not below net"),
        ({RANGE: "1024 65535", "net.ipv4": "1"}, "net.ipv4 cannot be read: Is a directory"),
    ],
)
def test_what_cannot_be_set_leaves_nothing_changed(host: Host, sysctls: dict[str, str], said: str) -> None:
    with host.hold(sysctls=sysctls) as process:
        assert process.wait(3) == 1
        assert process.stderr is not None
        assert process.stderr.read().startswith(f"error: {said}")
    assert host.report()["error"].startswith(said)
    assert host.report()["remedy"]
    assert host.values()[RANGE] in ("32768\t60999", "32768 60999")


def test_the_burner_takes_its_share_and_no_more(host: Host) -> None:
    with host.hold(burn={"duty": 0.2}) as process:
        began = time.monotonic()
        time.sleep(2)
        assert end(process) == 0
        wall_s = time.monotonic() - began
    burnt = host.report()["burn"]
    # No more than its share; less where others want the CPUs, too.
    assert 0.1 * wall_s < burnt["cpu_s"] / len(burnt["cpus"]) < 0.25 * wall_s


def test_the_burner_keeps_to_its_seconds_of_the_window(host: Host) -> None:
    with host.hold(burn={"duty": 0.5, "from_s": 0.3, "to_s": 0.8}) as process:
        time.sleep(0.3)
        window = time.time() + 0.2
        (host.folder / "window").write_text(f"{window}")
        time.sleep(1.5)
        assert end(process) == 0
    burnt = host.report()["burn"]
    assert burnt["began_unix_s"] - window == pytest.approx(0.3, abs=0.1)
    assert burnt["ended_unix_s"] - window == pytest.approx(0.8, abs=0.1)
    assert 0 < burnt["cpu_s"] / len(burnt["cpus"]) < 0.35


def test_a_burner_whose_window_never_comes_does_not_burn(host: Host) -> None:
    with host.hold(burn={"duty": 1.0, "from_s": 1}) as process:
        time.sleep(0.3)
        assert end(process) == 0
    assert host.report()["burn"]["cpu_s"] == 0
    assert host.report()["burn"]["began_unix_s"] is None


def test_what_cannot_be_put_back_does_not_keep_the_others_from_it(host: Host) -> None:
    class Broken(Settings):
        def write(self, name: str, value: str) -> None:
            if name == RANGE:
                raise FileNotFoundError(errno.ENOENT, "it is gone")
            super().write(name, value)

    host.path(REUSE).write_text("1\n")
    (host.folder / "undo.json").write_text(json.dumps({RANGE: "32768 60999", REUSE: "2"}))
    with pytest.raises(FileNotFoundError, match="it is gone"):
        put_back(host.folder, Broken(host.settings))
    assert host.values()[REUSE] == "2"
    assert (host.folder / "undo.json").exists(), "there is still something to put back"
