"""The charts of one trial, with nothing in them yet: one axis of time and one zoom for all, to be filled on the page.

A run may have hundreds of trials. So a page holds these charts once, and the columns of each trial beside them
(collect.report.trial_series); the sources have the same names in both.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from bokeh.models import (
    HoverTool,
    LogColorMapper,
    LogTicker,
    NumeralTickFormatter,
    Range1d,
)
from bokeh.models.annotations import ColorBar, LegendItem

from collect.report.chart import BLUE, DASHES, GREEN, GREY, ORANGE, PURPLE, SKY, TEXT, UNITS, VERMILLION
from collect.report.charts import IN_A_ROW, add_legend, empty_figure, log_latency_axis
from collect.report.heat import ramp
from collect.report.host_series import STATES, Host
from collect.report.panels import Panel, Sources, TrialCharts
from collect.report.trial_series import SHARES, Recorded, bucket_ms

SECONDS = "seconds since the window began"
LEFT_PX = 68
"""Room for the axis of values, the same in all charts, so that a moment is at one place in all of them."""
LOW_PX, NAMES_PX = 190, 24
"""Of a host's charts: their height but for the names above, and that of a row of names."""
SHADES = 32
PHASES = (("ramp", "ramp", ORANGE, "/"), ("warmup", "warm-up", GREY, "."), ("window", "window", SKY, " "))
"""Source, name, colour and hatch of each phase."""
STATE_COLORS = {"user": BLUE, "system": ORANGE, "irq": PURPLE, "iowait": SKY, "steal": VERMILLION}
SOCKET_COLORS = {
    "TIME_WAIT": VERMILLION, "ESTABLISHED": BLUE, "SYN": ORANGE, "FIN_WAIT": GREEN, "CLOSE_WAIT": PURPLE,
    "LAST_ACK": SKY, "CLOSING": GREY,
}  # fmt: skip
LATENCIES = dict(zip(SHARES, (("50 %", BLUE), ("95 %", GREEN), ("99 %", ORANGE), ("100 %", VERMILLION)), strict=True))
HEAT_COLUMNS = ("left", "right", "bottom", "top", "answers")
"""What the page makes of a trial's second, bucket and answers."""


def trial_charts(found: Recorded) -> TrialCharts:
    """Return the charts that a run's trials are drawn in."""
    maker = _Maker(found)
    panels = [maker.rate(), maker.latency(), maker.heat()]
    for make in (maker.units, maker.states, maker.memory, maker.sockets):
        panels += [make(place, host) for place, host in enumerate(found.hosts)]
    panels += [maker.ports(place, host) for place, host in enumerate(found.hosts) if host.side == "client"]
    return TrialCharts(panels, list(maker.sources.by_name), maker.time)


