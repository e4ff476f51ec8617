"""What all pages share: the archive, and how many of them may be drawn at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request

from collect.archive.store import Archive
from collect.errors import BenchError

AT_ONCE = 2
"""Pages drawn at a time: each may take all cores and much of the memory."""
PATIENCE_S = 60.0
LONGEST = 200
"""Characters of a value in an address that is still read."""


@dataclass(frozen=True, eq=False)
class Served:
    """One archive as it is served."""

    archive: Archive
    closing: Callable[[], bool]
    """Says whether the server is about to end, so that what has no end of its own ends."""
    stream_s: float
    """How long one stream of a run under way lasts at most; the browser then asks again."""
    _turns: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(AT_ONCE))
    _drawn: set[int] = field(default_factory=set)

    @property
    def busy(self) -> bool:
        """Say whether a page is being drawn."""
        return bool(self._drawn)

    @contextmanager
    def drawing(self, about: str) -> Iterator[None]:
        """Wait for a turn to read the archive's files and draw from them.

        Raises BenchError where the files of the run that it is ``about`` cannot be read, HTTPException (503) where the
        turn does not come.
        """
        import duckdb
        import pyarrow as pa

        if not self._turns.acquire(timeout=PATIENCE_S):
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "too much is being drawn: ask again in a minute")
        self._drawn.add(threading.get_ident())
        try:
            yield
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            remedy = "check it: `collect verify`; if it was removed meanwhile, go back to the list"
            raise BenchError("its files cannot be read", about, remedy) from error
        finally:
            self._drawn.discard(threading.get_ident())
            self._turns.release()

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


def asked(request: Request, name: str) -> str:
    """Return a parameter of the address without blanks around it, "" where there is none; HTTPException if too long."""
    return next(reversed(asked_each(request, name)), "")


def asked_each(request: Request, name: str) -> list[str]:
    """Return a parameter that may stand in the address several times; empty ones left out."""
    values = [value.strip() for value in request.query_params.getlist(name)]
    if any(len(value) > LONGEST for value in values):
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"{name} is longer than {LONGEST} characters")
    return [value for value in values if value]


def asked_number(request: Request, name: str, default: float) -> float:
    """Return a parameter that is a number; HTTPException (400) where it is none."""
    text = asked(request, name)
    try:
        return float(text) if text else default
    except ValueError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"{name} is no number") from error
