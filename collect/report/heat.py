"""Heat maps: a rectangle for each place of a grid, its figure written in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from collect.report.chart import BLUE, GREEN, ORANGE, TEXT, VERMILLION

ROW_PX = 44
MIDDLE = "#eeeeec"
UNKNOWN = "#c9c9c9"
DARK, LIGHT = "#1c1c1e", "#ffffff"
FAR = math.log(8)
"""A log ratio from which on the colour is as strong as it gets: three doublings."""


@dataclass(frozen=True)
class Square:
    """One place: its column and row, what is written in it, its colour and what the pointer is told."""

    column: str
    row: str
    text: str
    color: str
    told: str
    strong: bool = False
    """Whether it has a frame."""


def heat_map(squares: Sequence[Square], columns: Sequence[str], rows: Sequence[str], *, x: str, y: str) -> Any:
    """Return a grid with the first row at the bottom."""
    from bokeh.models import ColumnDataSource, FactorRange, HoverTool

    from collect.report.charts import empty_figure

    plot = empty_figure(
        y,
        x=x,
        height=ROW_PX * len(rows) + 76,
        x_range=FactorRange(factors=list(columns)),
        y_range=FactorRange(factors=list(rows)),
    )
    data = {
        "x": [square.column for square in squares],
        "y": [square.row for square in squares],
        "text": [square.text for square in squares],
        "color": [square.color for square in squares],
        "ink": [ink(square.color) for square in squares],
        "frame": [TEXT if square.strong else square.color for square in squares],
        "style": ["bold" if square.strong else "normal" for square in squares],
        "told": [square.told for square in squares],
    }
    source = ColumnDataSource(data)
    drawn = plot.rect("x", "y", width=0.96, height=0.92, source=source, color="color", line_color="frame", line_width=2)
    plot.text(
        "x", "y", "text", source=source, text_color="ink", text_align="center", text_baseline="middle",
        text_font_size="13px", text_font_style="style",
    )  # fmt: skip
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=[("", "@told")]))
    plot.grid.visible = False
    for axis in (plot.xaxis, plot.yaxis):
        axis.major_tick_line_color = None
        axis.major_label_text_font_size = "12px"
    return plot


def ratio_color(log_ratio: float | None) -> str:
    """Return blue for a ratio above 1, red for one below, the paler the nearer."""
    if log_ratio is None:
        return UNKNOWN
    return _between(MIDDLE, BLUE if log_ratio > 0 else VERMILLION, min(1.0, abs(log_ratio) / FAR))


def share_color(share: float | None) -> str:
    """Return green for a share near 1, pale for one near 0."""
    return UNKNOWN if share is None else _between(MIDDLE, GREEN, min(1.0, max(0.0, share)))


def ink(color: str) -> str:
    """Return the colour of a text that can be read on another colour (its relative luminance as in WCAG 2.1)."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in _parts(color))
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return DARK if (luminance + 0.05) ** 2 > 1.05 * 0.05 else LIGHT


def ramp(count: int) -> list[str]:
    """Return that many colours from few to many, blue to orange: told apart by the colour-blind, on light and dark."""
    return [_between(BLUE, ORANGE, step / (count - 1)) for step in range(count)]


def _parts(color: str) -> list[int]:
    return [int(color[at : at + 2], 16) for at in (1, 3, 5)]


def _between(pale: str, strong: str, share: float) -> str:
    parts = zip(_parts(pale), _parts(strong), strict=True)
    return "#" + "".join(f"{round(one + (other - one) * share):02x}" for one, other in parts)
