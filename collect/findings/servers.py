"""Which variant answers most, of all that were measured on one workload under one load."""

from __future__ import annotations

from collections.abc import Sequence

from collect.findings.evidence import all_of, paired, rates
from collect.findings.prose import FEW, doubt, rate, times, where
from collect.findings.statement import FOUND, NONE, UNKNOWN, Finding, Holds, Kind, Statement, finding, tested
from collect.report.costs import Measured
from collect.report.extras import Extra
from collect.report.figures import RunFigures
from collect.report.variants import Ranking, rankings
from collect.report.words import counted, listed


def _statements(figures: RunFigures, _: Sequence[Extra]) -> list[Statement]:
    if figures.manifest["plan"].get("design"):
        return []
    return [statement for ranking in rankings(figures) if (statement := _statement(figures, ranking))]


def _statement(figures: RunFigures, ranking: Ranking) -> Statement | None:
    """Hold the fastest against each of the others: it is the fastest if it is told apart from all of them.

    That it was picked by its rates is paid for by testing both sides.
    """
    known = [each for each in ranking.rows if each.cell.rps]
    if len(known) < 2:
        return None
    first, second = known[0], known[1]
    assert first.cell.rps
    found = {
        each.cell.variant: pair
        for each in known[1:]
        if (pair := paired(rates(figures, first.cell), rates(figures, each.cell)))
    }
    tests = tested(first=all_of(found.values()) if len(found) == len(known) - 1 else None)
    begin = (
        f"{where(first.cell)}, {first.cell.variant} answered most of {counted(len(known), 'variant')},"
        f" {rate(first.cell.rps)}"
    )
    next_to = found.get(second.cell.variant)

    def say(holds: Holds) -> Finding:
        cells = (first.cell, second.cell)
        if not tests or next_to is None:
            return finding(figures, f"{begin}; {FEW}.", UNKNOWN, next_to.estimate if next_to else None, *cells)
        told = f"{times(next_to.estimate)} as many as the next, {second.cell.variant}; {_limits(first, second)}"
        if holds["first"]:
            return finding(figures, f"{begin}: {told}.", FOUND, next_to.estimate, *cells)
        alike = [name for name, pair in found.items() if not doubt(pair.estimate)]
        among = listed(alike) if alike else "all others, as one of many statements"
        text = f"{begin}, which cannot be told from {among}: {told}."
        return finding(figures, text, NONE, next_to.estimate, *cells)

    return Statement(say, tests)


def _limits(first: Measured, second: Measured) -> str:
    held = [f"{each.cell.variant} {why}" for each in (first, second) if (why := each.cell.held_back)]
    return f"but {' and '.join(held)}" if held else "the server limited both"


KIND = Kind("servers", "Which variant answers most", _statements)
