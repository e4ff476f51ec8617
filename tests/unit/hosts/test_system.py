"""A host's system, there or null."""

from __future__ import annotations

import os
from pathlib import Path

from collect.hosts import system
from tests.support.sysfs import machine, write

FILES = {
    "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian"\nVERSION_ID="12"\nID=debian',
    "proc/sys/kernel/random/boot_id": "0f3b",
    "proc/sys/fs/nr_open": "1048576",
    "proc/sys/net/netfilter/nf_conntrack_max": "65536",
    "proc/meminfo": "MemTotal: 100 kB\nSwapTotal:    2097152 kB\nSwapFree:     1048576 kB",
    "sys/fs/selinux/enforce": "1",
    "sys/module/apparmor/parameters/enabled": "Y",
}


def test_a_system_is_read(tmp_path: Path) -> None:
    write(machine(tmp_path, "vm"), FILES)
    (tmp_path / "proc/self/ns").mkdir(parents=True)
    (tmp_path / "proc/self/ns/pid").symlink_to("pid:[4026531836]")
    found = system.system(tmp_path)
    assert found["distribution"] == {"id": "debian", "version": "12", "name": "Debian GNU/Linux 12 (bookworm)"}
    assert found["machine_id"] == "0f3b pid:[4026531836]"
    assert found["hypervisor"] is True
    assert (found["clock_source"], found["clock_sources"]) == ("kvm-clock", ["kvm-clock", "tsc", "acpi_pm"])
    assert found["swap"] == {"total_mib": 2048, "used_mib": 1024}
    assert found["limits"]["fs.nr_open"] == 1048576
    assert found["limits"]["net.netfilter.nf_conntrack_max"] == 65536
    assert found["limits"]["fs.file-max"] is None
    assert (found["selinux"], found["apparmor"]) == ("enforcing", True)


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    found = system.system(tmp_path)
    for name in ("machine_id", "container", "clock_source", "selinux"):
        assert found[name] is None, name
    assert found["distribution"] == {"id": None, "version": None, "name": None}
    assert found["swap"] == {"total_mib": 0, "used_mib": 0}
    assert set(found["limits"].values()) == {None}
    assert found["hypervisor"] is found["apparmor"] is False


def test_this_system_is_itself_twice() -> None:
    assert system.machine() == system.machine() is not None


def test_the_disk_of_a_folder_that_is_not_made_yet_is_that_above(tmp_path: Path) -> None:
    free = system.disks([str(tmp_path / "a" / "b"), "/"])
    about = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize / system.MIB
    assert abs(free[str(tmp_path / "a" / "b")] - about) < 1024
    assert set(free) == {str(tmp_path / "a" / "b"), "/"}


def test_the_cpus_that_the_first_process_may_use() -> None:
    usable = system.usable_cpus()
    assert usable is None or usable
