"""CPU over the host's own set, memory, frequency."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import psutil
import pytest

from collect.sampler.host import STATES, Frequency, HostCpu, Memory, busy_s
from collect.sampler.process import TICKS_PER_S
from tests.support.proctree import ProcTree

STAT = """cpu  1000 1000 1000 1000 1000 1000 1000 1000 1000 1000
cpu0 100 1 50 800 5 2 3 4 0 0
cpu1 200 2 60 700 6 3 4 5 0 0
cpu10 900 900 900 900 900 900 900 900 900 900
intr 123 0 1 2
ctxt 4567
btime 1700000000
processes 4
"""


def host_cpu(tmp_path: Path, *cpus: int) -> HostCpu:
    (tmp_path / "stat").write_text(STAT)
    return HostCpu(cpus, str(tmp_path))


def test_only_the_cpus_of_the_set_count(tmp_path: Path) -> None:
    one = host_cpu(tmp_path, 1).sample()
    assert tuple(one["cpu"]) == STATES
    assert tuple(one["cpu"].values()) == (2.0, 0.02, 0.6, 7.0, 0.06, 0.03, 0.04, 0.05)
    assert (one["cpus"], one["ctx"]) == (1, 4567)
    both = host_cpu(tmp_path, 0, 1).sample()
    assert (both["cpu"]["user"], both["cpu"]["idle"], both["cpus"]) == (3.0, 15.0, 2)


def test_a_cpu_that_is_offline_is_not_counted(tmp_path: Path) -> None:
    assert host_cpu(tmp_path, 0, 7).sample()["cpus"] == 1


def test_the_machine_is_as_busy_as_we_make_it() -> None:
    cpu = max(os.sched_getaffinity(0))
    host = HostCpu([cpu])
    before, began = host.sample(), time.monotonic()
    burner = multiprocessing.get_context("fork").Process(target=_burn, args=(cpu, 0.7))
    burner.start()
    burner.join()
    elapsed = time.monotonic() - began
    after = host.sample()
    # At least what we burnt; others may have used the rest, and nobody can use more than there is.
    assert busy_s(after["cpu"], 1, before["cpu"], elapsed) == pytest.approx(elapsed, abs=elapsed - 0.7 + 0.05)
    assert sum(after["cpu"].values()) - sum(before["cpu"].values()) == pytest.approx(elapsed, rel=0.15)


def _burn(cpu: int, seconds: float) -> None:
    os.sched_setaffinity(0, {cpu})
    while time.process_time() < seconds:
        pass


def test_busy_is_what_is_neither_idle_nor_stolen() -> None:
    earlier = dict.fromkeys(STATES, 100.0)
    later = {**earlier, "idle": 100.5, "iowait": 100.1, "steal": 100.2, "user": 101.1}
    assert busy_s(later, 2, earlier, 1.0) == pytest.approx(1.2)
    assert busy_s({**earlier, "idle": 103.0}, 2, earlier, 1.0) == 0.0
    assert busy_s({**earlier, "idle": 99.9}, 2, earlier, 1.0) == 2.0


def test_states_are_seconds() -> None:
    cpus = sorted(os.sched_getaffinity(0))
    ours, theirs = HostCpu(cpus).sample()["cpu"], psutil.cpu_times(percpu=True)
    assert ours["idle"] == pytest.approx(sum(theirs[cpu].idle for cpu in cpus), abs=0.5)
    assert TICKS_PER_S == 100


def test_memory_is_in_bytes(tmp_path: Path) -> None:
    tree = ProcTree(tmp_path / "proc")
    assert Memory(str(tree.root)).sample() == {"mem_used": 600 * 1024, "mem_available": 400 * 1024}
    now, truth = Memory().sample(), psutil.virtual_memory()
    assert now["mem_available"] == pytest.approx(truth.available, rel=0.05)
    assert sum(now.values()) == truth.total


def frequencies(root: Path, khz: dict[int, str]) -> None:
    for cpu, text in khz.items():
        folder = root / f"devices/system/cpu/cpu{cpu}/cpufreq"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "scaling_cur_freq").write_text(text)


def test_frequency_is_the_mean_of_the_set(tmp_path: Path) -> None:
    frequencies(tmp_path, {0: "1000000\n", 1: "3000000\n", 2: "9000000\n"})
    frequency = Frequency([0, 1], 5.0, str(tmp_path))
    assert frequency.mean_mhz is None
    frequency.refresh(time.monotonic() + 10)
    assert frequency.mean_mhz == 2000.0
    frequencies(tmp_path, {0: "9000000\n"})
    frequency.refresh(time.monotonic() + 10)
    assert frequency.mean_mhz == 2000.0, "not yet due again"


def test_frequency_is_null_where_there_is_none_or_no_time(tmp_path: Path) -> None:
    frequencies(tmp_path, {0: "<unknown>\n", 1: "3000000\n"})
    none = Frequency([5], 5.0, str(tmp_path))
    none.refresh(time.monotonic() + 10)
    unknown = Frequency([0], 5.0, str(tmp_path))
    unknown.refresh(time.monotonic() + 10)
    late = Frequency([1], 5.0, str(tmp_path))
    late.refresh(time.monotonic())
    assert (none.mean_mhz, unknown.mean_mhz, late.mean_mhz) == (None, None, None)
    late.refresh(time.monotonic() + 10)
    assert late.mean_mhz == 3000.0
