"""What all pictures of a report share, without the library that draws them: it takes long to import.

Colours: Okabe and Ito, told apart by the colour-blind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C8C",
)  # fmt: skip
UNITS = {
    "app": BLUE, "redis": VERMILLION, "relay": SKY, "database": ORANGE, "generator": GREEN, "collector": PURPLE,
    "other": GREY,
}  # fmt: skip
VARIANTS = (VERMILLION, BLUE, GREEN, ORANGE, PURPLE, SKY, GREY)
DASHES = ("solid", "dashed", "dotted", "dotdash", "dashdot")
TEXT = "#7a7a7a"
"""Legible on light and dark alike; a page puts its own grey for it (report_script.js.j2)."""


@dataclass(frozen=True)
class Chart:
    """One picture: its caption, its bokeh figure, and its data as a table."""

    title: str
    note: str
    plot: Any
    head: Sequence[str]
    body: Sequence[Sequence[Any]]


def colors(count: int) -> list[str]:
    """Return the colours of that many variants."""
    return [VARIANTS[index % len(VARIANTS)] for index in range(count)]
