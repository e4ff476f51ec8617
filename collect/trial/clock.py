"""The offset between two clocks from round trips over a line that is open anyway."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

ROUND_TRIPS = 8


@dataclass(frozen=True)
class Offset:
    """A remote clock against the control node's, both in seconds since the epoch.

    ``offset_s`` is remote minus control; the truth lies within ``uncertainty_s`` of it, whatever the two directions of
    the path took, because half the shortest round trip bounds the error (Cristian 1989, "Probabilistic clock
    synchronization").
    """

    offset_s: float
    uncertainty_s: float
    measured_unix_s: float


def measure(ask: Callable[[], float], now: Callable[[], float], round_trips: int = ROUND_TRIPS) -> Offset:
    """Ask the remote clock ``round_trips`` times and keep the answer with the shortest round trip."""
    best: Offset | None = None
    for _ in range(round_trips):
        sent = now()
        remote = ask()
        received = now()
        half = (received - sent) / 2
        if best is None or half < best.uncertainty_s:
            best = Offset(remote - (sent + half), half, received)
    assert best is not None, "at least one round trip"
    return best
