"""One writer at a time where several would spoil it for each other, and what a disk refuses said in one line."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from collect.errors import BenchError
from collect.paths import shown

REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def locked(folder: Path, name: str) -> Iterator[None]:
    """Hold the lock ``name`` of a folder (an empty file in it), and wait for whoever has it.

    It ends with the process that holds it, however that ends. BenchError where the folder cannot be written.
    """
    with writing(folder):
        handle = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what a disk or its owner refuses into a BenchError about ``path``; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        remedy = "see that there is room, that the disk is not mounted read-only, and whose the archive is"
        raise BenchError(f"cannot write: {error.strerror}", shown(path), remedy) from error
