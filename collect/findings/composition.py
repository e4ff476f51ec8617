"""What the ratio consists of: the parts of a ladder or a factorial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from collect.findings.given import Part, estimate_of, hypothesis_of, section, told
from collect.findings.prose import FEW, capital, doubt, sure
from collect.findings.statement import Finding, Holds, Kind, Statement, by_test, tested
from collect.report.extras import Extra
from collect.report.figures import RunFigures
from collect.report.words import on_workload

NAMES = ("ladder", "factorial")
NOT_THE_SERVERS = "; it rests on trials that the server did not limit"


def _statements(figures: RunFigures, sections: Sequence[Extra]) -> list[Statement]:
    extra = section(sections, *NAMES)
    return list(_each(figures, extra)) if extra else []


def _each(figures: RunFigures, extra: Extra) -> Iterator[Statement]:
    data = extra.data
    yield from _ends(figures, extra)
    if data["kind"] == "ladder":
        titles = {step["factor"]: step["title"] for step in data["steps"]["forward"]}
        for part in data["both"]:
            yield _share(figures, extra, part, titles[part["factor"]], _in_orders(data, part["factor"]))
    else:
        for part in data["shares"]:
            yield _share(figures, extra, part, part["title"], f"its Shapley share{_mark(part)}")
        for side, name in (("sync", "synchronous"), ("async", "asynchronous")):
            for part in data["effects"][side]:
                if len(part["term"][0]) == 1:
                    yield _effect(figures, extra, part, f"the {name} side's rate")
        for part in data["effects"]["ratio"]:
            if len(part["term"][0]) > 1:
                yield _interaction(figures, extra, part)


def _ends(figures: RunFigures, extra: Extra) -> Iterator[Statement]:
    """Tell the ratio measured the article's way, and what is left of it on equal terms."""
    data = extra.data
    begin = capital(f"{on_workload(data['workload'])}, {data['users']} users,")
    kinds = (
        (
            "whole",
            "measured the article's way, the asynchronous side answered {} times as many requests as the other",
        ),
        ("left", "on equal terms {} times as many is left, which is async itself"),
    )
    for name, words in kinds:
        part = data[name]

        def say(holds: Holds, part: Part = part, words: str = words, name: str = name) -> Finding:
            figure = f"{part['value']:.2f}"
            estimate = estimate_of(part)
            said = f"{begin} {words.format(figure)} {sure(estimate)}"
            what = "what async itself does on equal terms" if name == "left" else "the ratio the article's way"
            alike = f"{begin} {what} cannot be told from none: {figure} times {sure(estimate)}{doubt(estimate)}"
            text, says = by_test(holds, f"{said}; {FEW}.", f"{said}{_mark(part)}.", f"{alike}{_mark(part)}.")
            return told(figures, text, says, part, extra, _all_cells(figures))

        yield Statement(say, tested(differ=hypothesis_of(part)), lead=True, about=name)


def _share(figures: RunFigures, extra: Extra, part: Part, title: str, how: str) -> Statement:
    """Tell a factor's part of the ratio, and how much of it that is."""
    whole = extra.data["whole"]["value"]
    percent = _percent(part, extra.data["whole"])

    def say(holds: Holds) -> Finding:
        estimate = estimate_of(part)
        factor = f"a factor of {estimate.value:.2f} {sure(estimate)}"
        share = f"{percent} is {title}, {factor}" if percent else f"{title} is {factor}"
        text, says = by_test(
            holds,
            few=f"Of the factor {whole:.2f} measured the article's way, {title} is {factor}; {FEW}.",
            found=f"Of the factor {whole:.2f} measured the article's way, {share}: {how}.",
            none=f"That {title} is any part of the factor {whole:.2f} measured the article's way cannot be told from"
            f" none: {factor}{doubt(estimate)}, {how}.",
        )
        return told(figures, text, says, part, extra, _cells(figures, extra.data, part.get("factor")))

    return Statement(say, tested(differ=hypothesis_of(part)), lead=True, about="share")


