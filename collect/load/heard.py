"""When the master last heard of each worker. Locust itself takes four seconds to miss one."""

from __future__ import annotations

import time
from collections.abc import Callable

BEAT_S = 0.5
"""A worker says so often that it is there."""
LOST_AFTER_S = 1.5
"""A worker that has not been heard of for so long is lost. With MIND_S: within two seconds."""
MIND_S = 0.2
"""So often the master looks who is lost."""


class Heard:
    """The workers by name, and when each was heard of last."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Nobody is there yet."""
        self._monotonic = monotonic
        self._ids: dict[str, str] = {}
        self._last: dict[str, float] = {}
        self._looked: float | None = None
        self.lost: set[str] = set()
        """Those that were found to be silent, or said to be gone."""

    def hello(self, name: str, client_id: str) -> None:
        """Take a worker that has come; one that comes again under its name takes the place of the one before."""
        self._ids[name] = client_id
        self.of(client_id)

    def of(self, client_id: str) -> None:
        """Note that a worker was heard of; what is no worker's is left out."""
        self._last[client_id] = self._monotonic()

    @property
    def names(self) -> set[str]:
        """The workers that have come."""
        return set(self._ids)

    def without(self, client_ids: set[str]) -> set[str]:
        """Return the workers that have come and are not among these."""
        return {name for name, client_id in self._ids.items() if client_id not in client_ids}

    def look(self, present: set[str]) -> set[str]:
        """Return the workers that are lost: not ``present`` (their ids, as Locust has it), or silent for too long.

        To be called each MIND_S. Where it was not, this process itself stood still, and what was said meanwhile may not
        be read yet: that time is no silence.
        """
        now = self._monotonic()
        still_s = 0.0 if self._looked is None else now - self._looked - MIND_S
        if still_s > MIND_S:
            self._last = {client_id: last + still_s for client_id, last in self._last.items()}
        self._looked = now
        silent = {name for name, client_id in self._ids.items() if now - self._last[client_id] > LOST_AFTER_S}
        self.lost |= silent | self.without(present)
        return set(self.lost)

    def awaited(self, done: set[str]) -> set[str]:
        """Return the workers whose end is still to be heard of: not among ``done`` (ids), and not lost."""
        return self.without(done) - self.lost
