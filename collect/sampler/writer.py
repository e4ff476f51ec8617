"""The samples on disk: a JSON line a tick, in segments of a minute, of which the old ones are deleted.

A line is written whole by one system call, so that the death of the sampler costs no line but the one under way. A full
disk costs the lines that do not fit, and the next that does says how many; the sampler goes on.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import sys
from pathlib import Path
from typing import Any, Iterator

SEGMENT_S = 60
SEGMENT_NAME = re.compile(r"samples-(\d+)\.jsonl")
LIVE_BYTES = 1 << 20

encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def segments(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yield the segments of a folder with the minute (unix time / 60 s) that each covers, in order."""
    found = [(SEGMENT_NAME.fullmatch(path.name), path) for path in folder.iterdir()]
    yield from sorted((int(match[1]), path) for match, path in found if match)


class Line:
    """Appends whole lines to a file."""

    def __init__(self, path: Path) -> None:
        """Open the file for appending, and cut off what an earlier writer left of a line. Raises ``OSError``."""
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self.size = os.fstat(self._fd).st_size
        self._cut_torn_tail()

    def append(self, line: bytes) -> None:
        """Write the line or nothing of it. Raises ``OSError``."""
        written = os.write(self._fd, line)
        if written < len(line):  # the disk filled up in the middle
            os.ftruncate(self._fd, self.size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.size += written

    def truncate(self) -> None:
        """Empty the file."""
        os.ftruncate(self._fd, 0)
        self.size = 0

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _cut_torn_tail(self) -> None:
        step = 1 << 16
        end = self.size
        while end:
            start = max(0, end - step)
            newline = os.pread(self._fd, end - start, start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < self.size:
            os.ftruncate(self._fd, end)
            self.size = end


class SampleWriter:
    """Writes the samples' segments."""

    def __init__(self, folder: Path, keep_hours: float) -> None:
        """Take the folder, which has to exist."""
        self._folder = folder
        self._keep_minutes = keep_hours * 60
        self._segment = -1
        self._line: Line | None = None
        self.dropped = 0

    def write(self, tick_s: float, row: dict[str, Any]) -> None:
        """Append the row of a tick to its segment, with the number of rows lost since the last that was written."""
        row["dropped"] = self.dropped
        try:
            self._file(int(tick_s // SEGMENT_S)).append(encode(row).encode() + b"\n")
        except OSError as error:
            self.dropped += 1
            if self.dropped == 1:
                sys.stderr.write(f"samples are lost: {error.strerror} ({self._folder}): make room there\n")
            return
        if self.dropped:
            sys.stderr.write(f"samples are kept again after {self.dropped} lost ones\n")
            self.dropped = 0

    def close(self) -> None:
        """Close the segment."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _file(self, segment: int) -> Line:
        if self._line is None or segment != self._segment:
            self.close()
            # First, since it may be what makes room.
            self._delete_old(segment)
            self._line = Line(self._folder / f"samples-{segment}.jsonl")
            self._segment = segment
        return self._line

    def _delete_old(self, segment: int) -> None:
        with contextlib.suppress(OSError):
            for minute, path in segments(self._folder):
                if minute < segment - self._keep_minutes:
                    path.unlink()


class LiveWriter:
    """Writes the short lines that a screen follows; begun anew at a start and whenever it has grown large."""

    def __init__(self, path: Path, limit: int = LIVE_BYTES) -> None:
        """Open the file and empty it. Raises ``OSError``."""
        self._line = Line(path)
        self._line.truncate()
        self._limit = limit

    def write(self, row: dict[str, Any]) -> None:
        """Append the row; if that fails nobody sees it, which is all that is lost."""
        with contextlib.suppress(OSError):
            if self._line.size > self._limit:
                self._line.truncate()
            self._line.append(encode(row).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._line.close()
