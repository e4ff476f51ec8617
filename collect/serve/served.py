"""What all pages share: the archive, and how many of them may be drawn at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request

from collect.archive.index import Entry, Index
from collect.archive.store import Archive
from collect.errors import BenchError
from collect.paths import shown
from collect.serve.asked import LONGEST

AT_ONCE = 2
"""Pages drawn at a time: each may take all cores and much of the memory."""
PATIENCE_S = 60.0


@dataclass(frozen=True, eq=False)
class Served:
    """One archive as it is served."""

    archive: Archive
    index: Index
    reports: Path | None
    """Where reports are kept that were drawn once; None for nowhere."""
    closing: Callable[[], bool]
    """Says whether the server is about to end, so that what has no end of its own ends."""
    stream_s: float
    """How long one stream of a run under way lasts at most; the browser then asks again."""
    _turns: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(AT_ONCE))
    _drawing: set[int] = field(default_factory=set)

    @property
    def busy(self) -> bool:
        """Say whether a page is being drawn."""
        return bool(self._drawing)

    @contextmanager
    def drawing(self, about: str) -> Iterator[None]:
        """Wait for a turn to read the archive's files and draw from them.

        Raises BenchError where the files of what it is ``about`` cannot be read, HTTPException (503) where the turn
        does not come.
        """
        import duckdb
        import pyarrow as pa

        if not self._turns.acquire(timeout=PATIENCE_S):
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "too much is being drawn: ask again in a minute")
        self._drawing.add(threading.get_ident())
        try:
            yield
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            remedy = "check it by `collect verify`; if it was removed meanwhile, go back to the list"
            raise BenchError("its files cannot be read", about, remedy) from error
        finally:
            self._drawing.discard(threading.get_ident())
            self._turns.release()

    def entries(self) -> Sequence[Entry]:
        """Return what there is of each sealed run, the oldest first; BenchError where the archive cannot be read."""
        try:
            return self.index.entries()
        except OSError as error:
            where, remedy = shown(self.archive.path), "see that it is there, and that it can be read"
            raise BenchError(f"the archive cannot be read: {error.strerror}", where, remedy) from error

    def run_id(self, run: str) -> str:
        """Return the id of the sealed run that an address means: an id, a prefix or "latest".

        Nothing of the address goes on to the disk; what is no run is HTTPException (404).
        """
        try:
            return self.archive.resolve(run[:LONGEST])
        except BenchError as error:
            raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from error


def served(request: Request) -> Served:
    """Return what the request's server serves."""
    found: Served = request.app.state.served
    return found
