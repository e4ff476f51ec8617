"""All processes of this host, summed up by unit."""

from __future__ import annotations

import os
from typing import Any, Callable, Mapping, Sequence

from .config import OTHER
from .process import TICKS_PER_S, Process, counts_fds_by_size
from .procfs import PROC
from .units import Membership

DETAILED = ("app", "redis", "generator")
"""The units whose threads matter."""
OWN = "collector"
SETTLE_S = 2.0
"""systemd forks a service in its own control group and moves it at once; after this a process stays where it is."""


class Totals:
    """What a unit has used since the sampler began, its dead processes included; CPU in clock ticks.

    Each process adds what is new since it was read last, so that the sums never fall. What is lost is the CPU that a
    process used between its last reading and its end, and a process that lived between two ticks only.
    """

    __slots__ = ("switches", "system", "user")

    def __init__(self) -> None:
        """Begin with nothing."""
        self.user = self.system = self.switches = 0

    def add(self, process: Process) -> None:
        """Add what the process used since it was read last."""
        self.user += process.new_user
        self.system += process.new_system
        self.switches += process.new_switches


class ProcessTable:
    """The processes in the host's pid namespace.

    Those of the named units are read each tick. One of ``other`` that used no CPU between two readings is left alone
    for ``idle_s``: a lab machine has hundreds of kernel threads and sleeping daemons.
    """

    def __init__(self, units: Mapping[str, Sequence[str]], idle_s: float, proc: str = PROC) -> None:
        """Take the systemd units of each unit and the root of the process file system."""
        self._membership = Membership(units)
        self._own_pid = os.getpid() if OWN in units else 0
        self._idle_s = idle_s
        self._proc = proc
        self._fds_by_size = counts_fds_by_size(proc)
        self._processes: dict[str, Process] = {}
        self._totals = {name: Totals() for name in (*units, OTHER)}
        self._no_pids: set[str] = set()

    @property
    def processes(self) -> list[Process]:
        """The processes alive at the last sample."""
        return list(self._processes.values())

    def sample(self, now: float) -> list[Process]:
        """Read what is due at ``now`` (monotonic seconds) and return the processes that were read."""
        self._find_new(now)
        read = []
        for name, process in list(self._processes.items()):
            if now < process.due_at:
                continue
            try:
                self._read(process, now)
            except OSError:
                self._drop(name)
                continue
            self._totals[process.unit].add(process)
            read.append(process)
        return read

    def units(self) -> dict[str, dict[str, Any]]:
        """Return the totals and present sizes of each unit as they stand in a sample: seconds and bytes."""
        present: dict[str, list[Process]] = {name: [] for name in self._totals}
        for process in self._processes.values():
            present[process.unit].append(process)
        return {name: _sums(total, present[name]) for name, total in self._totals.items()}

    def _find_new(self, now: float) -> None:
        names = set(os.listdir(self._proc))
        for gone in self._processes.keys() - names:
            self._drop(gone)
        for name in names.difference(self._processes, self._no_pids):
            if not name.isdigit():
                self._no_pids.add(name)
                continue
            try:
                process = Process(self._proc, int(name))
            except OSError:  # gone again, or no file handle left
                continue
            process.settled_at = now + SETTLE_S
            self._processes[name] = process

    def _read(self, process: Process, now: float) -> None:
        process.read()
        if not process.unit or now < process.settled_at:
            own = process.pid == self._own_pid
            process.unit = OWN if own else self._membership.unit(process.read_cgroup())
        if not process.kernel:
            process.read_threads()
            process.count_fds(self._fds_by_size)
        if process.unit == OTHER and now >= process.settled_at and not process.new_user + process.new_system:
            # Spread by number, so that they do not all come due in one tick.
            process.due_at = now + self._idle_s * (0.5 + process.pid % 16 / 32)
        else:
            process.due_at = now

    def close(self) -> None:
        """Close the files that are kept open, of each process one for itself and one for each of its threads."""
        for name in list(self._processes):
            self._drop(name)

    def _drop(self, name: str) -> None:
        self._processes.pop(name).close()


def details(processes: Sequence[Process]) -> list[dict[str, Any]]:
    """Return the rows of single processes: those of the named units, and of ``other`` those that used CPU just now."""
    rows = []
    for process in processes:
        if process.unit == OTHER and not process.new_user + process.new_system:
            continue
        row: dict[str, Any] = {
            "unit": process.unit,
            "pid": process.pid,
            "name": process.name,
            "cpu_user": process.user / TICKS_PER_S,
            "cpu_system": process.system / TICKS_PER_S,
            "rss": process.rss,
        }
        if process.unit in DETAILED:
            row["threads"] = process.thread_times()
        rows.append(row)
    return rows


def _sums(total: Totals, processes: Sequence[Process]) -> dict[str, Any]:
    mapped = [process for process in processes if not process.kernel]
    read = [process.memory_t for process in mapped if process.memory_t is not None]
    complete = len(read) == len(mapped)
    return {
        "cpu_user": total.user / TICKS_PER_S,
        "cpu_system": total.system / TICKS_PER_S,
        "rss": sum(process.rss for process in processes),
        "pss": _sum(lambda process: process.pss, mapped) if complete else None,
        "uss": _sum(lambda process: process.uss, mapped) if complete else None,
        "mem_t": min(read) if read and complete else None,
        "ctx": total.switches,
        "fds": _sum(lambda process: process.fds, processes),
        "procs": len(processes),
        "threads": sum(process.threads for process in processes),
    }


def _sum(value: Callable[[Process], int | None], processes: Sequence[Process]) -> int | None:
    """Return the sum, or None if one of the values is unknown: half a sum would pass for a whole one."""
    values = [value(process) for process in processes]
    return None if None in values else sum(item for item in values if item is not None)
