"""The section "What the ratio consists of": the ladder in both orders, or the effects and shares of a factorial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collect.designs.composition import Composition, compose, log_rates
from collect.designs.model import LADDER, Design, design_of
from collect.designs.told import composition_data
from collect.report.chart import Chart
from collect.report.extras import Extra
from collect.report.figures import RunFigures
from collect.report.words import NOTHING, counted, number, on_workload

TITLE = "What the ratio consists of"
LEFT = "async itself, on equal terms"
UNKNOWN, MARKED = " ?", " *"
UNKNOWN_TOLD, MARKED_TOLD = "cannot be told from 1", "something else than the server limited it"
SIGNS = {
    UNKNOWN: "? cannot be told from none",
    MARKED: "* rests on trials that something else than the server limited",
}
ORDERS = {"forward": "In the plan's order", "backward": "In the reverse order"}


@dataclass(frozen=True)
class Content:
    """What the template shows."""

    data: Mapping[str, Any]
    design: Design

    @property
    def shown_effects(self) -> list[tuple[str, Sequence[Mapping[str, Any]]]]:
        """The tables of effects, each under its title."""
        titles = {"ratio": "On the ratio", "sync": "On the synchronous side", "async": "On the asynchronous side"}
        return [(title, self.data["effects"][name]) for name, title in titles.items()]


def composition(figures: RunFigures) -> Extra | None:
    """Return the section; None for a run whose plan has no such design."""
    made = composed(figures)
    if made is None:
        return None
    data = composition_data(made)
    return Extra(
        made.design.kind,
        TITLE,
        "report_composition.html.j2",
        Content(data, made.design),
        data,
        list(_lines(data)),
        draw=lambda: _charts(made),
        leads=True,
    )


def composition_headline(figures: RunFigures) -> str | None:
    """Return in one sentence what the ratio consists of; None where there is no such design, or it cannot be told."""
    made = composed(figures)
    data = composition_data(made) if made and not made.why else None
    if data is None:
        return None
    whole, left = data["whole"], data["left"]
    return (
        f"Async answers {_answers(whole)} as many requests a second as sync {on_workload(data['workload'])}, measured"
        f" the article's way{_sure(whole)}, and {_answers(left)} on equal terms{_sure(left)}."
    )


def _answers(part: Mapping[str, Any]) -> str:
    return f"{number(part['value'])} times"


def _sure(part: Mapping[str, Any]) -> str:
    """Return in brackets how sure a ratio is, and what it must not be taken for."""
    span = "no interval" if part["low"] is None else f"{number(part['low'])} to {number(part['high'])}"
    remarks = {UNKNOWN_TOLD: not part["known"], MARKED_TOLD: part["marked"]}
    return f" ({'; '.join([span, *(remark for remark, holds in remarks.items() if holds)])})"


def composed(figures: RunFigures) -> Composition | None:
    """Return what the ratio of a run consists of; None for a run whose plan has no such design."""
    return figures.once(_composed)


def _composed(figures: RunFigures) -> Composition | None:
    plan = figures.manifest["plan"]
    design = design_of(plan)
    return compose(design, log_rates(figures.rows), _held(figures, design), plan["seed"]) if design else None


def _held(figures: RunFigures, design: Design) -> dict[str, str]:
    """Return the cells whose rate is not the server's, and why."""
    known = {cell.name: cell.held_back for cell in figures.cells}
    cells = {cell for row in design.rows for cell in row.cells.values()}
    return {cell: why for cell in sorted(cells) if (why := known.get(cell, "has no valid trial"))}


def _charts(made: Composition) -> list[Chart]:
    from collect.report.composition_charts import share_chart, waterfall

    if made.ladder:
        return [waterfall(made, made.ladder, order, title) for order, title in ORDERS.items()]
    return [share_chart(made, made.factorial)] if made.factorial else []


def _lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the terminal shows."""
    if data["why"]:
        yield f"It cannot be told: {data['why']}."
        return
    whole, left = data["whole"], data["left"]
    yield (
        f"Measured the article's way, async / sync is {times(whole)}; on equal terms it is {times(left)}"
        f" ({_blocks(data)})."
    )
    if data["kind"] == LADDER:
        backward = {step["factor"]: step for step in data["steps"]["backward"]}
        for step in data["steps"]["forward"]:
            other = backward[step["factor"]]
            yield f"  {step['title']}: x {times(step)}; reversed x {times(other)}{mark(step, other)}"
    else:
        for share in sorted(data["shares"], key=lambda share: -abs(share["log"])):
            yield f"  {share['title']}: x {times(share)}{of_whole(share)}{mark(share)}"
    yield f"  {LEFT}: x {times(left)}{of_whole(left)}{mark(left)}"
    yield f"  {'; '.join(SIGNS.values())}"


def _blocks(data: Mapping[str, Any]) -> str:
    """Return how many blocks it is made from; a factorial also uses what there is of those that lack a trial."""
    text, dropped = counted(data["blocks"], "block"), data["dropped_blocks"]
    if not dropped:
        return text
    if data["kind"] == LADDER:
        return f"{text}, block {listed(dropped)} left out"
    return f"{text}, of block {listed(dropped)} the trials that can be used"


def times(part: Mapping[str, Any]) -> str:
    """Return a ratio with its interval."""
    if part["low"] is None:
        return f"{part['value']:.3g} (no interval)"
    return f"{part['value']:.2f} ({part['low']:.2f} to {part['high']:.2f})"


def of_whole(part: Mapping[str, Any]) -> str:
    """Return what a part is of the whole, in brackets; nothing where the whole is not known to be one."""
    return "" if part.get("percent") is None else f", {part['percent']:.0f} % of the log ratio"


def mark(*parts: Mapping[str, Any]) -> str:
    """Return the signs of parts that cannot be told from none, or that rest on trials of something else's limit."""
    unknown = UNKNOWN if not any(part["known"] for part in parts) else ""
    return unknown + (MARKED if any(part["marked"] for part in parts) else "")


def listed(blocks: Sequence[int]) -> str:
    """Return numbers of blocks."""
    return ", ".join(map(str, blocks)) or NOTHING
