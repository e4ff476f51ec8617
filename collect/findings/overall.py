"""Several ratios of one kind taken together: one figure a block, so that the noise of single cells evens out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collect.findings.evidence import Blocks, divided, paired, together
from collect.findings.prose import FEW, doubt, times, way
from collect.findings.statement import FOUND, NONE, UNKNOWN, Finding, Holds, Statement, finding, tested
from collect.report.figures import CellFigures, RunFigures


def overall(
    figures: RunFigures,
    begin: str,
    what: tuple[str, str],
    pairs: Sequence[tuple[Blocks, Blocks]],
    cells: Sequence[CellFigures],
) -> Iterator[Statement]:
    """Yield a statement of the geometric mean of several ratios; none for fewer than two or without a common block.

    ``begin`` says what the pairs are of; ``what`` says what may differ, and the sentence where it does, with {times}
    for the figure.
    """
    ratios = [divided(top, bottom) for top, bottom in pairs]
    most = max(map(len, ratios), default=0)
    # A pair that lacks a block would take that block from all others.
    whole = [ratio for ratio in ratios if len(ratio) == most]
    mean = together(whole)
    found = paired(mean, dict.fromkeys(mean, 1.0), pool="")
    if len(whole) < 2 or found is None:
        return
    tests, estimate = tested(differ=found.differs()), found.estimate
    begin = f"Over {len(whole)} {begin}, {way(cells[0].profile, cells[0].generator)}"

    def say(holds: Holds) -> Finding:
        said = f"{begin}, {what[1].format(times=times(estimate))}, by the geometric mean"
        if not tests:
            text, says = f"{said}; {FEW}.", UNKNOWN
        elif holds["differ"]:
            text, says = f"{said}.", FOUND
        else:
            text = f"{begin}, a difference in {what[0]} cannot be told from none: {times(estimate)}{doubt(estimate)}."
            says = NONE
        return finding(figures, text, says, estimate, *cells)

    yield Statement(say, tests, lead=True, about="overall")
