"""Waterfalls and shares: parts of a ratio as bars whose lengths add up, on a log axis that says ratios."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bokeh.models import ColumnDataSource, FixedTicker, HoverTool
from bokeh.models.annotations import Span, TeeHead, Whisker

from collect.designs.composition import Composition, Factorial
from collect.designs.estimates import LogEstimate
from collect.designs.ladder import Ladder
from collect.report.chart import BLUE, GREEN, GREY, TEXT, VERMILLION, Chart
from collect.report.charts import empty_figure

ROW_PX = 44
BAR = 0.36
TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 7, 10, 15, 20, 30, 50)
MOST_TICKS = 9
HEAD = ["what", "times", "from", "to", "limited by something else than the server"]


@dataclass(frozen=True)
class _Bar:
    label: str
    start: float
    """Where it begins and ends, as logs."""
    end: float
    part: LogEstimate
    interval: tuple[float, float] | None
    """Around ``end``."""
    whole: bool
    marked: bool

    @property
    def color(self) -> str:
        """Blue for a ratio that was measured, else by the direction of the part."""
        if self.whole:
            return BLUE
        return GREY if not self.part.known else VERMILLION if self.part.log > 0 else GREEN


def waterfall(made: Composition, ladder: Ladder, order: str, title: str) -> Chart:
    """Draw one order: the whole, each step down (or up) from it, and what is left."""
    ends = {setting: [made.design.row(setting).cells[side] for side in ("sync", "async")] for setting in (
        frozenset[str](), made.design.all
    )}  # fmt: skip
    first, last = (bool(made.marks(cells)) for cells in ends.values())
    bars = [_Bar("measured the article's way", 0.0, ladder.whole.log, ladder.whole, _around(ladder.whole), True, first)]
    at = ladder.whole.log
    for step in ladder.orders[order]:
        low, high = step.part.low_log, step.part.high_log
        around = None if low is None or high is None else (at - high, at - low)
        label = made.design.factor(step.factor).title
        bars.append(_Bar(label, at, step.running, step.part, around, False, bool(made.marks(step.cells))))
        at = step.running
    bars.append(
        _Bar("async itself, on equal terms", 0.0, ladder.left.log, ladder.left, _around(ladder.left), True, last)
    )
    note = (
        "Each bar is what the ratio loses when one more factor is put on equal terms, and its 95 % interval; the bars"
        " multiply to the whole. Grey: cannot be told from none. Hatched: rests on trials that something else limited."
    )
    return _drawn(f"{title}: the ratio async / sync, one factor after the other", note, bars)


def share_chart(made: Composition, found: Factorial) -> Chart:
    """Draw each factor's share, the largest first, and what is left."""
    bars = []
    for share in sorted(found.shares, key=lambda share: -abs(share.estimate.log)):
        marked = any(held for held, _ in made.level_marks([share.factor]).values())
        label = made.design.factor(share.factor).title
        bars.append(_Bar(label, 0.0, share.estimate.log, share.shown, share.interval, False, marked))
    rows = [row for row in made.design.rows if row.equal == made.design.all]
    marked = bool(made.marks(cell for row in rows for cell in row.cells.values()))
    bars.append(
        _Bar("async itself, on equal terms", 0.0, found.left.log, found.left, _around(found.left), True, marked)
    )
    note = (
        "What each factor gives to the ratio measured the article's way, averaged over all orders, with its 95 %"
        " interval; together with what is left they multiply to the whole. Grey: cannot be told from none. Hatched:"
        " rests on trials that the server did not limit."
    )
    return _drawn("Shapley shares of the ratio async / sync", note, bars)


def _around(part: LogEstimate) -> tuple[float, float] | None:
    return None if part.low_log is None or part.high_log is None else (part.low_log, part.high_log)


def _drawn(title: str, note: str, bars: Sequence[_Bar]) -> Chart:
    plot = empty_figure("", x="times", height=ROW_PX * len(bars) + 70)
    places = [len(bars) - index for index in range(len(bars))]
    spans = [value for bar in bars for value in (bar.start, bar.end, *(bar.interval or ()))]
    low, high = min(0.0, *spans), max(0.0, *spans)
    room = max(high - low, 0.1)
    plot.x_range.start, plot.x_range.end = low - 0.04 * room, high + 0.06 * room
    plot.y_range.start, plot.y_range.end = 1 - BAR, len(bars) + 1 - BAR / 2
    plot.yaxis.visible, plot.ygrid.visible = False, False
    ticks = _ticks(low, high)
    plot.xaxis.ticker = FixedTicker(ticks=[math.log(tick) for tick in ticks])
    plot.xaxis.major_label_overrides = {math.log(tick): f"{tick:g}" for tick in ticks}
    plot.add_layout(Span(location=0, dimension="height", line_color=TEXT))
    _draw_bars(plot, bars, places)
    body = [[bar.label, bar.part.value, bar.part.low, bar.part.high, "yes" if bar.marked else ""] for bar in bars]
    return Chart(title, note, plot, HEAD, body)


def _draw_bars(plot: Any, bars: Sequence[_Bar], places: Sequence[int]) -> None:
    texts = [_words(bar) for bar in bars]
    data = {
        "y": places,
        "left": [min(bar.start, bar.end) for bar in bars],
        "right": [max(bar.start, bar.end) for bar in bars],
        "color": [bar.color for bar in bars],
        "hatch": ["right_diagonal_line" if bar.marked else " " for bar in bars],
        "text": texts,
    }
    drawn = plot.hbar(
        y="y", left="left", right="right", height=BAR, source=ColumnDataSource(data), fill_color="color",
        fill_alpha=0.85, line_color="color", hatch_pattern="hatch", hatch_color="white", hatch_alpha=0.6,
        hatch_weight=1,
    )  # fmt: skip
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=[("", "@text")]))
    known = [(place, *bar.interval) for place, bar in zip(places, bars, strict=True) if bar.interval]
    if known:
        ys, lows, highs = zip(*known, strict=True)
        head = TeeHead(size=8, line_color=TEXT)
        source = ColumnDataSource({"y": ys, "low": lows, "high": highs})
        plot.add_layout(Whisker(
            base="y", lower="low", upper="high", source=source, dimension="width", line_color=TEXT, upper_head=head,
            lower_head=head,
        ))  # fmt: skip
    words = {"x": [plot.x_range.start] * len(bars), "y": [place + BAR / 2 + 0.04 for place in places], "text": texts}
    plot.text("x", "y", "text", source=ColumnDataSource(words), text_color=TEXT, text_font_size="12px", x_offset=4)


def _words(bar: _Bar) -> str:
    part = bar.part
    sure = "" if part.low is None else f" ({part.low:.2f} to {part.high:.2f})"
    return f"{bar.label}: {'' if bar.whole else '× '}{part.value:.2f}{sure}"


def _ticks(low: float, high: float) -> list[float]:
    """Return ratios to write at the axis, 1 always among them."""
    ticks = [tick for tick in TICKS if low - 0.02 <= math.log(tick) <= high + 0.02]
    if len(ticks) <= MOST_TICKS:
        return list(ticks)
    step = math.ceil(len(ticks) / MOST_TICKS)
    first = ticks.index(1) % step
    return list(ticks[first::step])
