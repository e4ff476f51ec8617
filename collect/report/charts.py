"""The pictures of a report, each with its data as a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bokeh.models import ColumnDataSource, HoverTool, NumeralTickFormatter
from bokeh.models.annotations import BoxAnnotation, Legend, LegendItem, Span
from bokeh.models.renderers import GlyphRenderer
from bokeh.plotting import figure

from collect.report.chart import DASHES, SKY, TEXT, Chart, colors
from collect.report.figures import CellFigures, Row
from collect.report.series import Line
from collect.report.thin import SAID

TOOLS = "box_zoom,xpan,reset,save"
IDENTITIES = ("id", "root", "root_id")
"""Keys of a document under which the identity of a model is."""
IN_A_ROW = 4
"""So many names stand beside one another above a chart, so that they fit a narrow window."""


def rate_chart(title: str, cells: Sequence[tuple[CellFigures, Sequence[Row]]], lines: Mapping[str, Line]) -> Chart:
    """Draw requests per second over time, a line a trial."""
    plot = empty_figure("requests/s", x="seconds since the window began")
    _trial_lines(plot, cells, lines)
    _window(plot, max(row["window_s"] for _, rows in cells for row in rows))
    note = "Right answers in each whole second, from the raw requests. The window is shaded; a line a block."
    note += _shortened(cells, lines)
    return Chart(title, note, plot, *_by_second(cells, lines))


def socket_chart(
    title: str, cells: Sequence[tuple[CellFigures, Sequence[Row]]], lines: Mapping[str, Line], ports: int | None
) -> Chart:
    """Draw the client's sockets in TIME_WAIT, each of which holds a port for 60 s; ``ports`` are the usable ones."""
    plot = empty_figure("sockets in TIME_WAIT", x="seconds since the window began")
    _trial_lines(plot, cells, lines)
    _window(plot, max(row["window_s"] for _, rows in cells for row in rows))
    note = "On the client that has most of them; each holds a port for 60 s, or for as long as its profile says."
    note += _shortened(cells, lines)
    most = max((value for line in lines.values() for value in line.values), default=0)
    if ports and most > ports / 4:
        plot.add_layout(Span(location=ports, dimension="width", line_color=TEXT, line_dash="dashed"))
        plot.y_range.end = max(ports, most) * 1.05
        note += f" The dashed line is the number of usable ports, {ports:,}."
    return Chart(title, note, plot, *_by_second(cells, lines))


def latency_chart(
    title: str, cells: Sequence[CellFigures], curves: Mapping[str, tuple[list[float], list[float]]]
) -> Chart:
    """Draw each cell's latency by percentile, the tail stretched."""
    # The axis counts nines: at 1 lie 90 %, at 2 99 %, and so on.
    plot = empty_figure("latency, ms", x="share of requests at most as slow", y_axis_type="log")
    items = []
    for color, cell in zip(colors(len(cells)), cells, strict=True):
        if cell.name not in curves:
            continue
        shares, values = curves[cell.name]
        percents = [round(100 * share, 6) for share in shares]
        data = {"nines": [round(_nines(share), 4) for share in shares], "percent": percents, "ms": values}
        line = plot.line("nines", "ms", source=ColumnDataSource(data), color=color, line_width=2)
        items.append(LegendItem(label=_label(cell), renderers=[line]))
    plot.add_tools(HoverTool(tooltips=[("share", "@percent{0.00[00]} %"), ("latency", "@ms{0.00} ms")], mode="mouse"))
    ticks = {0: "0 %", 1: "90 %", 2: "99 %", 3: "99.9 %", 4: "99.99 %", 5: "99.999 %"}
    plot.xaxis.ticker = list(ticks)
    plot.xaxis.major_label_overrides = ticks
    plot.x_range.start = 0
    drawn = [value for cell in cells if cell.name in curves for value in curves[cell.name][1]]
    if drawn:
        plot.y_range.start, plot.y_range.end = max(min(drawn) / 1.2, 0.001), max(drawn) * 1.2
    log_latency_axis(plot)
    add_legend(plot, items)
    body = [
        [cell.variant, round(100 * share, 6), value]
        for cell in cells
        if cell.name in curves
        for share, value in zip(*curves[cell.name], strict=True)
    ]
    note = (
        "Exact percentiles of all right answers in the windows of the cell's trials. The largest value ends the line."
    )
    return Chart(title, note, plot, ["variant", "share, %", "latency, ms"], body)


def empty_figure(y: str, *, x: str, height: int = 300, tools: str = TOOLS, **options: Any) -> Any:
    """Return a figure without data in the report's own style."""
    plot = figure(
        height=height, sizing_mode="stretch_width", tools=tools, active_drag=None, **options
    )  # fmt: skip
    plot.toolbar.autohide, plot.toolbar.logo = True, None
    plot.background_fill_alpha = plot.border_fill_alpha = 0
    plot.outline_line_color = None
    plot.min_border_right = 12
    for axis, label in ((plot.xaxis, x), (plot.yaxis, y)):
        axis.axis_label, axis.axis_label_text_font_style = label, "normal"
        axis.axis_label_text_color = axis.major_label_text_color = TEXT
        axis.axis_line_color = axis.major_tick_line_color = TEXT
        axis.minor_tick_line_color = None
    plot.grid.grid_line_color, plot.grid.grid_line_alpha = TEXT, 0.25
    return plot


