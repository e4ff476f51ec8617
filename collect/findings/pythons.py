"""What today's Python and packages change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collect.findings.evidence import rates
from collect.findings.overall import overall
from collect.findings.prose import tally
from collect.findings.ratios import rate_statement
from collect.findings.statement import COUNTED, Finding, Kind, Link, Said, Statement
from collect.report.extras import Extra
from collect.report.figures import RunFigures
from collect.report.variants import renewals
from collect.report.words import counted


def _statements(figures: RunFigures, _: Sequence[Extra]) -> list[Statement]:
    single = [
        rate_statement(figures, each.ratio, (f"{name} on today's Python and packages", "on the article's"))
        for each in renewals(figures)
        for name in (each.ratio.bottom.variant,)
    ]
    return [*_overall(figures), *single]


def _overall(figures: RunFigures) -> Iterator[Statement]:
    known = [each.ratio for each in renewals(figures) if each.ratio.comparable]
    what = (
        "requests a second between today's Python and the article's",
        "today's Python and packages answered {times} as many requests a second as the article's",
    )
    yield from overall(figures, "pairs of cells that the server limited", what, known, rates)


def _summary(_: RunFigures, said: Said) -> Finding | None:
    single = [(statement, each) for statement, each in said if statement.about != "overall"]
    own = [(statement, each) for statement, each in single if statement.about.comparable]
    if len(single) < 2:
        return None
    text = (
        f"Of {counted(len(single), 'variant')} on today's Python against the article's, {len(own)} have ratios that"
        f" are the servers' own; of these today's answers, {tally(own)}"
    )
    links = (Link("the figures", "figures"),)
    return Finding(f"{text}.", COUNTED, float(len(own)), "ratios", None, None, len(single), "sentences", links)


KIND = Kind("pythons", "Today's Python against the article's", _statements, _summary)