def _effect(figures: RunFigures, extra: Extra, part: Part, of: str) -> Statement:
    """Tell what a factor does on equal terms against the article's way."""
    titles = {factor["name"]: factor["title"] for factor in extra.data["factors"]}
    what = titles[part["term"][0][0]]

    def say(holds: Holds) -> Finding:
        estimate = estimate_of(part)
        figure = f"{estimate.value:.2f} times {sure(estimate)}"
        doubted = f"{figure}{doubt(estimate)}{_mark(part)}"
        text, says = by_test(
            holds,
            few=f"{capital(what)} on equal terms makes {of} {figure}; {FEW}.",
            found=f"{capital(what)} on equal terms makes {of} {figure}{_mark(part)}.",
            none=f"That {what} on equal terms changes {of} cannot be told from none: {doubted}.",
        )
        return told(figures, text, says, part, extra, _all_cells(figures))

    return Statement(say, tested(differ=hypothesis_of(part)), about="effect")


def _interaction(figures: RunFigures, extra: Extra, part: Part) -> Statement:
    """Tell by how many times factors change one another's effect on the ratio."""
    titles = {factor["name"]: factor["title"] for factor in extra.data["factors"]}
    named = [" × ".join(titles[name] for name in product) for product in part["term"]]
    what = f"{', '.join(named)}{' (all together, as no run tells them apart)' * (len(named) > 1)}"
    where = "where one is on equal terms, the other's"
    if len(part["term"][0]) > 2:
        where = "where none or an even number of the others is left the article's way, one's"

    def say(holds: Holds) -> Finding:
        estimate = estimate_of(part)
        figure = f"{estimate.value:.2f} times its average {sure(estimate)}"
        effect = f"{where} effect on the ratio of async to sync is {figure}"
        text, says = by_test(
            holds,
            few=f"{capital(what)}: {effect}; {FEW}.",
            found=f"{capital(what)}: {effect}{_mark(part)}.",
            none=f"{capital(what)}: that they change one another's effect cannot be told from none, {figure}"
            f"{doubt(estimate)}{_mark(part)}.",
        )
        return told(figures, text, says, part, extra, _all_cells(figures))

    return Statement(say, tested(differ=hypothesis_of(part)), about="effect")


def _percent(part: Part, whole: Part) -> str:
    """Return a part as per cent of the logarithm of the whole, with its interval; "" where that means nothing."""
    if part["percent"] is None or part["low_log"] is None:
        return ""
    low, high = sorted(100 * part[end] / whole["log"] for end in ("low_log", "high_log"))
    return f"{part['percent']:.0f} % ({low:.0f} to {high:.0f} % of its logarithm as measured)"


def _in_orders(data: Mapping[str, Any], factor: str) -> str:
    """Return what a factor's step is in each order, whose mean was told, and what it rests on."""
    steps = [
        next(step for step in data["steps"][order] if step["factor"] == factor) for order in ("forward", "backward")
    ]
    values = f"{steps[0]['value']:.2f} in the plan's order, {steps[1]['value']:.2f} in the reverse one"
    return values + (NOT_THE_SERVERS if any(step["marked"] for step in steps) else "")


def _mark(part: Part) -> str:
    return NOT_THE_SERVERS if part["marked"] else ""


def _cells(figures: RunFigures, data: Mapping[str, Any], factor: str | None) -> list[str]:
    """Return the cells that a factor's part was made from: of a ladder those of its steps, else all."""
    steps = [step for order in data.get("steps", {}).values() for step in order if step["factor"] == factor]
    return [cell for step in steps for cell in step["cells"]] or _all_cells(figures)


def _all_cells(figures: RunFigures) -> list[str]:
    return [cell.name for cell in figures.cells]


KIND = Kind("composition", "What the ratio consists of", _statements)
