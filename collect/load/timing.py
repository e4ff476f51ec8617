"""Where the window lies, by whose clock, and what the latencies of a second come to."""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Callable


def window_start(ready: float, warmup_s: float, align_s: float) -> float:
    """Return the first multiple of ``align_s`` that leaves the warm-up its time (seconds since the epoch)."""
    # Rounded before it is raised: the quotient of two floats may lie a hair above the multiple that it means.
    return math.ceil(round((ready + warmup_s) / align_s, 4)) * align_s


def percentile_ms(latencies: array[float], share: float) -> float | None:
    """Return a percentile (nearest rank) in milliseconds of latencies in seconds, None where there are none."""
    ordered = sorted(latencies)
    return round(ordered[math.ceil(share * len(ordered)) - 1] * 1000, 3) if ordered else None


class FarClock:
    """Another host's wall clock: told once, and carried on by this host's monotonic clock.

    So it may be any time here, and this host's clock may be set meanwhile. It is late by the message's way.
    """

    def __init__(self, told_unix_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Take what the other clock showed a moment ago (seconds since the epoch)."""
        self._monotonic = monotonic
        self._behind_s = told_unix_s - monotonic()

    def now(self) -> float:
        """Return what the other clock shows now."""
        return self._behind_s + self._monotonic()

    def until(self, unix_s: float) -> float:
        """Return the seconds until the other clock shows ``unix_s``; 0 where it has passed."""
        return max(0.0, unix_s - self.now())
