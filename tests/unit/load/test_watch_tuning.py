"""The watch of a trial tunes its host, or ends what another trial has left, before anything else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.generator import wait_until
from tests.support.machine import Machine
from tests.support.venv38 import CHECKOUT
from tests.unit.load.test_watch import Host
from tests.unit.load.test_watch import host as pretended

host = pretended
UNIT = "bench-tuning.service"
SWAPPINESS = "proc/sys/vm/swappiness"


@pytest.fixture
def machine(host: Host) -> Iterator[Machine]:
    """The host's kernel, and a unit that runs the real program for it."""
    root = host.folder / "root"
    machine = Machine(root)
    (root / "etc/bench").mkdir(parents=True)
    (root / "run/bench").mkdir(parents=True)
    told(machine, sysctls={"vm.swappiness": 10})
    program = f"{sys.executable} -m tuning hold --root {root}"
    host.unit(UNIT, f"export PYTHONPATH={CHECKOUT / 'collect'}; exec {program}")
    yield machine
    pid = host.folder / "pids" / UNIT
    if pid.exists():
        subprocess.run([host.folder / "bin" / "systemctl", "stop", UNIT], check=False)


def told(machine: Machine, **listed: Any) -> None:
    config = {"cpus": "0", "profiles": ["controlled"], "listed": listed}
    (machine.root / "etc/bench/tuning.json").write_text(json.dumps(config))


def arguments(machine: Machine, tuning: str, *more: str) -> list[str]:
    return ["--only-collector", "--deadline", "20", "--root", str(machine.root), "--tuning", tuning, *more]


def restore(watch: Any) -> dict[str, Any]:
    watch.stdin.write("restore\n")
    watch.stdin.flush()
    line: dict[str, Any] = watch.read_until(src="tuning", state="restored")
    return line


def test_tuned_until_it_is_to_end(host: Host, machine: Machine) -> None:
    with host.watch(*arguments(machine, "on")) as watch:
        said = watch.read_until(src="tuning", state="set")
        assert said["in_force"] == {"sysctls": {"vm.swappiness": {"set": "10", "before": "60"}}}
        assert machine.read(SWAPPINESS) == "10"
        said = restore(watch)
        assert (said["restored"], said["changed_meanwhile"]) == (True, {})
        assert said["in_force"]["sysctls"]["vm.swappiness"]["set"] == "10"
        assert machine.read(SWAPPINESS) == "60"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_tuning_ends_with_the_watch(host: Host, machine: Machine, number: int) -> None:
    with host.watch(*arguments(machine, "on")) as watch:
        watch.read_until(src="tuning", state="set")
        watch.process.send_signal(number)
        watch.process.wait(5)
        wait_until(lambda: machine.read(SWAPPINESS) == "60", 3)


def test_where_nothing_is_listed_it_is_said(host: Host, machine: Machine) -> None:
    told(machine)
    with host.watch(*arguments(machine, "on")) as watch:
        assert watch.read_until(src="tuning", state="set")["in_force"] == {}
        assert restore(watch)["in_force"] == {}
    calls = host.folder / "calls"
    assert not calls.exists() or UNIT not in calls.read_text()


def test_a_trial_that_is_not_tuned_ends_what_another_has_left(host: Host, machine: Machine) -> None:
    wanted = {"guard_pid": os.getpid(), "deadline_s": 20}
    (machine.root / "run/bench/tuning").mkdir()
    (machine.root / "run/bench/tuning/wanted.json").write_text(json.dumps(wanted))
    subprocess.run([host.folder / "bin" / "systemctl", "start", UNIT], check=True)
    assert machine.read(SWAPPINESS) == "10"
    with host.watch(*arguments(machine, "leave")) as watch:
        watch.ask_the_time()
        assert machine.read(SWAPPINESS) == "10", "it is another's"
    with host.watch(*arguments(machine, "off")) as watch:
        watch.ask_the_time()
        assert machine.read(SWAPPINESS) == "60"


def test_what_cannot_be_tuned_fails_the_trial_in_a_line(host: Host, machine: Machine) -> None:
    told(machine, governor="fast")
    with host.watch(*arguments(machine, "on")) as watch:
        failed = watch.read_until(src="watch", state="failed")
        assert failed["error"] == "there is no governor 'fast'"
        assert failed["remedy"].startswith("set tuning_governor to one of")
        assert watch.process.wait(5) == 1


def test_a_setting_is_the_profiles_or_the_tunings(host: Host, machine: Machine) -> None:
    told(machine, sysctls={"net.ipv4.tcp_tw_reuse": 1})
    profile = json.dumps({"sysctls": {"net.ipv4.tcp_tw_reuse": "1"}, "reserve_ports": [], "burn": None})
    with host.watch(*arguments(machine, "on", "--conditions", profile)) as watch:
        failed = watch.read_until(src="watch", state="failed")
    assert failed["error"] == "net.ipv4.tcp_tw_reuse is set by the profile and by tuning_sysctls"
    assert failed["remedy"].startswith("take it out of tuning_sysctls")


def test_tuning_that_ended_early_is_told(host: Host, machine: Machine) -> None:
    with host.watch(*arguments(machine, "on")) as watch:
        watch.read_until(src="tuning", state="set")
        os.kill(int((host.folder / "pids" / UNIT).read_text()), signal.SIGTERM)
        wait_until(lambda: not (machine.root / "var/lib/bench/tuning.json").exists(), 3)
        watch.stdin.write("restore\n")
        watch.stdin.flush()
        assert watch.read_until(src="watch")["error"] == f"{UNIT} ended before the trial"


def test_the_configuration_must_be_readable(host: Host, machine: Machine) -> None:
    (Path(machine.root) / "etc/bench/tuning.json").write_text("{")
    with host.watch(*arguments(machine, "on")) as watch:
        failed = watch.read_until(src="watch", state="failed")
    assert "etc/bench/tuning.json cannot be read" in failed["error"]
