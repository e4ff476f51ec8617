"""What a limit of the client cost: the same server with the client out of the way."""

from __future__ import annotations

from collections.abc import Sequence

from collect.findings.evidence import paired, rates
from collect.findings.prose import FEW, capital, doubt, sure
from collect.findings.statement import (
    COUNTED,
    FOUND,
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
from collect.report.costs import Measured
from collect.report.extras import Extra
from collect.report.figures import RunFigures
from collect.report.table import ARTICLE, CONTROLLED, TableRow, article_table
from collect.report.verdicts import PLAIN
from collect.report.words import counted, on_workload


def _statements(figures: RunFigures, _: Sequence[Extra]) -> list[Statement]:
    table = article_table(figures)
    return [
        _statement(figures, row, row.ways[ARTICLE], row.ways[CONTROLLED])
        for row in (table.rows if table else ())
        if ARTICLE in row.ways and CONTROLLED in row.ways and row.ways[ARTICLE].whose.kind == "client"
    ]


def _statement(figures: RunFigures, row: TableRow, its_way: Measured, freed: Measured) -> Statement:
    found = paired(rates(figures, freed.cell), rates(figures, its_way.cell))
    tests = tested(differ=found.differs() if found else None)
    limit = PLAIN.get(its_way.cell.verdict.word or "", "the client")
    begin = f"{capital(on_workload(row.workload))}, {limit} limited {row.title} measured the article's way"
    now = freed.cell.verdict.word
    by_now = "what limits it now is not sure"
    if now and freed.whose.kind != "unknown":
        by_now = f"now {PLAIN.get(now, now)} limits it"

    def say(holds: Holds) -> Finding:
        if found is None:
            text, says = f"{begin}; what that cost is not known, as no block has a usable trial of both.", UNKNOWN
            return finding(figures, text, says, None, freed.cell, its_way.cell)
        value = f"{found.estimate.value:.2f} times as many requests a second {sure(found.estimate)}"
        text, says = by_test(
            holds,
            few=f"{begin}; with the client out of the way it answers {value}, and {by_now}; {FEW}.",
            found=f"{begin}; with the client out of the way it answers {value}, and {by_now}.",
            none=f"{begin}; that this cost any requests cannot be told from none: {value} with the client out of the"
            f" way{doubt(found.estimate)}; {by_now}.",
        )
        return finding(figures, text, says, found.estimate, freed.cell, its_way.cell)

    return Statement(say, tests)


def _summary(_: RunFigures, said: Said) -> Finding | None:
    found = [each for _, each in said if each.says == FOUND and each.figure is not None and each.figure > 1]
    if not said:
        return None
    text = (
        f"Of {counted(len(said), 'figure')} that the client limited measured the article's way, {len(found)}"
        " can be told to be higher with the client out of the way"
    )
    figures = [each.figure for each in found if each.figure is not None]
    if figures:
        span = f"{min(figures):.2f} to {max(figures):.2f}" if len(figures) > 1 else f"{figures[0]:.2f}"
        text += f", by {span} times"
    links = (Link("the article's table against ours", "versus"),)
    return Finding(f"{text}.", COUNTED, float(len(found)), "figures", None, None, len(said), "sentences", links)


KIND = Kind("limits", "What the client's limits cost", _statements, _summary)
