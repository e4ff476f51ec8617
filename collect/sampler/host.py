"""The host's own CPUs and memory.

/proc/stat counts every CPU of the machine, also in a container, so CPU is summed over the host's CPU set only. Memory
and context switches are the kernel's: where hosts share a kernel, they share these figures.
"""

from __future__ import annotations

import os
import time
from typing import Any, Sequence

from .process import TICKS_PER_S
from .procfs import PROC, KeptFile, read_file

STATES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
NOT_BUSY = ("idle", "iowait", "steal")


class HostCpu:
    """CPU seconds by state over a CPU set. The kernel's ``user`` holds what guests used, too."""

    def __init__(self, cpus: Sequence[int], proc: str = PROC) -> None:
        """Take the CPU set and the root of the process file system. Raises ``OSError``."""
        self._file = KeptFile(f"{proc}/stat", 8192)
        self._names = {b"cpu%d" % cpu for cpu in cpus}

    def sample(self) -> dict[str, Any]:
        """Return the states in cumulative seconds, the number of CPUs they cover, and the kernel's context switches."""
        data = self._file.read()
        sums = [0] * len(STATES)
        covered = 0
        start = data.index(b"\n") + 1
        while data.startswith(b"cpu", start):
            end = data.index(b"\n", start)
            name, *values = data[start:end].split()
            if name in self._names:
                covered += 1
                sums = [total + int(value) for total, value in zip(sums, values)]
            start = end + 1
        at = data.index(b"\nctxt ") + 6
        return {
            "cpu": {state: total / TICKS_PER_S for state, total in zip(STATES, sums)},
            "cpus": covered,
            "ctx": int(data[at : data.index(b"\n", at)]),
        }


def busy_s(cpu: dict[str, float], cpus: int, earlier: dict[str, float], elapsed_s: float) -> float:
    """Return how many CPU seconds of ``elapsed_s`` the set was busy.

    From the idle time, which the kernel measures, rather than from the busy states, which it samples at its ticks.
    """
    idle = sum(cpu[state] - earlier[state] for state in NOT_BUSY)
    return min(max(cpus * elapsed_s - idle, 0.0), cpus * elapsed_s)


class Memory:
    """The kernel's memory, from /proc/meminfo: 20 us less per tick than psutil.virtual_memory, which reads the same."""

    def __init__(self, proc: str = PROC) -> None:
        """Take the root of the process file system. Raises ``OSError``."""
        self._file = KeptFile(f"{proc}/meminfo", 4096)

    def sample(self) -> dict[str, int]:
        """Return the memory in use and the memory available, in bytes."""
        data = self._file.read()
        total, available = (_kib(data, key) * 1024 for key in (b"MemTotal:", b"MemAvailable:"))
        return {"mem_used": total - available, "mem_available": available}


def _kib(data: bytes, key: bytes) -> int:
    at = data.index(key) + len(key)
    return int(data[at : data.index(b"kB", at)])


class Frequency:
    """The CPUs' frequency where the kernel tells it.

    Some kernels measure for 10 ms when asked, so a CPU is read between two ticks, and each once per ``pace_s``.
    """

    def __init__(self, cpus: Sequence[int], pace_s: float, sys: str = "/sys") -> None:
        """Find the CPUs that have a frequency."""
        paths = [f"{sys}/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq" for cpu in cpus]
        self._paths = [path for path in paths if os.access(path, os.R_OK)]
        self._mhz: dict[str, float] = {}
        self._pace_s = pace_s
        self._due: list[str] = []
        self._next_round = 0.0

    @property
    def mean_mhz(self) -> float | None:
        """The mean of the set as last read; None where there is no frequency."""
        return round(sum(self._mhz.values()) / len(self._mhz), 1) if self._mhz else None

    def refresh(self, until: float) -> None:
        """Read the CPUs that are due, until the monotonic time ``until``."""
        if not self._due and time.monotonic() >= self._next_round:
            self._due = list(self._paths)
            self._next_round = time.monotonic() + self._pace_s - 0.01
        while self._due and time.monotonic() < until:
            path = self._due.pop()
            try:
                self._mhz[path] = int(read_file(path, 32)) / 1000
            except (OSError, ValueError):  # the CPU went offline, or "<unknown>"
                self._mhz.pop(path, None)
