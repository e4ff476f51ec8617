"""What the size of a workload does: workloads that differ in one number alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collect.findings.evidence import paired, rates
from collect.findings.prose import FEW, capital, doubt, times, way
from collect.findings.statement import UNKNOWN, Finding, Holds, Kind, Statement, by_test, finding, tested
from collect.report.comparison import called
from collect.report.extras import Extra
from collect.report.figures import CellFigures, RunFigures
from collect.report.words import counted

NUMBERS = {"file_bytes": ("a file of", "byte"), "rows": ("a table of", "row")}
"""Keys of a workload that are sizes, each with how it is told."""


def _statements(figures: RunFigures, _: Sequence[Extra]) -> list[Statement]:
    return list(_each(figures))


def _each(figures: RunFigures) -> Iterator[Statement]:
    for key, words in NUMBERS.items():
        alike: dict[tuple[object, ...], list[tuple[int, CellFigures]]] = {}
        for cell in figures.cells:
            workload = dict(figures.catalog.workloads[cell.workload])
            if size := workload.pop(key, None):
                rest = tuple(sorted(map(str, workload.items())))
                same = (cell.variant, cell.generator, cell.users, cell.profile, rest)
                alike.setdefault(same, []).append((int(size), cell))
        for sized in alike.values():
            sized.sort(key=lambda each: each[0])
            if len(sized) > 1:
                yield _statement(figures, words, *sized[-1], *sized[0])


def _statement(
    figures: RunFigures, words: tuple[str, str], much: int, large: CellFigures, little: int, small: CellFigures
) -> Statement:
    found = paired(rates(figures, large), rates(figures, small))
    tests = tested(differ=found.differs() if found else None)
    sizes = [f"{words[0]} {counted(size, words[1])}" for size in (much, little)]
    begin = f"{capital(way(large.profile, large.generator))}, with {sizes[0]}"
    both = zip(sizes, (large, small), strict=True)
    held = [f"with {size} it {cell.held_back}" for size, cell in both if cell.held_back]
    rider = f"; but {' and '.join(held)}" if held else "; the server limited both"

    def say(holds: Holds) -> Finding:
        if found is None:
            text, says = f"{begin} {called(large)} cannot be held against itself with {sizes[1]}{rider}.", UNKNOWN
            return finding(figures, text, says, None, large, small)
        answered = f"{called(large)} answered {times(found.estimate)} as many requests a second as with {sizes[1]}"
        none = f"{begin} {answered}, which cannot be told from no difference{doubt(found.estimate)}{rider}."
        text, says = by_test(holds, f"{begin} {answered}; {FEW}.", f"{begin} {answered}{rider}.", none)
        return finding(figures, text, says, found.estimate, large, small)

    return Statement(say, tests, lead=True)


KIND = Kind("sizes", "What a size does", _statements)
