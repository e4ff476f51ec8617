"""The rates of a workload as bars, with what limited each written at it, and the lines that it could not cross."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, NumeralTickFormatter
from bokeh.models.annotations import LegendItem, TeeHead, Whisker

from collect.report.ceilings import generator_ceiling
from collect.report.chart import GREEN, TEXT, Chart, colors
from collect.report.charts import add_legend, empty_figure
from collect.report.figures import CellFigures, RunFigures
from collect.report.words import number

ROW_PX = 46
BAR = 0.36
"""The height of a bar; the rest of its row is for its words."""


@dataclass(frozen=True)
class _Bar:
    label: str
    rate: float | None
    low: float | None
    high: float | None
    color: str
    ceiling: float | None
    article: float | None
    limited_by: str
    short: str
    measured: bool


def bar_chart(figures: RunFigures, workload: str) -> Chart:
    """Draw the article's figures and the cells of one workload, each with its generator's ceiling as a line."""
    cells = [cell for cell in figures.cells if cell.workload == workload]
    bars = _bars(figures, cells)
    plot = empty_figure("", x="requests/s", height=ROW_PX * len(bars) + 90)
    places = [len(bars) - index for index in range(len(bars))]
    most = max((value for bar in bars for value in (bar.rate, bar.high, bar.ceiling, bar.article) if value), default=1)
    _draw_bars(plot, bars, places)
    items = _draw_lines(plot, bars, places)
    words = {
        "x": [0.0] * len(bars),
        "y": [place + BAR / 2 + 0.04 for place in places],
        "text": [_words(bar) for bar in bars],
    }
    plot.text("x", "y", "text", source=ColumnDataSource(words), text_color=TEXT, text_font_size="12px", x_offset=1)
    plot.x_range.start, plot.x_range.end = 0, most * 1.06
    plot.y_range.start, plot.y_range.end = 1 - BAR, len(bars) + 1 - BAR / 2
    plot.yaxis.visible, plot.ygrid.visible = False, False
    plot.yaxis.ticker = FixedTicker(ticks=places)
    plot.xaxis.formatter = NumeralTickFormatter(format="0,0")
    plot.xaxis.ticker.desired_num_ticks = 5
    add_legend(plot, items)
    head = ["what", "requests/s", "from", "to", "generator's ceiling", "article", "limited by"]
    body = [[bar.label, bar.rate, bar.low, bar.high, bar.ceiling, bar.article, bar.limited_by] for bar in bars]
    note = (
        "Mean over blocks with its 95 % interval, and what limited it. The solid line is what the same generator"
        " reaches against a responder that costs nothing, the dotted one the article's figure."
    )
    return Chart(f"Requests per second and what limited them, workload {workload}", note, plot, head, body)


def _bars(figures: RunFigures, cells: Sequence[CellFigures]) -> list[_Bar]:
    """Return the article's bars, then the cells' by what they share, sync and async one under the other."""
    variants = list(dict.fromkeys(cell.variant for cell in cells))
    color = dict(zip(variants, colors(len(variants)), strict=True))
    bars = []
    for variant in variants:
        cell = next(cell for cell in cells if cell.variant == variant)
        if cell.article_rps:
            label = f"{variant}, the article says"
            rate = cell.article_rps
            told = "not told"
            bars.append(_Bar(label, rate, None, None, color[variant], None, None, told, told, measured=False))
    shared = list(dict.fromkeys((cell.generator, cell.users, cell.profile) for cell in cells))
    for cell in sorted(cells, key=lambda cell: shared.index((cell.generator, cell.users, cell.profile))):
        alike = [other for other in cells if (other.variant, other.profile) == (cell.variant, cell.profile)]
        several = f", {cell.generator}, {cell.users} users" if len(alike) > 1 else ""
        bars.append(
            _Bar(
                f"{cell.variant}, {cell.profile}{several}",
                cell.rps.value if cell.rps else None,
                cell.rps.low if cell.rps else None,
                cell.rps.high if cell.rps else None,
                color[cell.variant],
                generator_ceiling(figures, cell),
                cell.article_rps,
                cell.verdict.text,
                f"{cell.verdict.short} ({cell.verdict.certainty})",
                measured=True,
            )
        )
    return bars


def _words(bar: _Bar) -> str:
    if not bar.measured:
        return f"{bar.label}: {number(bar.rate, 0)}; limit not told"
    return f"{bar.label}: {bar.short if bar.rate is not None else 'no valid trial'}"


def _draw_bars(plot: Any, bars: Sequence[_Bar], places: Sequence[int]) -> None:
    data = {
        "y": places,
        "rate": [bar.rate or 0 for bar in bars],
        "color": [bar.color for bar in bars],
        "alpha": [0.9 if bar.measured else 0.25 for bar in bars],
        "label": [bar.label for bar in bars],
        "limited_by": [bar.limited_by for bar in bars],
        "ceiling": [number(bar.ceiling, 0) for bar in bars],
    }
    drawn = plot.hbar(
        y="y", right="rate", height=BAR, source=ColumnDataSource(data), fill_color="color", fill_alpha="alpha",
        line_color="color",
    )  # fmt: skip
    tips = [("", "@label"), ("requests/s", "@rate{0,0.0}"), ("limited by", "@limited_by"), ("ceiling", "@ceiling")]
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=tips))
    spans = [(place, bar.low, bar.high) for place, bar in zip(places, bars, strict=True) if bar.low is not None]
    if spans:
        ys, lows, highs = zip(*spans, strict=True)
        source = ColumnDataSource({"y": ys, "low": lows, "high": highs})
        head = TeeHead(size=8, line_color=TEXT)
        whisker = Whisker(
            base="y", lower="low", upper="high", source=source, dimension="width", line_color=TEXT, upper_head=head,
            lower_head=head,
        )  # fmt: skip
        plot.add_layout(whisker)


def _draw_lines(plot: Any, bars: Sequence[_Bar], places: Sequence[int]) -> list[LegendItem]:
    """Draw each bar's generator's ceiling and the article's figure as upright lines over it."""
    items = []
    for name, color, dash, values in (
        ("generator's ceiling", GREEN, "solid", [bar.ceiling for bar in bars]),
        ("the article's figure", TEXT, "dotted", [bar.article for bar in bars]),
    ):
        known = [(place, value) for place, value in zip(places, values, strict=True) if value]
        if not known:
            continue
        data = {
            "x": [value for _, value in known],
            "y0": [place - BAR * 0.75 for place, _ in known],
            "y1": [place + BAR / 2 for place, _ in known],
        }
        line = plot.segment(
            "x", "y0", "x", "y1", source=ColumnDataSource(data), line_color=color, line_width=4, line_dash=dash
        )
        items.append(LegendItem(label=name, renderers=[line]))
    return items
