"""A /proc made of ordinary files."""

from __future__ import annotations

import shutil
from pathlib import Path


class ProcTree:
    """Processes that exist as far as a reader of /proc can see."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "self").mkdir(parents=True)
        (root / "meminfo").write_text("MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 400 kB\n")

    def set(
        self,
        pid: int,
        user: int,
        system: int,
        cgroup: str = "/",
        name: str = "python3.8",
        started: int = 100,
        rss_pages: int = 10,
        threads: dict[int, tuple[int, int]] | None = None,
        flags: int = 0,
        fds: int = 3,
    ) -> None:
        """Create or change a process; CPU in clock ticks, threads as {tid: (ns, switches)}."""
        threads = threads or {pid: (user * 10_000_000, 1)}
        folder = self.root / str(pid)
        for tid, (cpu_ns, switches) in threads.items():
            task = folder / "task" / str(tid)
            task.mkdir(parents=True, exist_ok=True)
            (task / "schedstat").write_text(f"{cpu_ns} 0 {switches}\n")
        for gone in {path.name for path in (folder / "task").iterdir()} - {str(tid) for tid in threads}:
            shutil.rmtree(folder / "task" / gone)
        (folder / "fd").mkdir(exist_ok=True)
        for number in range(fds):
            (folder / "fd" / str(number)).touch()
        fields = [0] * 49
        fields[0:3] = [1, 1, 1]  # ppid, pgrp, session
        fields[5], fields[10], fields[11], fields[16] = flags, user, system, len(threads)
        fields[18], fields[20] = started, rss_pages
        (folder / "stat").write_text(f"{pid} ({name}) S {' '.join(map(str, fields))}\n")
        (folder / "cgroup").write_text(f"9:name=systemd:{cgroup}\n8:cpu:/\n0::{cgroup}\n")

    def kill(self, pid: int) -> None:
        """Remove a process."""
        shutil.rmtree(self.root / str(pid))
