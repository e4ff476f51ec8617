"""What a request costs the app, in CPU time: it does not depend on who held the rate back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collect.findings.evidence import COSTS, cpu_s, paired
from collect.findings.overall import overall
from collect.findings.prose import FEW, disputed, doubt, times, where
from collect.findings.ratios import told
from collect.findings.statement import Finding, Holds, Kind, Statement, by_test, finding, tested
from collect.report.comparison import called
from collect.report.costs import measured
from collect.report.extras import Extra
from collect.report.figures import RatioFigures, RunFigures
from collect.report.outcomes import PER
from collect.report.words import number


def _statements(figures: RunFigures, _: Sequence[Extra]) -> list[Statement]:
    pairs = list(told(figures))
    single = [statement for each in pairs for statement in _statement(figures, each.ratio, each.among)]
    return [*_overall(figures, [each.ratio for each in pairs if each.among == 1]), *single]


def _statement(figures: RunFigures, ratio: RatioFigures, among: int) -> Iterator[Statement]:
    top, bottom = ratio.top, ratio.bottom
    found = paired(cpu_s(figures, top), cpu_s(figures, bottom), COSTS)
    if found is None:
        return
    tests, estimate = tested(differ=found.differs(times=among)), found.estimate
    spent = " against ".join(number(measured(figures, cell).app_cpu_s) for cell in (top, bottom))
    amounts = f"{spent} CPU seconds for {PER:,} requests"
    names = called(top), called(bottom)

    def say(holds: Holds) -> Finding:
        cost = f"a request to {names[0]} cost its app {times(estimate)} the CPU time of one to {names[1]}"
        text, says = by_test(
            holds,
            few=f"{where(top)}, {cost}: {amounts}; {FEW}.",
            found=f"{where(top)}, {cost}: {amounts}{disputed(estimate)}.",
            none=f"{where(top)}, a difference in CPU time per request between {names[0]} and {names[1]} cannot be told"
            f" from none: {times(estimate)}{doubt(estimate)}, {amounts}{disputed(estimate)}.",
        )
        return finding(figures, text, says, estimate, top, bottom)

    yield Statement(say, tests, about=ratio)


def _overall(figures: RunFigures, ratios: Sequence[RatioFigures]) -> Iterator[Statement]:
    """Take all pairs of a way together."""
    begin = "pairs of an asynchronous and a synchronous cell"
    what = ("CPU time per request", "the asynchronous app took {times} the CPU time that the synchronous one did")
    yield from overall(figures, begin, what, ratios, cpu_s)


KIND = Kind("cost", "CPU time per request", _statements)
