"""The section on what the article left out: each hypothesis with how near it brings our figures to the article's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from collect.designs.cuts import LATEST
from collect.designs.hypotheses import Fit, Hypotheses, Hypothesis, Level, hypotheses, hypotheses_data
from collect.report.chart import BLUE, GREY, TEXT, Chart
from collect.report.extras import Extra
from collect.report.figures import RunFigures
from collect.report.words import counted, number
from collect.statistics.blocks import MIN_BLOCKS

SHOWN = 8
"""Hypotheses that the table shows at once; the rest unfolds."""
FACTORS = {
    "ports": "ports that the client hands out",
    "client_speed": "client's speed against the server's",
    "length_s": "length of the run",
    "ramp": "ramp",
    "reading": "what was read",
}


@dataclass(frozen=True)
class Content:
    """What the template shows."""

    found: Hypotheses
    sentence: str
    notes: Sequence[str]
    best: Sequence[Fit]
    rest: Sequence[Fit]


def hypotheses_section(figures: RunFigures) -> Extra | None:
    """Return the section of a plan that was made for hypotheses."""
    found = hypotheses(figures)
    if found is None:
        return None
    sentence = verdict(found)
    content = Content(found, sentence, list(notes(found)), found.fits[:SHOWN], found.fits[SHOWN:])
    lines = [
        sentence,
        *(f"{fitted(each)}: {in_words(each.hypothesis)}" for each in found.fits[:3]),
        *(
            f"{FACTORS[factor]}: " + ", ".join(f"{choice(level)} {number(level.mean)}" for level in levels)
            for factor, levels in by_factor(found.levels)
        ),
    ]
    return Extra(
        "hypotheses",
        "What the article left out",
        "report_hypotheses.html.j2",
        content,
        hypotheses_data(found),
        lines,
        draw=lambda: [fit_chart(found)],
        leads=True,
    )


def verdict(found: Hypotheses) -> str:
    """Say in a sentence which hypothesis is nearest, and how many are as near as far as one can tell."""
    best = found.fits[0]
    sentence = (
        f"Of {len(found.fits)} hypotheses the nearest to the article's {len(found.names)} figures, in proportion, is"
        f" {in_words(best.hypothesis)}: a fit of {fitted(best)}"
    )
    if best.low is None:
        had = counted(found.blocks, "block")
        return f"{sentence}. With {had} of {MIN_BLOCKS} there is no interval: which others are as near cannot be told."
    others = len(found.untold) - 1
    if not others:
        return f"{sentence}. All others are further away."
    return f"{sentence}. {others} of the others cannot be told apart from it."


def hypotheses_headline(figures: RunFigures) -> str | None:
    """Return in one sentence how the article seems to have measured; None for a run that does not ask."""
    found = hypotheses(figures)
    if found is None:
        return None
    best = found.fits[0]
    off = "no interval" if best.low is None or best.high is None else f"{_off(max(0.0, best.low))} to {_off(best.high)}"
    return (
        f"Of {counted(len(found.fits), 'way')} to measure the nearest to the article's {len(found.names)} figures, in"
        f" proportion, is: {in_words(best.hypothesis)}. It is off by {_off(best.fit)} ({off})."
    )


def hypotheses_lead(figures: RunFigures) -> str:
    """Return how many of the others are as near, as far as one can tell; "" for a run that does not ask."""
    found = hypotheses(figures)
    if found is None:
        return ""
    if found.fits[0].low is None:
        had = counted(found.blocks, "block")
        return f"From {had} of {MIN_BLOCKS} there is no interval: which others are as near cannot be told."
    others = len(found.untold) - 1
    return f"{others} of the others cannot be told apart from it." if others else "All others are further away."


def _off(fit: float) -> str:
    """Return a fit, the deviation of a logarithm, as a per cent."""
    return f"{100 * math.expm1(fit):.0f} %"


def notes(found: Hypotheses) -> Sequence[str]:
    """Say what stands for what: runs that were cut, trials that were not made."""
    told = [
        "A fit is the standard deviation of log(ours / the article's) over the figures, a common factor taken out: 0 is"
        " the same proportions, 0.1 is off by about 10 %. Shorter runs are cut out of the raw requests of longer ones.",
    ]
    longest = max(each.hypothesis.length_s for each in found.fits)
    for each in found.kept:
        if each.seconds >= longest:
            continue
        ports = f"{number(each.connections_each)} connections a request" if each.connections_each is not None else ""
        text = f"{each.variant} was measured for {each.seconds} s and is taken to go on like that"
        if each.held_by_ports:
            text += f", though {each.held_by_ports} of its {counted(each.trials, 'trial')} ran out of ports: too good"
        else:
            text += f": none of its {counted(each.trials, 'trial')} ran out of ports" + (f" ({ports})" if ports else "")
        told.append(text + ".")
    if found.missing:
        told.append(f"Not measured in all profiles, and left out: {'; '.join(found.missing)}.")
    return told


def in_words(each: Hypothesis) -> str:
    """Return a hypothesis in words."""
    fields = ("length_s", "ramp", "reading", "ports", "client_speed")
    return ", ".join(_choice(name, getattr(each, name)) for name in fields)


def choice(level: Level) -> str:
    """Return one choice in words."""
    return _choice(level.factor, level.level)


def by_factor(levels: Sequence[Level]) -> list[tuple[str, list[Level]]]:
    """Return the choices by what they are of."""
    names = dict.fromkeys(level.factor for level in levels)
    return [(name, [level for level in levels if level.factor == name]) for name in names]


def fitted(each: Fit) -> str:
    """Return a fit with its interval, where it has one."""
    sure = "" if each.low is None or each.high is None else f" ({max(0.0, each.low):.2f} to {each.high:.2f})"
    return number(each.fit) + sure


def fit_chart(found: Hypotheses) -> Chart:
    """Draw all fits with their intervals, the nearest at the top."""
    from bokeh.models import ColumnDataSource, HoverTool

    from collect.report.charts import empty_figure

    plot = empty_figure("hypotheses, the nearest at the top", x="fit", height=120 + 8 * len(found.fits))
    told = [each.apart is not True for each in found.fits]
    data: dict[str, list[Any]] = {
        "rank": [-number for number in range(1, len(found.fits) + 1)],
        "fit": [each.fit for each in found.fits],
        "low": [each.fit if each.low is None else max(0.0, each.low) for each in found.fits],
        "high": [each.fit if each.high is None else each.high for each in found.fits],
        "color": [BLUE if near else GREY for near in told],
        "words": [in_words(each.hypothesis) for each in found.fits],
    }
    source = ColumnDataSource(data)
    plot.segment("low", "rank", "high", "rank", source=source, color="color", line_width=2)
    dots = plot.scatter("fit", "rank", source=source, color="color", size=7)
    plot.add_tools(HoverTool(renderers=[dots], tooltips=[("", "@words"), ("fit", "@fit{0.00}")], mode="mouse"))
    plot.x_range.start = 0
    plot.yaxis.major_label_text_color, plot.yaxis.ticker, plot.yaxis.axis_line_color = TEXT, [], None
    note = "Blue: the nearest, and what cannot be told apart from it. Lines are 95 % intervals over the blocks."
    columns = (data[name] for name in ("words", "fit", "low", "high"))
    body = [list(row) for row in zip(*columns, strict=True)]
    return Chart("How near each hypothesis comes", note, plot, ["hypothesis", "fit", "low", "high"], body)


def _choice(factor: str, value: Any) -> str:
    if factor == "ports":
        return f"{value:,} ports"
    if factor == "client_speed":
        return "both hosts alike" if value == 1 else f"a client of {value:g} of the server's speed"
    if factor == "length_s":
        return f"runs of {value} s"
    if factor == "ramp":
        return "users one by one" if value else "users all at once"
    return "Locust's RPS of the last seconds" if value == LATEST else "Locust's mean"
