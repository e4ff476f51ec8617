"""Space on the disk: whether an archive can take a run, found out before the first trial, and what files hold."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from collect.errors import BenchError
from collect.paths import shown

if TYPE_CHECKING:
    from collect.plan import Plan

REQUESTS_PER_S = 5000
"""More than any cell of the catalog reaches, so that the estimate errs on the safe side."""
BYTES_PER_REQUEST = 24 + 6
"""The raw row, and its share of requests.parquet, which is there at the same time while a run is sealed."""
BYTES_PER_S = 2 * 16 * 1024
"""Samples of two hosts."""
BYTES_PER_TRIAL = 3 * 2**20
"""Locust's own report, logs."""
FLOOR = 64 * 2**20


def bytes_needed(plan: Plan) -> int:
    """Return an upper estimate of the disk space that a run of the plan takes until it is sealed, in bytes."""
    from collect.plan import PROBES_PER_CELL  # lists of runs ask only what files hold

    trials = len(plan.trials()) + plan.probe * PROBES_PER_CELL * len(plan.cells)
    seconds = plan.estimate_s()  # a little more than there is load
    load = seconds * (REQUESTS_PER_S * BYTES_PER_REQUEST + BYTES_PER_S)
    return FLOOR + int(load) + trials * BYTES_PER_TRIAL


def check_archive_dir(folder: Path, plan: Plan | None = None) -> None:
    """Make the folder if need be; BenchError unless it can be written and has room for a run of the plan."""
    where = shown(folder)
    probe = folder / f".writable-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"x" * 4096)
        probe.unlink()
    except OSError as error:
        problem = f"archive_dir cannot be written: {error.strerror}"
        raise BenchError(problem, where, "choose another with -e archive_dir=") from error
    if plan is None:
        return
    free, needed = shutil.disk_usage(folder).free, bytes_needed(plan)
    if free < needed:
        problem = f"{_mib(free)} MiB are free, a run of this plan may take {_mib(needed)} MiB"
        raise BenchError(problem, where, "free some space, or choose another disk with -e archive_dir=")


def _mib(count: int) -> int:
    return count // 2**20


def bytes_of(path: Path) -> int:
    """Return what a file, or all files below a folder, hold, in bytes; what vanishes meanwhile counts for nothing."""
    if path.is_symlink() or not path.is_dir():
        return _size(os.fspath(path))
    # Tens of thousands of runs have a million files.
    return sum(_size(os.path.join(parent, name)) for parent, _, names in os.walk(path) for name in names)  # noqa: PTH118


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0
