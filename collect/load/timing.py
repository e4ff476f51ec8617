"""Where the window lies, and what the latencies of a second come to."""

from __future__ import annotations

import math
from array import array


def window_start(ready: float, warmup_s: float, align_s: float) -> float:
    """Return the first multiple of ``align_s`` that leaves the warm-up its time (seconds since the epoch)."""
    # Rounded before it is raised: the quotient of two floats may lie a hair above the multiple that it means.
    return math.ceil(round((ready + warmup_s) / align_s, 4)) * align_s


def percentile_ms(latencies: array[float], share: float) -> float | None:
    """Return a percentile (nearest rank) in milliseconds of latencies in seconds, None where there are none."""
    ordered = sorted(latencies)
    return round(ordered[math.ceil(share * len(ordered)) - 1] * 1000, 3) if ordered else None
