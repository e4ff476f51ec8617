"""How fast CPUs may run, and how often they were too hot."""

from __future__ import annotations

from pathlib import Path

import pytest

from collect.hosts.cpus import Topology
from collect.hosts.frequency import frequency
from collect.hosts.throttle import throttled
from tests.support.sysfs import CPU, machine, write


def test_governor_and_turbo_of_intel(tmp_path: Path) -> None:
    root = machine(tmp_path, "i7-12700f")
    write(root, {f"{CPU}/cpu{cpu}/cpufreq/scaling_governor": "performance" for cpu in (0, 1, 2, 9)})
    assert frequency(range(16), root) == {
        "driver": "intel_pstate",
        "governors": {"performance": "0-2,9", "powersave": "3-8,10-15"},
        "turbo": True,
    }
    assert frequency(range(12), machine(tmp_path / "old", "i7-8700"))["turbo"] is False


@pytest.mark.parametrize(
    ("files", "turbo"),
    [
        ({}, None),
        ({"cpufreq/boost": "1"}, True),
        ({"cpufreq/boost": "0"}, False),
        ({"cpu0/cpufreq/boost": "0", "cpu1/cpufreq/boost": "1"}, True),
        ({"intel_pstate/no_turbo": "1", "cpufreq/boost": "1"}, False),
    ],
)
def test_turbo_wherever_it_is_told(tmp_path: Path, files: dict[str, str], turbo: bool | None) -> None:
    write(tmp_path, {f"{CPU}/{name}": text for name, text in files.items()})
    assert frequency([0], tmp_path)["turbo"] is turbo


def test_a_virtual_machine_tells_nothing(tmp_path: Path) -> None:
    root = machine(tmp_path, "vm")
    assert frequency([0, 1], root) == {"driver": None, "governors": {}, "turbo": None}
    assert throttled(Topology(root), root) is None


def test_a_core_that_was_too_hot_counts_once_and_not_by_its_threads(tmp_path: Path) -> None:
    root = machine(tmp_path, "throttled")
    assert throttled(Topology(root), root) == {
        "core_events": 43, "package_events": 57, "core_ms": 1210, "cpus": "2,5,8,11",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["i7-12700f", "i7-8700"])
def test_a_cool_one_counts_nothing(tmp_path: Path, name: str) -> None:
    root = machine(tmp_path, name)
    assert throttled(Topology(root), root) == {"core_events": 0, "package_events": 0, "core_ms": 0, "cpus": ""}
