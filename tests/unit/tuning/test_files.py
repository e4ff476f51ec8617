"""Settings as texts: what means the same, what is written, what is on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from collect.tuning.files import Files, TuningError, as_mask, from_mask, listed, numbers, same


@pytest.mark.parametrize(
    ("name", "one", "other", "alike"),
    [
        ("proc/irq/24/smp_affinity_list", "0-3", "0,1,2,3", True),
        ("proc/irq/24/smp_affinity_list", "0-3", "0-2", False),
        ("proc/irq/default_smp_affinity", "000fffff", "fffff", True),
        ("proc/irq/default_smp_affinity", "1,00000000", "100000000", True),
        ("proc/irq/default_smp_affinity", "f", "e", False),
        ("proc/sys/net/ipv4/tcp_rmem", "4096\t131072 6291456", "4096 131072 6291456", True),
        ("proc/sys/net/ipv4/ip_local_reserved_ports", "8080,8081", "8080-8081", True),
        ("proc/irq/24/smp_affinity_list", "none", "none", True),
    ],
)
def test_what_means_the_same(name: str, one: str, other: str, alike: bool) -> None:
    assert same(name, one, other) is alike


@pytest.mark.parametrize("cpus", [[], [0], [0, 1, 2, 3], [0, 2, 3, 7], [31, 32, 33], [64]])
def test_lists_and_masks_come_back(cpus: list[int]) -> None:
    assert numbers(listed(cpus)) == set(cpus)
    assert from_mask(as_mask(cpus)) == set(cpus)


def test_lists_and_masks_are_written_as_the_kernel_does() -> None:
    assert listed([0, 1, 2, 3, 6]) == "0-3,6"
    assert as_mask(range(33)) == "1,ffffffff"
    assert as_mask([]) == "0"


def test_what_is_so_already_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "proc/sys/vm/swappiness"
    path.parent.mkdir(parents=True)
    path.write_text("60\n")
    before = path.stat().st_mtime_ns
    files = Files(tmp_path)
    files.write("proc/sys/vm/swappiness", "60")
    assert path.stat().st_mtime_ns == before
    files.write("proc/sys/vm/swappiness", "10")
    assert files.read("proc/sys/vm/swappiness") == "10"


def test_what_is_not_there_is_told_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(TuningError, match=r"^/proc/sys/vm/no_such cannot be read, No such file .*: take what asks"):
        Files(tmp_path).write("proc/sys/vm/no_such", "1")


def test_a_kernel_that_takes_no_notice_is_told(tmp_path: Path) -> None:
    class Deaf(Files):
        def _put(self, name: str, value: str) -> None:
            pass

    (tmp_path / "boost").write_text("1\n")
    with pytest.raises(TuningError, match=r"^/boost is '1' after it was set to '0'"):
        Deaf(tmp_path).write("boost", "0")


def test_what_is_kept_is_whole_and_what_is_forgotten_gone(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.forget("var/lib/bench/tuning.json")
    files.keep("var/lib/bench/tuning.json", "one")
    files.keep("var/lib/bench/tuning.json", "two")
    assert [path.name for path in (tmp_path / "var/lib/bench").iterdir()] == ["tuning.json"]
    assert files.read("var/lib/bench/tuning.json") == "two"
    (tmp_path / "var/lib/bench/tuning.json.tmp").write_text("half")
    files.forget("var/lib/bench/tuning.json")
    assert list((tmp_path / "var/lib/bench").iterdir()) == []
