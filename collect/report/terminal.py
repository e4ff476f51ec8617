"""Figures and verdicts as cells of tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Column, Table
from rich.text import Text

from collect.report.figures import CellFigures
from collect.report.verdicts import CellVerdict
from collect.report.words import NOTHING, counted, number
from collect.statistics.intervals import Estimate

COLORS = {"server": "green", "client": "red", "between": "yellow", "unknown": "magenta"}
"""By where a verdict points."""
WIDEST = 1000
"""Columns; no terminal is wider."""
CUT = "…"
"""Stands for what had no room."""
FOLDED = 12
"""Columns in which a name of a variant can still be read when it is folded."""


class Fitted(Table):
    """A table, or where it would have to cut its words to fit, what each row says line by line."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render it for the width that there is."""
        needed = sum(_needed(console, options, column) for column in self.columns) + len(self.columns) - 1
        if needed <= options.max_width:
            drawn = list(super().__rich_console__(console, options))
            if not any(isinstance(each, Segment) and CUT in each.text for each in drawn):
                return drawn
        return self._by_lines(console)

    def _by_lines(self, console: Console) -> Iterator[RenderableType]:
        if self.title:
            yield Text(str(self.title), style="dim")
        heads = [_in_line(console, column.header) for column in self.columns]
        for first, *others in zip(*(column.cells for column in self.columns), strict=True):
            yield _in_line(console, first)
            for head, cell in zip(heads[1:], others, strict=True):
                if said := _in_line(console, cell):
                    yield Padding(Text.assemble(head, ": " if head else "", said), (0, 0, 0, 2))


def plain_table(title: str) -> Table:
    """Return an empty table under its title."""
    return Fitted(
        title=f"\n{title}", title_justify="left", title_style="dim", box=SIMPLE_HEAD, padding=0, show_edge=False
    )


def _needed(console: Console, options: ConsoleOptions, column: Column) -> int:
    """Return the characters that a column needs, so that no word of it is cut but in what may be folded."""
    wide = options.update(max_width=WIDEST)
    sizes = [Measurement.get(console, wide, cell) for cell in (column.header, *column.cells)]
    if column.no_wrap:
        return max(size.maximum for size in sizes)
    least = max(size.minimum for size in sizes)
    return min(FOLDED, least) if column.overflow == "fold" else least


def _in_line(console: Console, cell: RenderableType) -> Text:
    """Return what a cell says, its lines side by side."""
    text = cell if isinstance(cell, Text) else console.render_str(str(cell))
    return Text(", ").join(line for line in text.split("\n") if line.plain.strip())


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
