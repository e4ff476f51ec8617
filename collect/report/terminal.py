"""Figures and verdicts as cells of tables on the terminal."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from collect.report.figures import CellFigures
from collect.report.verdicts import CellVerdict
from collect.report.words import NOTHING, counted, number
from collect.statistics.intervals import Estimate

COLORS = {"server": "green", "client": "red", "between": "yellow", "unknown": "magenta"}
"""By where a verdict points."""


def plain_table(title: str) -> Table:
    """Return an empty table under its title."""
    return Table(
        title=f"\n{title}", title_justify="left", title_style="dim", box=SIMPLE_HEAD, padding=0, show_edge=False
    )


def verdict_text(verdict: CellVerdict) -> Text:
    """Return a verdict in its colour: its word, and on a second line how sure it is."""
    text = Text(verdict.short, style=COLORS[verdict.kind])
    return text.append(f"\n{verdict.certainty}", style="bold red" if verdict.refuted else "dim")


def rate(cell: CellFigures) -> Text:
    """Return a cell's rate."""
    if cell.rps is None:
        return Text("invalid", style="red")
    return Text(number(cell.rps.value, 1))


def sure(estimate: Estimate | None, digits: int = 2) -> Text:
    """Return a figure, and on a second line half of its interval where it has one."""
    text = Text(number(estimate.value if estimate else None, digits))
    half = estimate.half_width if estimate else None
    return text if half is None else text.append(f"\n± {half:.1%}", style="dim")


def failed(cell: CellFigures) -> Text:
    """Return how many requests failed, loud where any did."""
    return Text(f"{cell.failures:,}", style="red" if cell.failures else "")


def spread_or_blocks(cell: CellFigures) -> str:
    """Return half of the rate's interval in per cent, or of how few blocks it is."""
    if cell.rps is None:
        return NOTHING
    if cell.rps.half_width is None:
        return counted(cell.rps.blocks, "block")
    return f"± {cell.rps.half_width:.1%}"
