"""Writing that survives a crash: nothing is visible under its name before all of it is on the disk."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from collect.errors import BenchError


def fsync_path(path: Path) -> None:
    """Bring a file's content, or a folder's list of names, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_tree(folder: Path) -> None:
    """Bring all files below a folder, then the folders from the innermost out, to the disk."""
    for parent, _, files in os.walk(folder, topdown=False):
        for name in files:
            path = Path(parent, name)
            if not path.is_symlink():
                fsync_path(path)
        fsync_path(Path(parent))


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file at once: readers see the old content or the new, also after a crash."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    fsync_path(path.parent)


def rename_durably(source: Path, target: Path) -> None:
    """Rename a file or folder whose content is on the disk already."""
    source.rename(target)
    fsync_path(target.parent)
    if source.parent != target.parent:
        fsync_path(source.parent)


def remove_tree(folder: Path) -> None:
    """Remove a folder so that no half of it is left under its name after a crash."""
    doomed = folder.with_name(f".{folder.name}.removed")
    if doomed.exists():
        shutil.rmtree(doomed)
    folder.rename(doomed)
    shutil.rmtree(doomed)


def json_bytes(value: Any) -> bytes:
    """Return JSON as the archive keeps it; NaN is refused, because other readers do not take it."""
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


@contextlib.contextmanager
def disk_errors(where: str) -> Iterator[None]:
    """Turn a full or read-only disk into a BenchError; what was finished before is untouched by it."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "free some space, then go on with -e resume=; finished trials are kept"
            raise BenchError("the disk is full", where, remedy) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise BenchError(f"cannot write: {error.strerror}", where, "choose another archive_dir") from error
        raise
