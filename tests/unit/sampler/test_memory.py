"""USS and PSS: the figures, and the pace."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from collect.sampler import memory
from collect.sampler.memory import OTHER_FACTOR, MemoryPace, parse, read
from collect.sampler.process import Process
from tests.support.proctree import ProcTree

ROLLUP = b"""00400000-7fff0000 ---p 00000000 00:00 0  [rollup]
Rss:                1748 kB
Pss:                 346 kB
Pss_Dirty:           112 kB
Shared_Clean:       1000 kB
Private_Clean:        60 kB
Private_Dirty:       112 kB
Private_Hugetlb:    2048 kB
SwapPss:               0 kB
"""
FAR = 1e12


def test_uss_is_what_is_private_and_pss_what_the_kernel_says() -> None:
    assert parse(ROLLUP) == (346 * 1024, (60 + 112 + 2048) * 1024)


def test_a_real_process_has_the_memory_that_psutil_finds() -> None:
    process = Process("/proc", os.getpid())
    read(process)
    process.close()
    truth = psutil.Process().memory_full_info()
    assert process.uss == pytest.approx(truth.uss, rel=0.05)
    assert process.pss == pytest.approx(truth.pss, rel=0.05)
    assert process.memory_t == pytest.approx(time.time(), abs=2)


@pytest.mark.parametrize(
    ("error", "value"), [(PermissionError, None), (FileNotFoundError, None), (ProcessLookupError, 0)]
)
def test_what_cannot_be_read_is_unknown_and_what_is_gone_is_nothing(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError], value: int | None
) -> None:
    def fail(path: str) -> bytes:
        raise error

    monkeypatch.setattr(memory, "read_file", fail)
    process = Process("/proc", os.getpid())
    read(process)
    process.close()
    assert (process.pss, process.uss) == (value, value)
    assert process.memory_t is not None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def processes(tmp_path: Path, count: int, unit: str) -> list[Process]:
    tree = ProcTree(tmp_path / unit / "proc")
    made = []
    for pid in range(10, 10 + count):
        tree.set(pid, 1, 1)
        (tree.root / str(pid) / "smaps_rollup").write_bytes(ROLLUP)
        made.append(Process(str(tree.root), pid))
        made[-1].unit = unit
    return made


def test_each_is_read_once_per_pace_spread_over_the_ticks(tmp_path: Path, clock: list[float]) -> None:
    ours = processes(tmp_path, 10, "app")
    pace = MemoryPace(1.0, 5.0)
    counts = []
    for _ in range(50):
        counts.append(pace.refresh(ours, FAR))
        clock[0] += 1
    assert max(counts) <= 1 + 10 / 5
    assert sum(counts[:5]) == 10
    assert sum(counts) == 10 * 50 / 5


def test_strangers_are_read_more_rarely(tmp_path: Path, clock: list[float]) -> None:
    strangers = processes(tmp_path, 2, "other")
    pace = MemoryPace(1.0, 5.0)
    count = 0
    for _ in range(5 * OTHER_FACTOR):
        count += pace.refresh(strangers, FAR)
        clock[0] += 1
    assert count == 2


def test_nothing_is_read_when_the_time_is_up(tmp_path: Path, clock: list[float]) -> None:
    ours = processes(tmp_path, 3, "app")
    pace = MemoryPace(1.0, 1.0)
    assert pace.refresh(ours, until=clock[0]) == 0
    assert pace.refresh(ours, until=clock[0] + 0.001) == 3


def test_kernel_threads_are_not_read(tmp_path: Path, clock: list[float]) -> None:
    ours = processes(tmp_path, 1, "other")
    ours[0].kernel = True
    assert MemoryPace(1.0, 5.0).refresh(ours, FAR) == 0


def test_our_units_come_before_strangers(tmp_path: Path, clock: list[float]) -> None:
    everyone = processes(tmp_path, 9, "other") + processes(tmp_path, 1, "app")
    MemoryPace(1.0, 5.0).refresh(everyone, FAR)
    assert everyone[-1].pss == 346 * 1024
