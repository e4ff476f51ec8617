"""Writing live.jsonl, a line at a time, by whichever process of the control node has something to tell."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from collect.live.lines import LIVE, Line, encode


def append(folder: Path, line: Line) -> None:
    """Append a line to the folder's live.jsonl in one write.

    A full disk, or a folder that is gone, costs the line and nothing else: no trial fails for what is only shown.
    """
    with contextlib.suppress(OSError):
        handle = os.open(folder / LIVE, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            torn = b"\n" if _is_torn(handle) else b""
            os.write(handle, torn + encode(line))
        finally:
            os.close(handle)


def _is_torn(handle: int) -> bool:
    """Say whether the last line lacks its end: a crash or a full disk has cut it."""
    size = os.fstat(handle).st_size
    return size > 0 and os.pread(handle, 1, size - 1) != b"\n"
