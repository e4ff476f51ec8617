"""Small curves of block characters, for a line of text."""

from __future__ import annotations

from collections.abc import Sequence

LEVELS = "▁▂▃▄▅▆▇█"
NOTHING = " "
FULL, EMPTY = "█", "░"


def curve(values: Sequence[float | None], top: float, width: int) -> str:
    """Return the last ``width`` values as blocks, full at ``top``; a blank where there is no value, or none yet."""
    if width <= 0:
        return ""
    return "".join(_block(value, top) for value in values[-width:]).ljust(width, NOTHING)


def bar(share: float, width: int) -> str:
    """Return a bar that is filled to a share of its width."""
    filled = round(min(1.0, max(0.0, share)) * width)
    return FULL * filled + EMPTY * (width - filled)


def _block(value: float | None, top: float) -> str:
    if value is None:
        return NOTHING
    share = min(1.0, max(0.0, value / top)) if top > 0 else 0.0
    return LEVELS[round(share * (len(LEVELS) - 1))]
