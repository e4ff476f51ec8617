"""Turns of tests that run side by side: one that measures has the machine for itself."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Turns:
    """One worker's share in the turns. The locks are two folders that are there, so nothing is left of them."""

    def __init__(self, door: Path, room: Path) -> None:
        # Who waits holds the door: one that wants to be alone is not passed by others again and again.
        self._door, self._room = (os.open(folder, os.O_RDONLY) for folder in (door, room))
        self._alone = False

    def take(self, *, alone: bool) -> None:
        """Wait until it is this worker's turn; one that is alone and wants to stay so does not wait."""
        if alone and self._alone:
            return
        fcntl.flock(self._door, fcntl.LOCK_EX)
        fcntl.flock(self._room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(self._door, fcntl.LOCK_UN)
        self._alone = alone

    def give(self) -> None:
        """Let others have their turn."""
        fcntl.flock(self._room, fcntl.LOCK_UN)
        self._alone = False
