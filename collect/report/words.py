"""How figures are written, the same on the terminal and on the page."""

from __future__ import annotations

from collect.report.figures import CellFigures, RatioFigures, RunFigures
from collect.statistics.intervals import MIN_BLOCKS, Estimate

NOTHING = "–"
PEGGED = 0.95
"""A host that uses more of its CPU set than this has none left to speak of."""


def number(value: float | None, digits: int = 2) -> str:
    """Return a figure with a fixed number of decimals; a dash for one that is not known."""
    return NOTHING if value is None else f"{value:,.{digits}f}"


def counted(count: int, thing: str) -> str:
    """Return how many of a thing there are."""
    return f"{count:,} {thing}{'s' * (count != 1)}"


def whole(value: object) -> str:
    """Return a value of the archive with all its digits."""
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return NOTHING if value is None else str(value)


def spread(estimate: Estimate) -> str:
    """Return how sure a figure is: half of its 95 % interval in per cent, or that there is none."""
    if estimate.half_width is None:
        return f"({estimate.blocks} of {MIN_BLOCKS} blocks)"
    return f"± {estimate.half_width:.1%}"


def share(used: float | None, of: float | None) -> str:
    """Return the part of a host's CPU set that is in use, in per cent."""
    return NOTHING if used is None or not of else f"{used / of:.0%}"


def interval(estimate: Estimate, digits: int = 2) -> str:
    """Return the 95 % interval in words."""
    if estimate.low is None or estimate.high is None:
        return f"no interval from fewer than {MIN_BLOCKS} blocks"
    return f"95 % interval {estimate.low:.{digits}f} to {estimate.high:.{digits}f}"


def article_ratio(ratio: RatioFigures) -> str:
    """Return the article's own ratio, and the one by its prose where that differs."""
    if ratio.article is None:
        return "not in the article"
    by_text = f", {ratio.article_text:.2f} by its text" if ratio.article_text else ""
    return f"article: {ratio.article:.1f}{by_text}"


def ratio_line(ratio: RatioFigures) -> str:
    """Return a ratio as one sentence."""
    names = f"{ratio.top.variant} / {ratio.bottom.variant}"
    figure = f"{ratio.ratio.value:.2f} ({interval(ratio.ratio)}, {counted(ratio.ratio.blocks, 'block')})"
    return f"{names} on {ratio.top.workload}: {figure}; {article_ratio(ratio)}"


def pegged(cell: CellFigures, side: str) -> bool:
    """Say whether a host had no CPU left while the cell was measured."""
    used, cpus = cell.means.get(f"{side}_cpu_cores"), cell.means.get(f"{side}_cpus")
    return bool(used and cpus and used / cpus > PEGGED)


def caveat(figures: RunFigures) -> str:
    """Return what a reader must know before taking a ratio for the frameworks' own."""
    held = [f"{cell.variant} on {cell.workload}" for cell in figures.cells if pegged(cell, "client")]
    text = "What limited each figure is not judged yet."
    if held and len(held) == len(figures.cells):
        return f"{text} The client had no CPU left in any of the cells: each rate may be the client's own."
    if held:
        return f"{text} The client had no CPU left in {_listed(held)}: there the rate may be the client's own."
    return f"{text} The CPU of both hosts stands beside it."


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