class _Maker:
    """Makes the charts of a set one by one."""

    def __init__(self, found: Recorded) -> None:
        self.sources = Sources()
        self.time = Range1d(start=0, end=1, name="time")
        self._least, self._most = found.buckets
        self._most_answers = max(10, found.most_answers)

    def rate(self) -> Panel:
        plot = self._figure("rate", "requests/s")
        phases = self._phases(plot)
        source = self.sources.get("rate", ("at_s", "ok", "failed", *SHARES))
        ok = plot.line("at_s", "ok", source=source, color=BLUE, line_width=2)
        failed = plot.line("at_s", "failed", source=source, color=VERMILLION, line_width=2, line_dash="dashed")
        plot.yaxis.formatter = NumeralTickFormatter(format="0,0")
        named = {"right answers": ok, "failed": failed}
        add_legend(plot, [LegendItem(label=name, renderers=[drawn]) for name, drawn in (named | phases).items()])
        columns = [("at_s", "second"), ("ok", "right answers"), ("failed", "failed")]
        _hover(plot, ok, columns, "0,0")
        note = "By the moment of the answer, in whole seconds; the last, which the load's end cuts off, has no rate."
        return Panel("rate", "Requests per second", note, "rate", columns, plot, [["ok"], ["failed"]])

    def latency(self) -> Panel:
        plot = self._figure("latency", "latency, ms", y_axis_type="log", y_range=self._latencies())
        self._phases(plot)
        source = self.sources.get("rate", ())
        lines = {
            name: plot.line("at_s", name, source=source, color=color, line_width=2, line_dash=dash)
            for (name, (_, color)), dash in zip(LATENCIES.items(), DASHES, strict=False)
        }
        log_latency_axis(plot)
        add_legend(
            plot, [LegendItem(label=label, renderers=[lines[name]]) for name, (label, _) in LATENCIES.items()]
        )  # fmt: skip
        columns = [("at_s", "second"), *((name, f"{label}, ms") for name, (label, _) in LATENCIES.items())]
        _hover(plot, lines["p50_ms"], columns, "0,0.00")
        note = "Exact percentiles of each second's right answers; 100 % is the slowest of them."
        return Panel("latency", "Latency by second", note, "rate", columns, plot)

    def heat(self) -> Panel:
        plot = self._figure("heat", "latency, ms", y_axis_type="log", y_range=self._latencies())
        self._phases(plot)
        source = self.sources.get("heat", HEAT_COLUMNS)
        mapper = LogColorMapper(palette=ramp(SHADES), low=1, high=self._most_answers)
        drawn = plot.quad(
            left="left", right="right", bottom="bottom", top="top", source=source, line_color=None,
            fill_color={"field": "answers", "transform": mapper},
        )  # fmt: skip
        log_latency_axis(plot)
        plot.add_layout(
            ColorBar(
                color_mapper=mapper, ticker=LogTicker(desired_num_ticks=4), width=10, title="answers", margin=0,
                background_fill_alpha=0, major_label_text_color=TEXT, title_text_color=TEXT, bar_line_color=None,
                title_text_font_style="normal", major_tick_line_color=TEXT,
            ),
            "right",
        )  # fmt: skip
        tips = [
            ("seconds", "@left to @right"),
            ("latency", "@bottom{0,0.00} to @top{0,0.00} ms"),
            ("answers", "@answers{0,0}"),
        ]
        plot.add_tools(HoverTool(renderers=[drawn], tooltips=tips))
        names = ("from second", "to second", "from ms", "to ms", "right answers")
        note = (
            "How many right answers took how long, from every request: blue are few, orange many, on a log scale. That"
            " scale and the one of the latency are the same for all trials of this page."
        )
        columns = list(zip(HEAT_COLUMNS, names, strict=True))
        return Panel("heat", "Latency over time", note, "heat", columns, plot, wide=True)

    def units(self, place: int, host: Host) -> Panel:
        note = "By unit, stacked; the line is all that is in use on the host's CPU set, the dashed one the set's size."
        colors = {f"unit_{unit}": UNITS[unit] for unit in host.units}
        return self._stack(place, f"units-{place}", f"{_named(host)}: CPU by unit", note, colors)

    def states(self, place: int, host: Host) -> Panel:
        note = "By state, as the kernel samples it; the line is what the idle time leaves, so the two need not agree."
        colors = {f"state_{state}": STATE_COLORS[state] for state in STATES}
        return self._stack(place, f"states-{place}", f"{_named(host)}: CPU by state", note, colors)

    def memory(self, place: int, host: Host) -> Panel:
        note = "Resident memory by unit; the host's own figure, which has all of it, is in the table."
        colors = {f"mib_{unit}": UNITS[unit] for unit in host.units}
        more = [("mib_used", "host in use, MiB")]
        return self._lines(place, f"memory-{place}", f"{_named(host)}: memory", "MiB", note, colors, more)

    def sockets(self, place: int, host: Host) -> Panel:
        note = "TCP sockets of the whole host, earlier trials' too; all states but TIME_WAIT are counted now and then."
        colors = {f"tcp_{state}": SOCKET_COLORS[state] for state in host.sockets}
        return self._lines(place, f"sockets-{place}", f"{_named(host)}: sockets by state", "sockets", note, colors)

    def ports(self, place: int, host: Host) -> Panel:
        note = (
            "Ports that wait in TIME_WAIT for this trial's connections. The dashed line, drawn where a quarter of them"
            " is in use, is how many there are."
        )
        name, title = f"ports-{place}", f"{_named(host)}: ports in use"
        return self._lines(place, name, title, "ports", note, {"ports": VERMILLION}, line=f"ports-{place}")

    def _stack(self, place: int, name: str, title: str, note: str, colors: dict[str, str]) -> Panel:
        plot = self._figure(name, "cores", height=_height(len(colors) + 1))
        self._phases(plot)
        source = self.sources.get(f"host-{place}", ("at_s", "busy", *colors))
        areas = plot.varea_stack(
            list(colors), x="at_s", source=source, color=list(colors.values()), fill_alpha=0.85
        ) if colors else []  # fmt: skip
        line = plot.line("at_s", "busy", source=source, color=TEXT, line_width=2)
        limit = self._limit(plot, f"cpus-{place}")
        plot.yaxis.formatter = NumeralTickFormatter(format="0.[00]")
        items = [LegendItem(label=_word(each), renderers=[area]) for each, area in zip(colors, areas, strict=True)]
        add_legend(plot, [*items, LegendItem(label="in use", renderers=[line])])
        columns = [("at_s", "second"), ("busy", "in use, cores"), *((each, f"{_word(each)}, cores") for each in colors)]
        _hover(plot, line, columns, "0.000")
        tops = [list(colors), ["busy"]]
        return Panel(name, title, note, f"host-{place}", columns, plot, tops, limit)

    def _lines(
        self, place: int, name: str, title: str, unit: str, note: str, colors: dict[str, str],
        more: Sequence[tuple[str, str]] = (), line: str | None = None,
    ) -> Panel:  # fmt: skip
        plot = self._figure(name, unit, height=_height(len(colors)))
        self._phases(plot)
        source = self.sources.get(f"host-{place}", ("at_s", *colors, *(column for column, _ in more)))
        lines = {
            each: plot.line("at_s", each, source=source, color=color, line_width=2, line_dash=dash)
            for (each, color), dash in zip(colors.items(), itertools.cycle(DASHES), strict=False)
        }
        limit = self._limit(plot, line) if line else ""
        plot.yaxis.formatter = NumeralTickFormatter(format="0,0")
        add_legend(plot, [LegendItem(label=_word(each), renderers=[drawn]) for each, drawn in lines.items()])
        columns = [("at_s", "second"), *((each, f"{_word(each)}, {unit}") for each in colors), *more]
        if lines:
            _hover(plot, next(iter(lines.values())), columns, "0,0")
        return Panel(name, title, note, f"host-{place}", columns, plot, [[each] for each in colors], limit)

    def _figure(self, name: str, y: str, **options: Any) -> Any:
        options.setdefault("y_range", Range1d(start=0, end=1, name=f"values {name}"))
        plot = empty_figure(y, x=SECONDS, tools="xbox_zoom,xpan,reset,save", x_range=self.time, name=name, **options)
        plot.min_border_left = LEFT_PX
        return plot

    def _latencies(self) -> Any:
        return Range1d(start=bucket_ms(self._least - 1)[0], end=bucket_ms(self._most + 1)[1])

    def _phases(self, plot: Any) -> dict[str, Any]:
        """Shade the phases of the trial; return what is drawn by their names."""
        return {
            name: plot.vstrip(
                x0="x0", x1="x1", source=self.sources.get(source, ("x0", "x1")), fill_color=color, fill_alpha=0.1,
                line_color=None, hatch_pattern=hatch, hatch_color=color, hatch_alpha=0.35, level="underlay",
            )
            for source, name, color, hatch in PHASES
        }  # fmt: skip

    def _limit(self, plot: Any, source: str) -> str:
        """Draw a line that cannot be crossed; return its source."""
        plot.hspan(y="y", source=self.sources.get(source, ("y",)), line_color=TEXT, line_dash="dashed")
        return source


def _height(names: int) -> int:
    """Return how high a chart of a host is, in CSS pixels: whatever room the names above it take."""
    return LOW_PX + NAMES_PX * math.ceil(max(1, names) / IN_A_ROW)


def _named(host: Host) -> str:
    return f"{host.name} ({host.side})"


def _word(column: str) -> str:
    """Return what a column is called: its unit or state."""
    return {"ports": "waiting"}.get(column, column.partition("_")[2])


def _hover(plot: Any, line: Any, columns: Sequence[tuple[str, str]], digits: str) -> None:
    tips = [(name, f"@{column}{{{'0.0' if column == 'at_s' else digits}}}") for column, name in columns]
    plot.add_tools(HoverTool(renderers=[line], tooltips=tips, mode="vline"))
