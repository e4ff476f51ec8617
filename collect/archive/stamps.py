"""How a run's files are known to be those that were read before, without opening them.

A stamp has of each file the moment of its last change, its size, its inode and the inode's own moment of change, which
nobody can set. A file that was changed a moment ago may be changed again within the same tick of the disk's clock, and
nothing of that would show: what is read of it is not kept until the file has been at rest for a while.
"""

from __future__ import annotations

import itertools
import os
import stat
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from collect.archive.store import run_names
from collect.archive.sums import NAME as SUMS

NAMES = (SUMS, "manifest.json", "trials.parquet")
"""The files of a run that what is said of it is made from."""
SETTLED_NS = 2_000_000_000
"""For how long a file must have been at rest; more than any file system's clock is coarse."""
SLOW_S = 25e-6
"""A run: what is in memory takes 8 us. With more than this the disk itself is asked, and several at a time are answered
sooner: 30,000 files took 1.05 s one by one, 0.48 s by four threads, 0.63 s by sixteen, which wait for each other."""
THREADS = 4
AT_A_TIME = 64
NOT_THERE = (0, 0, 0, 0)

Stamp = list[int]
"""Four numbers a file: mtime_ns, size, inode, ctime_ns; all 0 for one that is not there."""


def scan(archive: Path, newest: int | None = None) -> dict[str, Stamp]:
    """Return the stamps of all sealed runs, or the newest, the oldest first; OSError where they cannot be listed."""
    names = run_names(archive)[-(newest or 0) :]
    stamps = _asked(os.fspath(archive), names)
    return {name: found for name, found in zip(names, stamps, strict=True) if found is not None}


def stamp_of(folder: str) -> Stamp | None:
    """Return a run's stamp; None for one that is not sealed."""
    stamp: Stamp = []
    for name in NAMES:
        try:
            said = os.stat(f"{folder}/{name}")  # noqa: PTH116 (tens of thousands of times)
        except OSError:
            if name == SUMS:
                return None
            stamp += NOT_THERE
            continue
        if name == SUMS and not stat.S_ISREG(said.st_mode):
            return None
        stamp += (said.st_mtime_ns, said.st_size, said.st_ino, said.st_ctime_ns)
    return stamp


def file_stamp(path: Path) -> Stamp:
    """Return the stamp of one file; OSError where it is not there."""
    said = path.stat()
    return [said.st_mtime_ns, said.st_size, said.st_ino, said.st_ctime_ns]


def settled(stamp: Stamp, now_ns: int) -> bool:
    """Say whether files have been at rest for long enough at a moment (unix nanoseconds)."""
    return max(stamp[3::4]) < now_ns - SETTLED_NS


def _asked(archive: str, names: Sequence[str]) -> list[Stamp | None]:
    """Return the stamp of each; by several threads from where the disk has to be waited for."""

    def ask(some: Sequence[str]) -> list[Stamp | None]:
        return [stamp_of(f"{archive}/{name}") for name in some]

    found: list[Stamp | None] = []
    parts = iter([names[at : at + AT_A_TIME] for at in range(0, len(names), AT_A_TIME)])
    for part in parts:
        began = time.perf_counter()
        found += ask(part)
        if time.perf_counter() - began > SLOW_S * len(part):
            break
    with ThreadPoolExecutor(THREADS) as pool:
        return [*found, *itertools.chain.from_iterable(pool.map(ask, parts))]
