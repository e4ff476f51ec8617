"""How sure a trial's own figures are, from the raw requests of its window, and whether its warm-up was long enough."""

from __future__ import annotations

import numpy as np

from collect.archive.raw import RawTrial
from collect.archive.window import Window, in_window, microseconds
from collect.statistics.quantiles import quantile_interval
from collect.statistics.rates import part_count, parts_of, rate_interval
from collect.statistics.warmup import Head, head_of

BOUNDED = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
"""The percentiles that have an interval."""


def sureness(raw: RawTrial, window: Window, head: Head | None) -> dict[str, float | None]:
    """Return the bounds of rate and percentiles, and the seconds that the rate took to settle; None for not known.

    ``head`` is what ``settling`` found.
    """
    inside = in_window(raw, window) & raw.requests.good
    ends = raw.requests.end[inside]
    low, high = rate_interval(ends, window.t1, window.t2) or (None, None)
    row: dict[str, float | None] = {"rps_low": low, "rps_high": high}
    parts = part_count(window.length_s, len(ends))
    latency, part = microseconds(raw.requests.latency[inside]), parts_of(ends, window.t1, window.t2, max(1, parts))
    for name, share in BOUNDED.items():
        bounds = quantile_interval(latency, part, parts, share) if parts else (None, None)
        for side, bound in zip(("low", "high"), bounds, strict=True):
            row[f"latency_{name}_{side}_ms"] = None if bound is None else float(bound) / 1000
    return row | {"warmup_found_s": None if head is None else head.share * window.length_s}


def settling(raw: RawTrial, window: Window) -> Head | None:
    """Return the head of the window that ought to have been warm-up (see collect.statistics.warmup)."""
    ends = raw.requests.end[in_window(raw, window) & raw.requests.good]
    parts = part_count(window.length_s, len(ends))
    if not parts:
        return None
    counts = np.bincount(parts_of(ends, window.t1, window.t2, parts), minlength=parts).astype(np.float64)
    return head_of(counts * (parts / window.length_s))
