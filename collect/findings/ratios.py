"""Asynchronous against synchronous, workload by workload and way by way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from collect.findings.evidence import paid, paired, rates
from collect.findings.prose import FEW, disputed, doubt, tally, times, where, whose_limits
from collect.findings.statement import (
    COUNTED,
    UNKNOWN,
    Finding,
    Holds,
    Kind,
    Link,
    Said,
    Statement,
    by_test,
    finding,
    tested,
)
from collect.report.comparison import called, held
from collect.report.extras import Extra
from collect.report.figures import RatioFigures, RunFigures
from collect.report.variants import rankings
from collect.report.words import counted


@dataclass(frozen=True)
class Told:
    """A ratio of async to sync that is worth a sentence."""

    ratio: RatioFigures
    among: int = 1
    """Out of how many it was chosen, by its rates."""


def told(figures: RunFigures) -> Iterator[Told]:
    """Yield the ratios to tell: of the article's own variants, and else the fastest against the fastest.

    None of a designed plan, whose variants are there for its effects.
    """
    if figures.manifest["plan"].get("design"):
        return
    ranked = rankings(figures)
    loads = {ranking.rows[0].cell.load for ranking in ranked}
    for ratio in figures.ratios:
        if ratio.top.load not in loads and ratio.top.side and ratio.bottom.side:
            yield Told(ratio)
    for ranking in ranked:
        for pairs in ranking.pairs:
            for ratio in pairs.best:
                yield Told(ratio, len(pairs.ratios))


def rate_statement(figures: RunFigures, ratio: RatioFigures, names: tuple[str, str], among: int = 1) -> Statement:
    """Return a statement of two cells' rates, which have names; chosen as the fastest of ``among``, if so."""
    top, bottom = names
    begin = where(ratio.top)
    found = paired(rates(figures, ratio.top), rates(figures, ratio.bottom))
    # What is picked out of many counts for each of them; what was looked at before for what looking has cost.
    tests = tested(differ=found.differs(times=among * paid(figures, ratio)) if found else None)
    chosen = f"; they are the fastest pair of {among}" if among > 1 else ""

    def say(holds: Holds) -> Finding:
        estimate = ratio.ratio
        if estimate is None:
            text = f"{begin}, {top} and {bottom} cannot be compared: {held(ratio)}."
            return finding(figures, text, UNKNOWN, None, ratio.top, ratio.bottom)
        answered = f"{begin}, {top} answered {times(estimate)} as many requests a second as {bottom}"
        rider = f"; {whose_limits(ratio)}{chosen}{disputed(estimate)}" if tests else ""
        text, says = by_test(
            holds,
            few=f"{answered}; {FEW}.",
            found=f"{answered}{rider}.",
            none=f"{begin}, a difference between {top} and {bottom} cannot be told from none: {times(estimate)} as many"
            f" requests a second{doubt(estimate)}{rider}.",
        )
        return finding(figures, text, says, estimate, ratio.top, ratio.bottom)

    return Statement(say, tests, about=ratio)


def _statements(figures: RunFigures, _: Sequence[Extra]) -> list[Statement]:
    return [
        rate_statement(figures, each.ratio, (called(each.ratio.top), called(each.ratio.bottom)), each.among)
        for each in told(figures)
    ]


def _summary(_: RunFigures, said: Said) -> Finding | None:
    """Tell how many ratios are the servers' own, and where they point."""
    if len(said) < 2:
        return None
    own = [(statement, finding) for statement, finding in said if statement.about.comparable]
    begin = f"{len(own)} of {counted(len(said), 'ratio')} of an asynchronous to a synchronous framework"
    text = f"{begin} {'is' if len(own) == 1 else 'are'} the servers' own"
    if own:
        text += f"; of these the asynchronous one answers, {tally(own)}"
    anchors = (Link("the ratios", "ratios"),)
    return Finding(f"{text}.", COUNTED, float(len(own)), "ratios", None, None, len(said), "sentences", anchors)


def _tools(figures: RunFigures, _: Sequence[Extra]) -> list[Statement]:
    """Return what Locust reaches of wrk's rate on the same cells."""
    return [
        rate_statement(
            figures, ratio, (f"{called(ratio.top)} under {ratio.top.generator}", f"under {ratio.bottom.generator}")
        )
        for ratio in figures.tools
    ]


KIND = Kind("ratios", "Asynchronous against synchronous", _statements, _summary)
TOOLS = Kind("tools", "Locust against wrk", _tools)
