"""Changed and put back: in order, with what was there on the disk first, whatever comes in between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collect.tuning.config import Config
from collect.tuning.files import CPUS, IRQS, TuningError
from collect.tuning.kept import KEPT, Kept
from collect.tuning.report import in_force
from tests.support.machine import Crash, Machine

ALL = Config(
    cpus=set(range(0, 16, 2)),
    governor="performance",
    turbo=False,
    smt_siblings_off=True,
    irqs_off=True,
    sysctls={"vm.swappiness": "10", "net.ipv4.tcp_rmem": "4096 200000 6291456"},
)
SWAPPINESS = "proc/sys/vm/swappiness"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def record(machine: Machine) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((machine.root / KEPT).read_text())
    return content


def test_all_that_is_listed_and_back(machine: Machine) -> None:
    before = machine.values()
    kept = Kept(machine)
    held, left = kept.apply(ALL)
    now = machine.values()
    assert machine.read(f"{CPUS}/online") == "0,2,4,6,8,10,12,14,16-19"
    assert now[f"{CPUS}/cpufreq/policy0/scaling_governor"] == "performance"
    assert now[f"{CPUS}/cpufreq/policy16/scaling_governor"] == "powersave", "not measured"
    assert now[f"{CPUS}/intel_pstate/no_turbo"] == "1"
    assert (now[SWAPPINESS], now["proc/sys/net/ipv4/tcp_fin_timeout"]) == ("10", "60")
    assert now[f"{IRQS}/27/smp_affinity_list"] == "16-19", "its own CPUs are offline"
    assert kept.drifted() == {}
    assert list(left) == [f"{IRQS}/26/smp_affinity_list"]
    assert in_force(held.changes, left) == {
        "governor": {"set": "performance", "before": "powersave"},
        "turbo": {"set": False, "before": True},
        "sysctls": {
            "vm.swappiness": {"set": "10", "before": "60"},
            "net.ipv4.tcp_rmem": {"set": "4096 200000 6291456", "before": "4096 131072 6291456"},
        },
        "irqs": {"moved": 3, "left": 1},
        "smt": {"offline": "1,3,5,7,9,11,13,15"},
    }
    kept.restore()
    assert machine.values() == before
    assert not kept.there


def test_nothing_is_written_before_it_is_on_the_disk(machine: Machine) -> None:
    machine.crash_at, machine.after_it = 0, True  # the record, and no more
    before = machine.values()
    with pytest.raises(Crash):
        Kept(machine).apply(ALL)
    assert machine.values() == before
    assert {change["name"]: change["before"] for change in record(machine)["changes"]}[SWAPPINESS] == "60"


def test_interrupts_that_cannot_be_moved_are_left_and_told(machine: Machine) -> None:
    kept = Kept(machine)
    held, left = kept.apply(Config(cpus={0, 1}, irqs_off=True))
    assert list(left) == [f"{IRQS}/26/smp_affinity_list"]
    assert "Input/output error" in left[f"{IRQS}/26/smp_affinity_list"]
    assert in_force(held.changes, left) == {"irqs": {"moved": 3, "left": 1}}
    values = {change["name"]: change["value"] for change in record(machine)["changes"]}
    assert values[f"{IRQS}/26/smp_affinity_list"] is None, "it was not set, and may be moved all the same"


def test_a_host_whose_interrupts_all_stay_is_not_tuned(tmp_path: Path) -> None:
    machine = Machine(tmp_path, interrupts={26: ("nvme0q1", "1")})
    before = machine.values()
    with pytest.raises(TuningError, match=r"none of the host's 1 interrupts can be moved: .*Input/output error"):
        Kept(machine).apply(Config(cpus={1}, irqs_off=True, turbo=False))
    assert machine.values() == before
    assert not Kept(machine).there


def test_what_cannot_be_done_leaves_all_as_it_was(machine: Machine) -> None:
    before = machine.values()
    for config in (
        Config(turbo=False, sysctls={"vm.no_such": "1"}),
        Config(turbo=False, governor="fast"),
        Config(turbo=False, cpus={0, 1}, smt_siblings_off=True),
    ):
        with pytest.raises(TuningError):
            Kept(machine).apply(config)
        assert machine.values() == before
        assert not Kept(machine).there


def test_what_fails_in_the_middle_is_put_back(machine: Machine) -> None:
    class Refusing(Machine):
        def _told(self, name: str, value: str) -> None:
            if name.endswith("cpu5/online"):
                raise OSError(16, "Device or resource busy")
            super()._told(name, value)

    refusing = Refusing(machine.root)
    before = refusing.values()
    with pytest.raises(TuningError, match="cpu5/online cannot be set to '0', Device or resource busy"):
        Kept(refusing).apply(ALL)
    assert refusing.values() == before
    assert not Kept(refusing).there


def test_the_next_one_puts_back_first(machine: Machine) -> None:
    before = machine.values()
    Kept(machine).apply(Config(sysctls={"vm.swappiness": "10"}))
    Kept(machine).apply(Config(sysctls={"vm.swappiness": "20"}, turbo=False))
    assert machine.values()[SWAPPINESS] == "20"
    Kept(machine).apply(Config(turbo=False))
    assert machine.values()[SWAPPINESS] == "60", "it is not listed any more"
    Kept(machine).restore()
    assert machine.values() == before


def test_a_listing_that_changes_nothing_is_held_all_the_same(machine: Machine) -> None:
    kept = Kept(machine)
    kept.apply(Config(cpus={16}, smt_siblings_off=True))
    assert kept.there
    assert kept.restore() == {}
    assert not kept.there


def test_what_did_not_stay_is_told_and_put_back(machine: Machine) -> None:
    kept = Kept(machine)
    before = machine.values()
    kept.apply(Config(governor="performance", turbo=False))
    policy = f"{CPUS}/cpufreq/policy3/scaling_governor"
    machine.write(policy, "powersave")
    assert kept.drifted() == {policy: "powersave"}
    kept.restore()
    assert machine.values() == before


def test_what_cannot_be_put_back_keeps_no_other_from_it_and_stays_on_record(machine: Machine) -> None:
    class Broken(Machine):
        def _told(self, name: str, value: str) -> None:
            if name == SWAPPINESS and value == "60":
                raise OSError(30, "Read-only file system")
            super()._told(name, value)

    kept = Kept(machine)
    kept.apply(Config(sysctls={"vm.swappiness": "10"}, turbo=False))
    broken = object.__new__(Broken)
    broken.__dict__.update(machine.__dict__)
    with pytest.raises(TuningError, match="swappiness cannot be set to '60', Read-only"):
        Kept(broken).restore()
    assert machine.read(f"{CPUS}/intel_pstate/no_turbo") == "0"
    assert kept.there
    kept.restore()
    assert machine.read(SWAPPINESS) == "60"


def test_after_a_reboot_nothing_is_in_force_and_what_is_new_stays(machine: Machine) -> None:
    Kept(machine).apply(ALL)
    machine.boot("second")
    machine.write(SWAPPINESS, "30")  # as the host has been told since
    before = machine.values()
    Kept(machine).restore()
    assert machine.values() == before
    assert not Kept(machine).there


def test_a_container_boots_and_its_kernel_lives_on(machine: Machine) -> None:
    before = machine.values()
    Kept(machine).apply(Config(sysctls={"vm.swappiness": "10"}, governor="performance"))
    machine.boot("second", fresh=False)
    Kept(machine).restore()
    assert machine.values() == before


def test_a_number_that_is_another_devices_by_now_is_left_alone(machine: Machine) -> None:
    Kept(machine).apply(Config(cpus={0}, irqs_off=True))
    folder = machine.root / IRQS / "24"
    (folder / "eth0-rx").rename(folder / "usb1")
    moved = machine.read(f"{IRQS}/24/smp_affinity_list")
    Kept(machine).restore()
    assert machine.read(f"{IRQS}/24/smp_affinity_list") == moved
    assert machine.read(f"{IRQS}/9/smp_affinity_list") == "0-19"


def test_a_record_that_cannot_be_read_is_told_and_nothing_is_changed(machine: Machine) -> None:
    (machine.root / KEPT).parent.mkdir(parents=True)
    (machine.root / KEPT).write_text("{")
    before = machine.values()
    with pytest.raises(TuningError, match="reboot the host"):
        Kept(machine).apply(ALL)
    assert machine.values() == before


def test_threads_off_alone_put_back_the_interrupts_that_the_kernel_moved(machine: Machine) -> None:
    before = machine.values()
    Kept(machine).apply(Config(cpus=set(range(0, 16, 2)), smt_siblings_off=True))
    assert machine.values()[f"{IRQS}/27/smp_affinity_list"] == "0,2,4-19", "where it was when its last CPU went"
    Kept(machine).restore()
    assert machine.values() == before
