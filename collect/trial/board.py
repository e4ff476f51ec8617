"""Where the workers of one trial meet: a folder of small files, each written at once.

Ansible runs a task in one process per host. The server's worker and the clients' workers of a trial need to know when
the other side is ready, done or in trouble; all of them run on the control node, so files are enough.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


class AbortedError(Exception):
    """Another worker of this trial has given up; its reason is the message."""


class Board:
    """The notes of one attempt at a trial.

    A reason to give up stands beside the trial's folder and so ends the session: no host goes on to the next trial.
    """

    def __init__(self, folder: Path) -> None:
        """Use ``folder``, which is made if need be; its name must be of this attempt alone."""
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)

    def put(self, name: str, value: Any = None) -> None:
        """Leave a note that others see whole or not at all."""
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".")
        with os.fdopen(handle, "w") as file:
            json.dump(value, file)
        Path(temporary).replace(self.folder / name)

    def get(self, name: str) -> Any | None:
        """Return the note, or None where there is none yet."""
        with contextlib.suppress(FileNotFoundError):
            return json.loads((self.folder / name).read_text())
        return None

    def has(self, name: str) -> bool:
        """Say whether the note is there."""
        return (self.folder / name).exists()

    def abort(self, reason: str) -> None:
        """End the trial, and the session, for all; the first reason stands."""
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".")
        with os.fdopen(handle, "w") as file:
            json.dump(reason, file)
        with contextlib.suppress(FileExistsError):
            os.link(temporary, self._abort)
        Path(temporary).unlink()

    @property
    def aborted(self) -> str | None:
        """The reason why the session ended early, or None."""
        try:
            return str(json.loads(self._abort.read_text()))
        except FileNotFoundError:
            return None

    @property
    def _abort(self) -> Path:
        return self.folder.parent / "abort"

    def check(self) -> None:
        """Raise AbortedError when another worker has given up."""
        if (reason := self.aborted) is not None:
            raise AbortedError(reason)

    def wait(self, names: Iterable[str], timeout_s: float, idle: Callable[[], None] = lambda: None) -> list[str]:
        """Wait until all notes are there, calling ``idle`` ten times a second; return the names still missing."""
        deadline = time.monotonic() + timeout_s
        missing = [name for name in names if not self.has(name)]
        while missing and time.monotonic() < deadline:
            idle()
            time.sleep(0.1)
            missing = [name for name in missing if not self.has(name)]
        return missing
