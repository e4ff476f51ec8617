"""One process: what it has used, and how much of that is new since it was read last."""

from __future__ import annotations

import contextlib
import os

from .procfs import KeptFile, read_file

PF_KTHREAD = 0x00200000
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def counts_fds_by_size(proc: str) -> bool:
    """Return whether the size of a process's folder of open files is their number, for anyone to read (Linux 6.2)."""
    try:
        return os.stat(f"{proc}/self/fd").st_size > 0
    except OSError:
        return False


class Thread:
    """A thread's time on the CPU (ns) and how often it was given one, from /proc/PID/task/TID/schedstat."""

    __slots__ = ("cpu_ns", "file", "switches")

    def __init__(self, path: str) -> None:
        """Open the thread's file. Raises ``OSError``."""
        self.file = KeptFile(path, 128)
        self.cpu_ns = self.switches = 0

    def read(self) -> int:
        """Read again and return the new switches."""
        cpu_ns, _waited, switches = self.file.read().split()
        new = int(switches) - self.switches
        self.cpu_ns, self.switches = int(cpu_ns), int(switches)
        return new


class Process:
    """A process of this host, with its files of /proc open.

    CPU in clock ticks (1/100 s), as the kernel counts it: the process's threads, dead ones too, but not its children.
    ``switches`` counts how often its threads were given a CPU; a thread that lives between two ticks only is missing
    there, but not in the CPU.
    """

    def __init__(self, proc: str, pid: int) -> None:
        """Open the process. Raises ``OSError`` if it is gone."""
        self.pid = pid
        self.folder = f"{proc}/{pid}"
        self._stat = KeptFile(f"{self.folder}/stat")
        self._threads: dict[str, Thread] = {}
        self.unit = ""
        self.name = ""
        self.started = -1  # clock ticks after boot
        self.kernel = False
        self.user = self.system = self.rss = self.threads = self.switches = 0
        self.new_user = self.new_system = self.new_switches = 0
        self.fds: int | None = 0
        # When to look again, in monotonic seconds; kept here, decided by those who read.
        self.settled_at = self.due_at = self.memory_due_at = 0.0
        # Bytes; None until read, and where the kernel refuses it.
        self.pss: int | None = None
        self.uss: int | None = None
        self.memory_t: float | None = None  # unix seconds

    def read(self) -> None:
        """Read CPU, RSS and the number of threads. Raises ``OSError`` once the process is gone."""
        data = self._stat.read()
        end = data.rindex(b")")
        self.name = data[data.index(b"(") + 1 : end].decode(errors="replace")
        fields = data[end + 2 :].split(b" ", 22)
        user, system = int(fields[11]), int(fields[12])
        self.new_user, self.new_system = max(0, user - self.user), max(0, system - self.system)
        self.user, self.system = max(user, self.user), max(system, self.system)
        self.threads = int(fields[17])
        self.rss = int(fields[21]) * PAGE_BYTES
        if self.started < 0:
            self.started = int(fields[19])
            self.kernel = bool(int(fields[6]) & PF_KTHREAD)

    def read_threads(self) -> None:
        """Read each thread's schedstat, which costs a tenth of its status and is exact to the nanosecond."""
        tids = os.listdir(f"{self.folder}/task") if self.threads > 1 or len(self._threads) > 1 else [str(self.pid)]
        for gone in self._threads.keys() - set(tids):
            self._threads.pop(gone).file.close()
        self.new_switches = 0
        for tid in tids:
            with contextlib.suppress(OSError):  # a thread that ends now
                if tid not in self._threads:
                    self._threads[tid] = Thread(f"{self.folder}/task/{tid}/schedstat")
                self.new_switches += self._threads[tid].read()
        self.switches += self.new_switches

    def count_fds(self, by_size: bool) -> None:
        """Count the open files; None where that is refused (another user's process, without CAP_DAC_READ_SEARCH)."""
        path = f"{self.folder}/fd"
        try:
            self.fds = os.stat(path).st_size if by_size else len(os.listdir(path))
        except PermissionError:
            self.fds = None
        except OSError:
            self.fds = 0

    def read_cgroup(self) -> bytes:
        """Return /proc/PID/cgroup, empty if the process is gone."""
        try:
            return read_file(f"{self.folder}/cgroup")
        except OSError:
            return b""

    def thread_times(self) -> list[list[float]]:
        """Return [thread id, CPU seconds] of each thread alive."""
        return [[int(tid), round(thread.cpu_ns / 1e9, 6)] for tid, thread in self._threads.items()]

    def close(self) -> None:
        """Close the files of a process that is gone."""
        self._stat.close()
        for thread in self._threads.values():
            thread.file.close()
