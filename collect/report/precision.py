"""How well each ratio is known that a run was measured for, what looking at it has cost, and why measuring ended."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from collect.archive.looked import BLOCKS, KEY, PRECISE, TIME
from collect.plan import Plan
from collect.precision import pair_names
from collect.report.chart import DASHES, TEXT, Chart, colors
from collect.report.extras import Extra
from collect.report.figures import RunFigures
from collect.report.words import counted, number
from collect.statistics.intervals import Estimate, ratio_over_blocks
from collect.statistics.sequential import ALPHA, critical, widened

NAME = "precision"
ENDED = {
    PRECISE: "every ratio was known as well as was wanted",
    TIME: "the time was up",
    BLOCKS: "as many blocks were measured as the time was taken to have room for",
}
"""Why measuring ended; a run without such a reason was interrupted."""


@dataclass(frozen=True)
class Known:
    """One ratio, its interval such that all looks at it together are wrong in 5 % of runs at most."""

    name: str
    top: str
    bottom: str
    ratio: Estimate | None
    half_width: float | None
    """Of the ratio's logarithm."""
    enough: bool
    level: float | None
    """Of the last look alone, two-sided."""
    price: float | None
    """How many times as wide as the interval of a run whose number of blocks was settled beforehand."""


def precision(figures: RunFigures) -> Extra | None:
    """Return the section of a run that was measured until its ratios were known; None for others."""
    state = figures.manifest.get(KEY)
    if not state:
        return None
    known = _known(figures, state)
    told = _told(known, state)
    return Extra(
        NAME,
        f"Measured until each ratio is known to ± {100 * state['wanted']:g} %",
        "report_precision.html.j2",
        content={"known": known, "told": told, "wanted": state["wanted"]},
        data={
            "wanted": state["wanted"],
            "time_limit_s": state["time_limit_s"],
            "most_blocks": state["most_blocks"],
            "stopped": state["stopped"],
            "measured_s": state["measured_s"],
            "looks": state["looks"],
            "ratios": [asdict(each) for each in known],
        },
        lines=[told, *map(_line, known)],
        draw=lambda: [_chart(known, state)] if state["looks"] else [],
    )


def _known(figures: RunFigures, state: Mapping[str, Any]) -> list[Known]:
    plan = Plan.from_json(figures.manifest["plan"], figures.catalog)
    last = {(each["top"], each["bottom"]): each for look in state["looks"][-1:] for each in look["ratios"]}
    rates = {cell.name: figures.rates_of(cell) for cell in figures.cells}
    found = []
    for (top, bottom), name in pair_names(plan).items():
        level = last.get((top, bottom), {}).get("level")
        ratio = widened(ratio_over_blocks(rates.get(top, {}), rates.get(bottom, {})), level)
        half = None
        if ratio and level is not None and ratio.low is not None and ratio.high is not None:
            half = math.log(ratio.high / ratio.low) / 2
        price = None if half is None or ratio is None else critical(level, ratio.blocks) / critical(ALPHA, ratio.blocks)
        # To the digits of the record: what was enough when measuring ended is enough here.
        enough = half is not None and half <= state["wanted"] * (1 + 1e-9)
        found.append(Known(name, top, bottom, ratio, half, enough, level, price))
    return found


def _told(known: Sequence[Known], state: Mapping[str, Any]) -> str:
    """Return in sentences why measuring ended and what the intervals are."""
    stopped, looks = state["stopped"] or {}, len(state["looks"])
    why = ENDED.get(stopped.get("reason", ""), "the run was interrupted")
    enough = sum(each.enough for each in known)
    text = (
        f"Measuring ended after {counted(stopped.get('block', 0), 'block')} and {state['measured_s'] / 60:.0f} min:"
        f" {why}. {enough} of {len(known)} ratios are known to ± {100 * state['wanted']:g} % or better."
    )
    prices = [each.price for each in known if each.price is not None]
    if not prices:
        return text + " None has an interval: too few blocks."
    return text + (
        f" The intervals are paid for: with {counted(looks, 'look')} on the way, all looks together are wrong in 5 % of"
        f" such runs at most, so the intervals are up to {max(prices):.2f} times as wide as those of a run whose number"
        " of blocks was settled beforehand. They are the intervals of these ratios everywhere in this report."
    )


def _line(each: Known) -> str:
    if each.ratio is None:
        return f"{each.name}: no block holds a usable trial of both"
    if each.half_width is None:
        return f"{each.name}: {each.ratio.value:.3f} from {counted(each.ratio.blocks, 'block')}, no interval"
    mark = "" if each.enough else ", not enough"
    span = f"{number(each.ratio.low, 3)} to {number(each.ratio.high, 3)}"
    return (
        f"{each.name}: {each.ratio.value:.3f} ± {100 * each.half_width:.2g} % ({span},"
        f" {counted(each.ratio.blocks, 'block')}){mark}"
    )


def _chart(known: Sequence[Known], state: Mapping[str, Any]) -> Chart:
    """Draw each ratio's half-width from look to look, and the one that was wanted."""
    from bokeh.models import HoverTool, NumeralTickFormatter
    from bokeh.models.annotations import LegendItem, Span

    from collect.report.charts import add_legend, empty_figure

    plot = empty_figure("half-width of the log ratio", x="blocks", x_axis_type="log", y_axis_type="log")
    items, body = [], []
    for index, (color, each) in enumerate(zip(colors(len(known)), known, strict=True)):
        points = [
            (look["block"], ratio["half_width"], ratio["ratio"])
            for look in state["looks"]
            for ratio in look["ratios"]
            if (ratio["top"], ratio["bottom"]) == (each.top, each.bottom) and ratio["half_width"]
        ]
        if not points:
            continue
        blocks, halves, _ = zip(*points, strict=True)
        dash = DASHES[index // 7 % len(DASHES)]
        drawn = plot.line(list(blocks), list(halves), color=color, line_width=2, line_dash=dash, name=each.name)
        dots = plot.scatter(list(blocks), list(halves), color=color, size=6, name=each.name)
        items.append(LegendItem(label=each.name, renderers=[drawn, dots]))
        body += [[each.name, *point] for point in points]
    plot.add_layout(Span(location=state["wanted"], dimension="width", line_color=TEXT, line_dash="dashed"))
    plot.add_tools(HoverTool(tooltips=[("", "$name"), ("block", "$x{0}"), ("half-width", "$y{0.0 %}")], mode="mouse"))
    plot.yaxis.formatter = NumeralTickFormatter(format="0.[0] %")
    plot.xaxis.ticker = [look["block"] for look in state["looks"]]
    lowest = min([state["wanted"], *(row[2] for row in body)])
    plot.y_range.start, plot.y_range.end = lowest / 1.3, max([state["wanted"], *(row[2] for row in body)]) * 1.3
    if len(items) <= len(colors(7)):
        add_legend(plot, items)
    note = "At each look, with the critical value that pays for all looks up to it. The dashed line is what was wanted."
    return Chart("How well each ratio was known", note, plot, ["ratio", "block", "half-width", "ratio's value"], body)
