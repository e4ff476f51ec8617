"""Which runs were found to be as they were sealed, so that a verification of thousands can be gone on with.

A file of lines beside the index, which can be thrown away. A run counts as verified only while its SHA256SUMS are to
the byte what they were then, and of all its files size, inode and moments of change are, too. Only what was found right
is ever remembered.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

from collect.archive.stamps import SETTLED_NS
from collect.archive.sums import NAME as SUMS
from collect.archive.sums import files_below

FILE = "verified.jsonl"
VERSION = 1


def fingerprint(folder: Path) -> str | None:
    """Return what changes with the sums or any file of a run's folder; None where it cannot be told (yet).

    Taken before the files are read: what is changed while they are gives another one afterwards. A file that changed a
    moment ago may change again within the same tick of the disk's clock, so it must have been at rest for a while.
    """
    digest, now_ns, latest_ns = hashlib.sha256(), time.time_ns(), 0
    try:
        digest.update((folder / SUMS).read_bytes())
        for name in files_below(folder):
            said = (folder / name).lstat()
            # The moment of change of the inode can be set by nobody.
            figures = (said.st_mode, said.st_size, said.st_ino, said.st_mtime_ns, said.st_ctime_ns)
            digest.update(os.fsencode(name) + b"\0" + repr(figures).encode())
            latest_ns = max(latest_ns, said.st_ctime_ns)
    except OSError:
        return None
    return digest.hexdigest() if latest_ns < now_ns - SETTLED_NS else None


class Verified:
    """What is remembered of one archive. Where it cannot be written, nothing is, and nothing fails."""

    def __init__(self, folder: Path) -> None:
        """Take the folder for what can be made again (collect.paths.index_dir); it need not be there."""
        self._path = folder / FILE

    def known(self) -> dict[str, str]:
        """Return the fingerprints of the runs found right, by run; nothing from another version of this file."""
        known: dict[str, str] = {}
        with contextlib.suppress(OSError, ValueError):
            first, *lines = self._path.read_text(encoding="utf-8").splitlines()
            if _read(first).get("version") != VERSION:
                return {}
            for line in lines:
                said = _read(line)
                if isinstance(said.get("run_id"), str) and isinstance(said.get("fingerprint"), str):
                    known[said["run_id"]] = said["fingerprint"]
        return known

    def forget(self) -> bool:
        """Begin anew; say whether what comes will be remembered."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            begun = self._path.with_name(f".{FILE}.{os.getpid()}")
            begun.write_text(json.dumps({"version": VERSION}) + "\n", encoding="utf-8")
            begun.replace(self._path)
        except OSError:
            return False
        return True

    def add(self, run_id: str, fingerprint: str) -> None:
        """Remember that a run was found right while it had this fingerprint."""
        line = json.dumps({"run_id": run_id, "fingerprint": fingerprint}) + "\n"
        with contextlib.suppress(OSError):
            # A file that is not there has no first line, so it would count for nothing.
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            try:
                os.write(handle, line.encode())  # in one go: others may write, too
            finally:
                os.close(handle)


def _read(line: str) -> dict[str, Any]:
    """Return the object on a line; an empty one where there is none, as where a crash cut it."""
    with contextlib.suppress(ValueError, RecursionError):
        said = json.loads(line)
        if isinstance(said, dict):
            return said
    return {}
