"""Several ratios of one kind taken together: one figure a block, so that the noise of single cells evens out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from collect.findings.evidence import Blocks, divided, paired, together
from collect.findings.prose import FEW, doubt, times, way
from collect.findings.statement import Finding, Holds, Statement, by_test, finding, tested
from collect.report.figures import CellFigures, RatioFigures, RunFigures
from collect.report.words import counted

Figure = Callable[[RunFigures, CellFigures], Blocks]
"""What of a cell is compared, by block."""


def overall(
    figures: RunFigures, begin: str, what: tuple[str, str], ratios: Iterable[RatioFigures], figure: Figure
) -> Iterator[Statement]:
    """Yield a statement of the geometric mean of the ratios of each way of measuring.

    None for a way with fewer than two of them or without a common block. ``begin`` says what the pairs are of; ``what``
    says what may differ, and the sentence where it does, with {times} for the figure.
    """
    ways: dict[tuple[str, str], list[RatioFigures]] = {}
    for ratio in ratios:
        ways.setdefault((ratio.top.profile, ratio.top.generator), []).append(ratio)
    for mine in ways.values():
        yield from _of_a_way(figures, begin, what, mine, figure)


def _of_a_way(
    figures: RunFigures, begin: str, what: tuple[str, str], ratios: Sequence[RatioFigures], figure: Figure
) -> Iterator[Statement]:
    by_block = [divided(figure(figures, ratio.top), figure(figures, ratio.bottom)) for ratio in ratios]
    most = max(map(len, by_block))
    # A pair that lacks a block would take that block from all others.
    used = [(ratio, blocks) for ratio, blocks in zip(ratios, by_block, strict=True) if len(blocks) == most]
    mean = together(blocks for _, blocks in used)
    found = paired(mean, dict.fromkeys(mean, 1.0), pool="")
    if len(used) < 2 or found is None:
        return
    tests, estimate = tested(differ=found.differs()), found.estimate
    cells = [cell for ratio, _ in used for cell in (ratio.top, ratio.bottom)]
    begin = f"Over {len(used)} {begin}, {way(cells[0].profile, cells[0].generator)}"
    left_out = len(ratios) - len(used)
    lacks = "lacks" if left_out == 1 else "lack"
    rider = f"; {counted(left_out, 'pair')} that {lacks} a block left out" * bool(left_out)

    def say(holds: Holds) -> Finding:
        said = f"{begin}, {what[1].format(times=times(estimate))}, by the geometric mean"
        told = f"{times(estimate)}{doubt(estimate)}{rider}"
        none = f"{begin}, a difference in {what[0]} cannot be told from none: {told}."
        text, says = by_test(holds, f"{said}{rider}; {FEW}.", f"{said}{rider}.", none)
        return finding(figures, text, says, estimate, *cells)

    yield Statement(say, tests, lead=True, about="overall")
