"""The pictures that only pages of the server have: the ratios of a comparison, and a trend."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, NumeralTickFormatter
from bokeh.models.annotations import BoxAnnotation, LegendItem, Span, TeeHead, Whisker

from collect.compare.runs import Comparison
from collect.compare.trend import Trend
from collect.compare.words import ratio as ratio_in_words
from collect.report.chart import BLUE, GREEN, SKY, TEXT, VERMILLION, Chart
from collect.report.charts import add_legend, empty_figure

ROW_PX = 40


def ratio_chart(found: Comparison) -> Chart | None:
    """Draw each cell's ratio with its interval; None where no cell has one."""
    figures = [(cell, cell.figures[found.by.key]) for cell in found.cells]
    known = [(cell, each) for cell, each in figures if each.ratio is not None]
    if not known:
        return None
    plot = empty_figure("", x=f"{found.by.title}, second run over first", height=ROW_PX * len(known) + 90)
    places = [float(len(known) - index) for index in range(len(known))]
    colors = {found.by.rising: BLUE, found.by.falling: VERMILLION, "same": GREEN}
    data = {
        "ratio": [each.ratio for _, each in known],
        "place": places,
        "cell": [cell.cell for cell, _ in known],
        "told": [f"{ratio_in_words(each)}: {cell.verdict}" for cell, each in known],
        "color": [colors.get(cell.verdict, TEXT) for cell, _ in known],
    }
    source = ColumnDataSource(data)
    points = plot.scatter("ratio", "place", source=source, size=9, color="color")
    plot.add_tools(HoverTool(renderers=[points], tooltips=[("", "@cell"), ("", "@told")]))
    lows, highs = _ends(plot, known, places)
    values = [each.ratio for _, each in known if each.ratio is not None]
    least, most = min(*values, *lows, 1 / (1 + found.margin)), max(*values, *highs, 1 + found.margin)
    room = 0.05 * (most - least)
    plot.x_range.start, plot.x_range.end = least - room, most + room
    plot.y_range.start, plot.y_range.end = 0.4, len(known) + 0.9
    texts = ColumnDataSource({
        "x": [least - room] * len(known),
        "y": [place + 0.3 for place in places],
        "text": [f"{cell.verdict}: {cell.cell}" for cell, _ in known],
    })  # fmt: skip
    plot.text("x", "y", "text", source=texts, text_color=TEXT, text_font_size="12px", x_offset=2)
    plot.yaxis.visible, plot.ygrid.visible = False, False
    plot.yaxis.ticker = FixedTicker(ticks=places)
    plot.add_layout(Span(location=1, dimension="height", line_color=TEXT, line_dash="dashed"))
    same = BoxAnnotation(
        left=1 / (1 + found.margin), right=1 + found.margin, fill_color=SKY, fill_alpha=0.1, level="underlay"
    )
    plot.add_layout(same)
    note = f"The shaded span is what counts as the same, {100 * found.margin:g} % either way. Intervals hold together."
    body = [[cell.cell, each.first, each.second, each.ratio, each.low, each.high, cell.verdict] for cell, each in known]
    head = ["cell", "first", "second", "ratio", "from", "to", "verdict"]
    return Chart(f"{found.by.title}, {found.by.unit}: second over first", note, plot, head, body)


def trend_chart(found: Trend) -> Chart:
    """Draw a cell over its runs, with the level between its changes."""
    plot = empty_figure(f"{found.by.title}, {found.by.unit}", x="begin of the run (UTC)", x_axis_type="datetime")
    at = [1000 * datetime.fromisoformat(point.created_at).timestamp() for point in found.points]
    lows = [point.value if point.low is None else point.low for point in found.points]
    highs = [point.value if point.high is None else point.high for point in found.points]
    data = {
        "at": at,
        "value": [point.value for point in found.points],
        "low": lows,
        "high": highs,
        "level": [point.level for point in found.points],
        "run": [point.run_id for point in found.points],
        "code": [point.code for point in found.points],
    }
    # What is drawn beside the data, as intervals are, is not counted in by itself.
    plot.y_range.start, plot.y_range.end = _room(lows, highs)
    source = ColumnDataSource(data)
    level = plot.step("at", "level", source=source, mode="center", line_color=VERMILLION, line_width=2)
    points = plot.scatter("at", "value", source=source, size=7, color=BLUE)
    head = TeeHead(size=6, line_color=BLUE)
    plot.add_layout(
        Whisker(base="at", lower="low", upper="high", source=source, line_color=BLUE, upper_head=head, lower_head=head)
    )
    tips = [("", "@run"), ("commit", "@code"), (found.by.title, "@value{0,0.000}")]
    plot.add_tools(HoverTool(renderers=[points], tooltips=tips))
    begins = {point.run_id: moment for point, moment in zip(found.points, at, strict=True)}
    for turn in found.turns:
        plot.add_layout(Span(location=begins[turn.run_id], dimension="height", line_color=TEXT, line_dash="dashed"))
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0.[000]")
    add_legend(plot, [LegendItem(label="a run", renderers=[points]), LegendItem(label="level", renderers=[level])])
    note = "Each run is the geometric mean over its blocks with its 95 % interval; a dashed line is a lasting change."
    body = [
        [point.run_id, point.created_at, point.code, point.blocks, point.value, point.low, point.high, point.level]
        for point in found.points
    ]
    names = ["run", "begin", "commit", "blocks", found.by.unit, "from", "to", "level"]
    return Chart(found.cell, note, plot, names, body)


def _room(lows: Sequence[float], highs: Sequence[float]) -> tuple[float, float]:
    """Return from where to where an axis goes that shows all of these, with some room; never below 0."""
    least, most = min(lows), max(highs)
    room = 0.08 * (most - least) or 0.1 * most or 1.0
    return max(0.0, least - room), most + room


def _ends(plot: Any, known: Sequence[Any], places: Sequence[float]) -> tuple[list[float], list[float]]:
    """Draw the intervals of those cells that have one; return their ends."""
    spans = [
        (place, each.low, each.high) for place, (_, each) in zip(places, known, strict=True) if each.low is not None
    ]
    lows, highs = [low for _, low, _ in spans], [high for _, _, high in spans]
    if not spans:
        return [], []
    source = ColumnDataSource({"place": [place for place, _, _ in spans], "low": lows, "high": highs})
    head = TeeHead(size=8, line_color=TEXT)
    whisker = Whisker(
        base="place", lower="low", upper="high", source=source, dimension="width", line_color=TEXT, upper_head=head,
        lower_head=head,
    )  # fmt: skip
    plot.add_layout(whisker)
    return lows, highs
