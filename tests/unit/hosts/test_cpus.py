"""Cores, threads and kinds, read from what four machines show."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from collect.hosts.cpus import Topology
from collect.hosts.machine import hardware
from tests.support.sysfs import CPU, machine, switch_off, write

P, E = tuple(range(16)), (16, 17, 18, 19)


@pytest.fixture
def hybrid(tmp_path: Path) -> Path:
    return machine(tmp_path, "i7-12700f")


def test_the_kernel_names_the_kinds_of_a_hybrid_processor(hybrid: Path) -> None:
    topology = Topology(hybrid)
    assert topology.performance_cpus() == P
    assert topology.efficiency_cpus() == E
    assert topology.describe() == {
        "online": "0-19", "offline": "", "performance": "0-15", "efficiency": "16-19", "cores": 12, "smt": True,
        "smt_control": "on", "nodes": {"0": "0-19"},
    }  # fmt: skip


def test_an_older_kernel_tells_them_by_frequency(hybrid: Path) -> None:
    for name in ("cpu_core", "cpu_atom"):
        shutil.rmtree(hybrid / "sys/devices" / name)
    assert Topology(hybrid).performance_cpus() == P


def test_capacity_goes_before_frequency(hybrid: Path) -> None:
    for name in ("cpu_core", "cpu_atom"):
        shutil.rmtree(hybrid / "sys/devices" / name)
    write(hybrid, {f"{CPU}/cpu{cpu}/cpu_capacity": "1024" if cpu < 14 else "600" for cpu in range(20)})
    assert Topology(hybrid).performance_cpus() == tuple(range(14))


def test_one_capacity_for_all_says_nothing(hybrid: Path) -> None:
    for name in ("cpu_core", "cpu_atom"):
        shutil.rmtree(hybrid / "sys/devices" / name)
    write(hybrid, {f"{CPU}/cpu{cpu}/cpu_capacity": "1024" for cpu in range(20)})
    assert Topology(hybrid).performance_cpus() == P


def test_efficiency_cores_that_are_switched_off_leave_one_kind(hybrid: Path) -> None:
    switch_off(hybrid, *E)
    topology = Topology(hybrid)
    assert topology.performance_cpus() == topology.online == P
    assert topology.offline == E


@pytest.mark.parametrize(("name", "count"), [("i7-8700", 12), ("throttled", 12), ("vm", 2)])
def test_where_there_is_one_kind_all_cpus_are_fast(tmp_path: Path, name: str, count: int) -> None:
    topology = Topology(machine(tmp_path, name))
    assert topology.performance_cpus() == topology.online == tuple(range(count))
    assert topology.efficiency_cpus() == ()


def test_threads_are_told_by_core_wherever_they_are_counted(tmp_path: Path, hybrid: Path) -> None:
    old = Topology(machine(tmp_path / "old", "i7-8700"))
    assert old.siblings(8) == (2, 8)
    assert old.cores(range(6)) == 6
    assert old.cores((0, 6)) == 1
    assert old.shared((0, 1)) == (6, 7)
    assert Topology(hybrid).shared(range(16)) == ()
    assert Topology(hybrid).shared((3, 17)) == (2,)


def test_second_threads_that_are_off_share_nothing(tmp_path: Path) -> None:
    root = machine(tmp_path, "i7-8700")
    switch_off(root, *range(6, 12))
    topology = Topology(root)
    assert topology.online == tuple(range(6))
    assert not topology.smt()
    assert topology.shared((0, 1)) == ()


def test_a_container_has_but_some_of_them(hybrid: Path) -> None:
    topology = Topology(hybrid, usable=[14, 15, 16])
    assert topology.performance_cpus() == (14, 15)
    assert topology.choose("all") == (14, 15, 16)
    assert Topology(hybrid, usable=[17, 18]).performance_cpus() == (17, 18), "the best that there are"


@pytest.mark.parametrize(
    ("wanted", "cpus"), [("performance", P), ("all", (*P, *E)), ("2", (2,)), ("0-1,18", (0, 1, 18))]
)
def test_words_and_lists_choose(hybrid: Path, wanted: str, cpus: tuple[int, ...]) -> None:
    assert Topology(hybrid).choose(wanted) == cpus


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ("0-21", "there is no CPU 20-21, those there are: 0-19"),
        ("fast", '"fast" is no list of CPUs such as 0-3,6'),
        ("", '"" is no list of CPUs such as 0-3,6'),
    ],
)
def test_a_choice_that_cannot_be_is_told(hybrid: Path, wanted: str, problem: str) -> None:
    told = hardware(wanted, hybrid)
    assert (told["cpu_set"], told["cpu_problem"]) == ("", problem)


def test_a_choice_says_what_is_odd_about_it(hybrid: Path) -> None:
    told = hardware("1,16-17", hybrid)
    assert told["cpu_set"] == "1,16-17"
    assert told["shared_threads"] == "0"
    assert told["slow_cpus"] == "16-17"
    assert hardware("performance", hybrid)["slow_cpus"] == hardware("performance", hybrid)["shared_threads"] == ""


def test_nodes(tmp_path: Path) -> None:
    root = machine(tmp_path, "i7-8700")
    write(root, {"sys/devices/system/node/node0/cpulist": "0-5", "sys/devices/system/node/node1/cpulist": "6-11"})
    assert Topology(root).nodes() == {"0": tuple(range(6)), "1": tuple(range(6, 12))}


def test_a_host_that_tells_nothing_has_the_cpus_that_it_may_use(tmp_path: Path) -> None:
    topology = Topology(tmp_path, usable=[0, 3])
    assert topology.performance_cpus() == (0, 3)
    assert topology.siblings(3) == (3,)
    assert topology.describe()["cores"] == 2


def test_this_machine() -> None:
    topology = Topology(usable=os.sched_getaffinity(0))
    assert set(topology.online) == os.sched_getaffinity(0)
    assert set(topology.performance_cpus()) <= set(topology.online)
