"""USS and PSS of the processes, at a pace of their own: they cost as much as everything else of a tick together."""

from __future__ import annotations

import time
from typing import Sequence

from .config import OTHER
from .process import Process
from .procfs import read_file

OTHER_FACTOR = 12
"""How much slower the processes of no named unit are read."""


class MemoryPace:
    """Reads /proc/PID/smaps_rollup, a few processes at a time."""

    def __init__(self, interval_s: float, memory_interval_s: float) -> None:
        """Take the seconds between two ticks and between two readings of a process."""
        self._memory_interval_s = memory_interval_s
        self._share = min(1.0, interval_s / memory_interval_s)

    def refresh(self, processes: Sequence[Process], until: float) -> int:
        """Read the processes that are due, until the monotonic time ``until`` at the latest; return how many.

        Per call no more than one tick's share of all, so that the cost is the same at each; our own units go first,
        and of these those never read.
        """
        now = time.monotonic()
        due = sorted(
            (process for process in processes if not process.kernel and process.memory_due_at <= now),
            key=lambda process: (process.unit == OTHER, process.memory_due_at),
        )
        quota = 1 + int(len(processes) * self._share)
        count = 0
        for process in due[:quota]:
            if time.monotonic() >= until:
                break
            read(process)
            factor = OTHER_FACTOR if process.unit == OTHER else 1
            # A little early, so that the tick at which it is due is not the one after.
            process.memory_due_at = now + (self._memory_interval_s - 0.01) * factor
            count += 1
        return count


def read(process: Process) -> None:
    """Read the process's PSS and USS; None where the kernel has none or refuses it (CAP_SYS_PTRACE)."""
    try:
        process.pss, process.uss = parse(read_file(f"{process.folder}/smaps_rollup"))
    except (FileNotFoundError, PermissionError):
        process.pss = process.uss = None
    except OSError:  # it ends just now and has no memory any more
        process.pss = process.uss = 0
    process.memory_t = round(time.time(), 3)


def parse(text: bytes) -> tuple[int, int]:
    """Return PSS and USS in bytes from the text of smaps_rollup; USS is what the process alone maps."""
    kib = {}
    for line in text.splitlines()[1:]:
        key, _, rest = line.partition(b":")
        kib[key] = int(rest.split()[0])
    private = (b"Private_Clean", b"Private_Dirty", b"Private_Hugetlb")
    return kib.get(b"Pss", 0) * 1024, sum(kib.get(key, 0) for key in private) * 1024
