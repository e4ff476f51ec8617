"""What is on record of the looks at a run that is measured until its ratios are known.

``run.json`` holds under ``precision``, and the manifest of the sealed run after it:

    wanted, time_limit_s, most_blocks      as the run was begun
    looks        a look each: block, measured_s, final, and of each ratio: top, bottom, blocks, ratio, deviation (of the
                 log ratios over blocks), level (two-sided, of this look alone), critical, half_width (of the log ratio)
    decided      the last block after which it was decided whether to go on
    measured_s, decided_at_s   seconds of measuring up to then over all sessions, and when that was
    timed_blocks, timed_s      blocks that were seen from their begin on, and how long they took together
    expected_block    after which block it is expected to end
    stopped      null while it goes on; else block and reason: precise, time, blocks or interrupted
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KEY = "precision"
PRECISE, TIME, BLOCKS, INTERRUPTED = "precise", "time", "blocks", "interrupted"

Ratio = Mapping[str, Any]
"""What a look found of one ratio."""


def last_block(facts: Mapping[str, Any]) -> int | None:
    """Return the block after which a run was stopped, by what its run.json holds; None while it goes on."""
    stopped = (facts.get(KEY) or {}).get("stopped")
    return int(stopped["block"]) if stopped else None


def level_of(manifest: Mapping[str, Any], top: str, bottom: str) -> float | None:
    """Return the level of the last look at a ratio of two cells by name; None where nothing was looked at on the way.

    A ratio that was not asked for has the smallest one: through those that were, the looks may have been at it, too.
    """
    looks = (manifest.get(KEY) or {}).get("looks") or []
    ratios = looks[-1]["ratios"] if looks else []
    own = [found for found in ratios if is_of(found, top, bottom)]
    return min((found["level"] for found in own or ratios if found["level"] is not None), default=None)


def blocks_of(manifest: Mapping[str, Any]) -> int:
    """Return how many blocks a sealed run was to have: as planned, or those after which it stopped."""
    last = last_block(manifest)
    return int(manifest["plan"]["blocks"]) if last is None else last


def is_of(ratio: Ratio, top: str, bottom: str) -> bool:
    """Say whether what was found is of the ratio of two cells by name."""
    return (ratio["top"], ratio["bottom"]) == (top, bottom)
