"""Which C library what is packed needs: the newest version that a symbol of it is bound to."""

from __future__ import annotations

import contextlib
import mmap
import re
from pathlib import Path

BOUND = re.compile(rb"\0GLIBC_(\d{1,2})\.(\d{1,3})(?:\.\d+)?(?=\0)")
"""A name in a program's table of versions. The library that it was linked against may be newer than all it needs."""


def needed_libc(archive: Path) -> str:
    """Return what the programs in a tar that is not compressed need, such as ``glibc-2.17``; empty if not told."""
    with contextlib.suppress(OSError, ValueError), archive.open("rb") as file:  # an empty file has nothing to map
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        found = {(int(match[1]), int(match[2])) for match in BOUND.finditer(content)}
        if found:
            return "glibc-{}.{}".format(*max(found))
    return ""
