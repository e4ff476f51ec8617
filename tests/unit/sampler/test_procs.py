"""Processes and their units: on a /proc of our own making, and for real."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from collect.sampler import process as process_module
from collect.sampler.process import PAGE_BYTES, TICKS_PER_S, Process, counts_fds_by_size
from collect.sampler.procs import SETTLE_S, ProcessTable, details
from tests.support.proctree import ProcTree

APP = "/system.slice/bench-app.service"
UNITS = {"app": ["bench-app.service"], "generator": ["bench-load@"], "collector": ["bench-collector.service"]}
IDLE_S = 5.0


@pytest.fixture
def tree(tmp_path: Path) -> ProcTree:
    return ProcTree(tmp_path / "proc")


@pytest.fixture
def table(tree: ProcTree) -> Iterator[ProcessTable]:
    with contextlib.closing(ProcessTable(UNITS, IDLE_S, str(tree.root))) as table:
        yield table


@pytest.fixture
def real() -> Iterator[ProcessTable]:
    """The processes of this machine."""
    with contextlib.closing(ProcessTable(UNITS, IDLE_S)) as table:
        yield table


def cpu(table: ProcessTable, unit: str) -> tuple[float, float]:
    row = table.units()[unit]
    return row["cpu_user"] * TICKS_PER_S, row["cpu_system"] * TICKS_PER_S


def test_units_are_the_sums_of_their_processes(tree: ProcTree, table: ProcessTable) -> None:
    tree.set(10, 100, 20, APP, rss_pages=5, fds=4, threads={10: (1, 3), 11: (2, 4)})
    tree.set(20, 7, 3, APP, rss_pages=6, fds=2)
    tree.set(30, 50, 5, "/system.slice/system-bench-load.slice/bench-load@primary.service")
    tree.set(40, 1, 1, "/init.scope", name="systemd")
    table.sample(0.0)
    app = table.units()["app"]
    assert (app["cpu_user"], app["cpu_system"]) == (1.07, 0.23)
    assert (app["rss"], app["fds"], app["procs"], app["threads"], app["ctx"]) == (11 * PAGE_BYTES, 6, 2, 3, 8)
    assert cpu(table, "generator") == (50, 5)
    assert cpu(table, "other") == (1, 1)
    assert table.units()["collector"]["procs"] == 0


@pytest.mark.parametrize("name", ["a b", "x) R 1 2 3", "(", "tmux: server"])
def test_any_name_is_read(tree: ProcTree, table: ProcessTable, name: str) -> None:
    tree.set(10, 100, 20, APP, name=name)
    rows = details(table.sample(0.0))
    assert [(row["name"], row["cpu_user"]) for row in rows] == [(name, 1.0)]


def test_the_dead_stay_in_the_sum(tree: ProcTree, table: ProcessTable) -> None:
    tree.set(10, 100, 20, APP)
    tree.set(11, 5, 5, APP)
    table.sample(0.0)
    tree.kill(10)
    table.sample(1.0)
    row = table.units()["app"]
    assert (cpu(table, "app"), row["procs"], row["ctx"]) == ((105, 25), 1, 2)


def test_a_number_that_is_taken_again_is_a_new_process(tree: ProcTree, table: ProcessTable) -> None:
    tree.set(10, 100, 20, APP)
    table.sample(0.0)
    tree.kill(10)
    table.sample(1.0)
    tree.set(10, 30, 1, APP, started=900)
    table.sample(2.0)
    assert cpu(table, "app") == (130, 21)


def test_a_process_that_systemd_has_yet_to_move_is_asked_again(tree: ProcTree, table: ProcessTable) -> None:
    tree.set(10, 1, 1, "/init.scope", name="(sd-exec)")
    table.sample(0.0)
    tree.set(10, 11, 3, APP)
    table.sample(1.0)
    assert (cpu(table, "other"), cpu(table, "app")) == ((1, 1), (10, 2))
    tree.set(10, 20, 3, "/elsewhere")
    table.sample(1.0 + SETTLE_S)
    assert cpu(table, "app") == (19, 2)


def test_a_sleeping_stranger_is_read_at_a_slower_pace_and_ours_at_each_tick(
    tree: ProcTree, table: ProcessTable
) -> None:
    tree.set(10, 1, 0, APP)
    tree.set(20, 1, 0)
    tree.set(30, 1, 0)
    read = []
    for tick in range(20):
        tree.set(30, tick, 0)  # busy
        read.append({process.pid for process in table.sample(float(tick))})
    assert all({10, 30} <= pids for pids in read)
    assert all(20 in pids for pids in read[:3])
    assert 2 <= sum(20 in pids for pids in read[3:]) <= 17 / (IDLE_S / 2)


def test_a_stranger_that_wakes_up_is_found_within_the_pace(tree: ProcTree, table: ProcessTable) -> None:
    tree.set(20, 1, 0)
    for tick in range(6):
        table.sample(float(tick))
    tree.set(20, 300, 0)
    table.sample(6.0 + IDLE_S)
    assert cpu(table, "other") == (300, 0)


def test_single_rows_are_those_of_ours_and_of_strangers_at_work(tree: ProcTree, table: ProcessTable) -> None:
    tree.set(10, 100, 20, APP, threads={10: (2_500_000_000, 3), 12: (1_000, 4)})
    tree.set(20, 1, 0, name="busy")
    tree.set(30, 0, 0, name="idle")
    rows = {row["pid"]: row for row in details(table.sample(0.0))}
    assert rows.keys() == {10, 20}
    assert sorted(rows[10]["threads"]) == [[10, 2.5], [12, 0.000001]]
    assert "threads" not in rows[20]
    tree.set(10, 100, 20, APP)
    again = {row["pid"]: row for row in details(table.sample(1.0))}
    assert again.keys() == {10}
    assert [tid for tid, _ in again[10]["threads"]] == [10]


def test_kernel_threads_have_cpu_and_nothing_else(tree: ProcTree, table: ProcessTable) -> None:
    tree.set(2, 0, 9, flags=process_module.PF_KTHREAD, name="ksoftirqd/0", rss_pages=0)
    table.sample(0.0)
    row = table.units()["other"]
    assert (row["cpu_system"], row["fds"], row["pss"], row["procs"]) == (0.09, 0, 0, 1)


def test_what_is_refused_is_unknown_and_not_left_out_of_the_sum(
    tree: ProcTree, table: ProcessTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.set(10, 1, 1, APP)
    tree.set(11, 1, 1, APP)

    listdir = os.listdir

    def refuse(path: str) -> list[str]:
        if path.endswith("/10/fd"):
            raise PermissionError(13, "refused")
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refuse)
    table.sample(0.0)
    assert table.units()["app"]["fds"] is None


def test_pss_is_null_until_all_of_a_unit_are_read(tree: ProcTree, table: ProcessTable) -> None:
    tree.set(10, 1, 1, APP)
    tree.set(11, 1, 1, APP)
    first, second = table.sample(0.0)
    first.pss, first.uss, first.memory_t = 1000, 700, 50.0
    row = table.units()["app"]
    assert (row["pss"], row["uss"], row["mem_t"]) == (None, None, None)
    second.pss, second.uss, second.memory_t = 10, 7, 49.0
    row = table.units()["app"]
    assert (row["pss"], row["uss"], row["mem_t"]) == (1010, 707, 49.0)


def test_files_are_closed_when_processes_end(tree: ProcTree, table: ProcessTable) -> None:
    def held() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    before = held()
    for pid in range(10, 30):
        tree.set(pid, 1, 1, APP, threads={pid: (1, 1), pid + 1000: (1, 1)})
    table.sample(0.0)
    assert held() == before + 20 * 3
    for pid in range(10, 30):
        tree.set(pid, 1, 1, APP)
    table.sample(1.0)
    assert held() == before + 20 * 2
    for pid in range(10, 30):
        tree.kill(pid)
    table.sample(2.0)
    assert held() == before


# Real processes from here on.


@contextlib.contextmanager
def python(code: str) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def real_row(table: ProcessTable, pid: int, now: float) -> dict[str, Any] | None:
    return next((row for row in details(table.sample(now)) if row["pid"] == pid), None)


def test_a_busy_process_is_seen_at_the_cpu_that_it_uses(real: ProcessTable) -> None:
    burn = "import time\nwhile time.process_time() < 0.6: pass\nprint(flush=True)\ninput()"
    with python(burn) as child:
        assert child.stdout
        child.stdout.readline()
        row = real_row(real, child.pid, 0.0)
        assert row
        seen = row["cpu_user"] + row["cpu_system"]
        truth = psutil.Process(child.pid).cpu_times()
    assert seen == pytest.approx(truth.user + truth.system, abs=2 / TICKS_PER_S)
    assert seen + 1 / TICKS_PER_S >= 0.6


def test_killing_a_process_takes_nothing_from_the_sum(real: ProcessTable) -> None:
    real.sample(0.0)
    before = sum(cpu(real, "other"))
    with python("while True: pass") as child:
        time.sleep(0.5)
        row = real_row(real, child.pid, 1.0)
        assert row
        used = (row["cpu_user"] + row["cpu_system"]) * TICKS_PER_S
        during = sum(cpu(real, "other"))
    assert used > 10
    assert during - before >= used
    real.sample(2.0)
    assert real_row(real, child.pid, 3.0) is None
    assert sum(cpu(real, "other")) >= during


def test_threads_files_and_switches_of_a_real_process() -> None:
    code = (
        "import threading, time, tempfile\n"
        "files = [tempfile.TemporaryFile() for _ in range(7)]\n"
        "def nap():\n    for _ in range(10**6): time.sleep(0.002)\n"
        "def burn():\n    while time.thread_time() < 0.3: pass\n    burnt.set()\n    time.sleep(600)\n"
        "burnt = threading.Event()\n"
        "for target in (nap, nap, burn): threading.Thread(target=target, daemon=True).start()\n"
        "burnt.wait()\n"
        "print(flush=True)\ninput()"
    )
    with python(code) as child:
        assert child.stdout
        child.stdout.readline()
        seen = Process("/proc", child.pid)
        seen.read()
        seen.read_threads()
        seen.count_fds(by_size=False)
        listed = seen.fds
        seen.count_fds(by_size=counts_fds_by_size("/proc"))
        truth = psutil.Process(child.pid)
        switches = sum(switches_of(task) for task in Path(f"/proc/{child.pid}/task").iterdir())
        threads = {int(tid): cpu_s for tid, cpu_s in seen.thread_times()}
        assert (seen.threads, len(threads), seen.fds) == (4, 4, truth.num_fds())
        assert listed == seen.fds
        assert seen.rss == pytest.approx(truth.memory_info().rss, rel=0.1)
        assert seen.switches == pytest.approx(switches, rel=0.2)
        assert sum(threads.values()) == pytest.approx((seen.user + seen.system) / TICKS_PER_S, abs=0.05)
        assert 0.3 <= max(threads.values()) < 0.4
        seen.close()


def switches_of(task: Path) -> int:
    lines = (task / "status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)


def test_our_own_process_is_the_collector() -> None:
    # A name that no host has: this machine may run some.
    with contextlib.closing(ProcessTable({"collector": ["no-such.service"]}, IDLE_S)) as table:
        table.sample(0.0)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        assert sum(cpu(table, "collector")) == pytest.approx((usage.ru_utime + usage.ru_stime) * TICKS_PER_S, abs=3)
        assert table.units()["collector"]["threads"] == len(list(Path("/proc/self/task").iterdir()))