def log_latency_axis(plot: Any) -> None:
    """Give a log axis of milliseconds ticks that read as figures."""
    plot.yaxis.ticker = [digit * 10.0**power for power in range(-3, 6) for digit in (1, 2, 5)]
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0.[000]")


def lean(plot: Any) -> Any:
    """Return a figure without the glyphs of what is selected or muted: nothing in a report is, and they are large."""
    for drawn in plot.renderers:
        if isinstance(drawn, GlyphRenderer):
            drawn.nonselection_glyph = drawn.muted_glyph = None
    return plot


def numbered(document: Any) -> Any:
    """Return a document of bokeh as JSON, its models numbered as they come; bokeh itself counts on from page to page.

    So the same run has the same page, to the byte.
    """
    names: dict[str, str] = {}

    def walked(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: named(each) if key in IDENTITIES and each else walked(each) for key, each in value.items()}
        if isinstance(value, list | tuple) and any(isinstance(each, dict | list | tuple) for each in value):
            return [walked(each) for each in value]
        return value

    def named(identity: str) -> str:
        return names.setdefault(identity, f"m{len(names) + 1}")

    return walked(document)


def _trial_lines(plot: Any, cells: Sequence[tuple[CellFigures, Sequence[Row]]], lines: Mapping[str, Line]) -> None:
    items = []
    for color, (cell, rows) in zip(colors(len(cells)), cells, strict=True):
        drawn = [row for row in rows if row["trial_id"] in lines]
        # All lines of a cell are one glyph: a page of hundreds of trials stays small.
        data = {
            "at_s": [lines[row["trial_id"]].at_s for row in drawn],
            "value": [lines[row["trial_id"]].values for row in drawn],
            "dash": [DASHES[(row["block"] - 1) % len(DASHES)] for row in drawn],
            "alpha": [0.25 if row["validity"] == "invalid" else 0.95 for row in drawn],
            "told": [_told(cell, row) for row in drawn],
        }
        made = [plot.multi_line(
            "at_s", "value", source=ColumnDataSource(data), color=color, line_width=1.8, line_dash="dash",
            line_alpha="alpha",
        )] if drawn else []  # fmt: skip
        items.append(LegendItem(label=_label(cell), renderers=made))
    tips = [("", "@told"), ("second", "$snap_x{0.0}"), ("", "$snap_y{0,0}")]
    plot.add_tools(HoverTool(tooltips=tips, mode="mouse", line_policy="nearest"))
    plot.y_range.start = 0
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0")
    add_legend(plot, items)


def add_legend(plot: Any, items: Sequence[LegendItem]) -> None:
    """Name what is drawn, above it."""
    legend = Legend(
        items=list(items), orientation="horizontal", background_fill_alpha=0, border_line_color=None,
        label_text_color=TEXT, label_text_font_size="12px", margin=4, spacing=10, glyph_width=16,
        ncols=min(IN_A_ROW, len(items)) or "auto",
    )  # fmt: skip
    plot.add_layout(legend, "above")


def _told(cell: CellFigures, row: Row) -> str:
    """Name a trial of a cell with what limited it."""
    return f"{cell.variant}, block {row['block']}: {', '.join(row.get('limited_by') or ['not judged'])}"


def _label(cell: CellFigures) -> str:
    """Name a cell with what limited it."""
    return f"{cell.variant}: {cell.verdict.short}"


def _window(plot: Any, window_s: float) -> None:
    plot.add_layout(BoxAnnotation(left=0, right=window_s, fill_color=SKY, fill_alpha=0.1, level="underlay"))


def _by_second(
    cells: Sequence[tuple[CellFigures, Sequence[Row]]], lines: Mapping[str, Line]
) -> tuple[list[str], list[list[Any]]]:
    """Return the lines as a table: a row a moment, a column a trial."""
    trials = [(cell, row) for cell, rows in cells for row in rows if row["trial_id"] in lines]
    head = ["second", *(f"{cell.variant}, block {row['block']}" for cell, row in trials)]
    columns = [
        {round(at, 1): value for at, value in zip(line.at_s, line.values, strict=True)}
        for line in (lines[row["trial_id"]] for _, row in trials)
    ]
    seconds = sorted({second for column in columns for second in column})
    return head, [[second, *(column.get(second) for column in columns)] for second in seconds]


def _shortened(cells: Sequence[tuple[CellFigures, Sequence[Row]]], lines: Mapping[str, Line]) -> str:
    drawn = [lines[row["trial_id"]] for _, rows in cells for row in rows if row["trial_id"] in lines]
    return f" {SAID}" if any(line.thinned for line in drawn) else ""


def _nines(share: float) -> float:
    return -math.log10(1 - share)
