"""What is changed for what is listed, on a machine like an i7-12700F, and what is refused before anything is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collect.tuning.config import Config, of
from collect.tuning.files import CPUS, IRQS, TuningError
from collect.tuning.planning import changes
from tests.support.machine import Machine

ONE_THREAD_EACH = set(range(0, 16, 2))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def wanted(machine: Machine, **listed: Any) -> dict[str, str | None]:
    return {change.name: change.value for change in changes(machine, Config(**listed))}


def test_nothing_is_changed_where_nothing_is_listed(machine: Machine) -> None:
    before = machine.values()
    assert wanted(machine, cpus={0, 1}) == {}
    assert machine.values() == before
    assert Config({0, 1}).lists_nothing
    assert not Config(turbo=False).lists_nothing


def test_the_governor_is_that_of_the_measured_cpus(machine: Machine) -> None:
    assert wanted(machine, cpus={0, 2}, governor="performance") == {
        f"{CPUS}/cpufreq/policy0/scaling_governor": "performance",
        f"{CPUS}/cpufreq/policy2/scaling_governor": "performance",
    }
    assert len(wanted(machine, governor="performance")) == 20, "without a list all are measured"


def test_a_governor_that_is_not_there_is_refused_with_those_that_are(machine: Machine) -> None:
    with pytest.raises(TuningError, match="no governor 'fast': set tuning_governor to one of performance, powersave"):
        changes(machine, Config(governor="fast"))


@pytest.mark.parametrize(("turbo", "no_turbo", "boost"), [(True, "0", "1"), (False, "1", "0")])
def test_turbo_has_two_switches(machine: Machine, turbo: bool, no_turbo: str, boost: str) -> None:
    assert wanted(machine, turbo=turbo) == {f"{CPUS}/intel_pstate/no_turbo": no_turbo}
    (machine.root / CPUS / "intel_pstate/no_turbo").unlink()
    with pytest.raises(TuningError, match="no switch for turbo"):
        changes(machine, Config(turbo=turbo))
    (machine.root / CPUS / "cpufreq/boost").write_text("1\n")
    assert wanted(machine, turbo=turbo) == {f"{CPUS}/cpufreq/boost": boost}


def test_siblings_go_offline_after_all_else(machine: Machine) -> None:
    found = changes(machine, Config(cpus=ONE_THREAD_EACH, governor="performance", smt_siblings_off=True))
    offline = [change.name for change in found if change.kind == "smt"]
    assert offline == [f"{CPUS}/cpu{cpu}/online" for cpu in range(1, 16, 2)]
    assert [change.name for change in found][-len(offline) :] == offline


def test_cores_of_one_thread_have_no_sibling(machine: Machine) -> None:
    assert wanted(machine, cpus={16, 17}, smt_siblings_off=True) == {}


def test_both_threads_of_a_core_cannot_be_measured_and_one_of_them_off(machine: Machine) -> None:
    with pytest.raises(TuningError, match=r"bench_cpus \(0-3\) names both threads .* such as 0,2, or leave"):
        changes(machine, Config(cpus={0, 1, 2, 3}, smt_siblings_off=True))


def test_a_cpu_that_has_no_switch_stays(machine: Machine) -> None:
    with pytest.raises(TuningError, match="CPU 0 cannot be taken offline"):
        changes(machine, Config(cpus={1}, smt_siblings_off=True))


def test_interrupts_go_to_where_they_may_already_else_to_the_rest(machine: Machine) -> None:
    assert wanted(machine, cpus={0, 1}, irqs_off=True) == {
        f"{IRQS}/9/smp_affinity_list": "2-19",
        f"{IRQS}/24/smp_affinity_list": "2-3",
        f"{IRQS}/26/smp_affinity_list": "2-19",
        f"{IRQS}/27/smp_affinity_list": "3",
        f"{IRQS}/default_smp_affinity": "ffffc",
    }


def test_interrupts_do_not_go_to_cpus_that_go_offline(machine: Machine) -> None:
    found = wanted(machine, cpus=ONE_THREAD_EACH, irqs_off=True, smt_siblings_off=True)
    assert found[f"{IRQS}/24/smp_affinity_list"] == "16-19"
    assert found[f"{IRQS}/default_smp_affinity"] == "f0000"
    assert found[f"{IRQS}/27/smp_affinity_list"] == "16-19", "the kernel would take it anywhere"
    assert None not in found.values()


def test_interrupts_that_lose_their_cpus_are_remembered_though_nobody_moves_them(machine: Machine) -> None:
    found = wanted(machine, cpus=ONE_THREAD_EACH, smt_siblings_off=True)
    kept = [name for name, value in found.items() if value is None]
    assert kept == [f"{IRQS}/26/smp_affinity_list", f"{IRQS}/27/smp_affinity_list"], "the kernel moves these itself"


def test_no_cpu_is_left_for_interrupts(machine: Machine) -> None:
    with pytest.raises(TuningError, match="no CPU is left for the interrupts: leave some out of bench_cpus"):
        changes(machine, Config(irqs_off=True))


def test_who_would_move_interrupts_back_is_seen(machine: Machine) -> None:
    comm = machine.root / "proc/77/comm"
    comm.parent.mkdir()
    comm.write_text("irqbalance\n")
    with pytest.raises(TuningError, match="irqbalance runs"):
        changes(machine, Config(cpus={0}, irqs_off=True))
    assert wanted(machine, cpus={0}, governor="performance"), "nobody is in the way of that"


def test_settings_are_named_as_sysctl_names_them(machine: Machine) -> None:
    found = of({"sysctls": {"vm.swappiness": 10, "net/ipv4/tcp_rmem": " 1  2\t3", "kernel.x": True}}, None)
    assert found.sysctls == {"vm.swappiness": "10", "net/ipv4/tcp_rmem": "1 2 3", "kernel.x": "1"}
    assert list(wanted(machine, sysctls=found.sysctls)) == [
        "proc/sys/vm/swappiness", "proc/sys/net/ipv4/tcp_rmem", "proc/sys/kernel/x",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "vm/../../../etc/passwd", "/etc/passwd", "vm swappiness"])
def test_what_is_no_setting_is_refused(name: str) -> None:
    with pytest.raises(TuningError, match="is no kernel setting"):
        of({"sysctls": {name: "1"}}, None)


def test_what_cannot_be_tuned_is_refused() -> None:
    with pytest.raises(TuningError, match="colour cannot be tuned"):
        of({"colour": "red"}, "0-3")
