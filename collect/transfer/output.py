"""What is written for others is there in whole or not at all, and never within a sealed run."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from collect.archive.durable import fsync_path, fsync_tree
from collect.archive.sums import NAME as SUMS
from collect.errors import BenchError
from collect.paths import shown

REMEDY = "choose another with -o"


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield where to make a file or a folder that appears at ``path`` when it is complete.

    A file of that name is replaced (of a link, what it leads to), a folder is not. Of a failure nothing is left.

    Raises BenchError where it cannot be written.
    """
    target = path.resolve()
    _check(target, shown(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        if temporary.is_dir():
            fsync_tree(temporary)
        else:
            fsync_path(temporary)
        temporary.rename(target)
        fsync_path(target.parent)
    except OSError as error:
        raise BenchError(f"cannot write: {error.strerror or error}", shown(path), REMEDY) from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def _check(target: Path, where: str) -> None:
    """Raise BenchError where nothing may be written."""
    if target.exists() and not target.is_file():
        raise BenchError("there is something that is no file", where, REMEDY)
    if any((parent / SUMS).is_file() for parent in target.parents):
        raise BenchError("this is within a sealed run", where, f"a sealed run is never changed; {REMEDY}")
