"""Variants beside one another: by workload from the fastest down, async against sync, today's Python against 3.8's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from collect.catalog import needs_relay
from collect.designs.model import design_of
from collect.report.costs import Measured, measured
from collect.report.figures import CellFigures, RatioFigures, RunFigures, in_articles_order


@dataclass(frozen=True)
class Pairs:
    """Each asynchronous variant against each synchronous one, all on the same Python."""

    ratios: Sequence[RatioFigures]

    @property
    def tops(self) -> list[str]:
        """The asynchronous variants, the fastest first."""
        return list(dict.fromkeys(ratio.top.variant for ratio in self.ratios))

    @property
    def bottoms(self) -> list[str]:
        """The synchronous ones."""
        return list(dict.fromkeys(ratio.bottom.variant for ratio in self.ratios))

    @property
    def best(self) -> list[RatioFigures]:
        """The fastest variant of each asynchronous framework against the fastest of each synchronous one."""
        first: dict[tuple[str, str], RatioFigures] = {}
        for ratio in self.ratios:
            first.setdefault((ratio.top.framework, ratio.bottom.framework), ratio)
        return list(first.values())

    def of(self, top: str, bottom: str) -> RatioFigures:
        """Return the ratio of two variants."""
        return next(ratio for ratio in self.ratios if (ratio.top.variant, ratio.bottom.variant) == (top, bottom))


@dataclass(frozen=True)
class Ranking:
    """The variants of one workload under one load."""

    title: str
    workload: str
    rows: Sequence[Measured]
    """The fastest first; those without a usable trial last."""
    pairs: Sequence[Pairs]
    """By Python."""


def rankings(figures: RunFigures) -> list[Ranking]:
    """Return the ranking of each workload and load of which variants were measured that the article does not have.

    Without those of a map over the delay of Redis (collect/report/maps.py), which has a place for each of its loads.
    None of a ladder or factorial, whose variants are settings (collect/report/composition.py).
    """
    if design_of(figures.manifest["plan"]):
        return []
    found = []
    order = in_articles_order(figures.catalog, (cell.workload for cell in figures.cells))
    loads = dict.fromkeys(cell.load for cell in figures.cells)
    for load in sorted(loads, key=lambda load: order.index(load[0])):
        cells = [cell for cell in figures.cells if cell.load == load]
        if len(cells) < 2 or all(cell.side for cell in cells) or needs_relay(figures.catalog.workloads[load[0]]):
            continue
        cells.sort(key=_rate, reverse=True)
        pairs = [ratio for ratio in figures.ratios if ratio.top.load == load]
        pairs.sort(key=lambda pair: (cells.index(pair.top), cells.index(pair.bottom)))
        workload, users, generator, profile = load
        found.append(
            Ranking(
                f"{workload}, {users} users, {generator}, {profile}",
                workload,
                [measured(figures, cell) for cell in cells],
                [
                    Pairs([pair for pair in pairs if pair.top.python == python])
                    for python in dict.fromkeys(pair.top.python for pair in pairs)
                ],
            )
        )
    return found


@dataclass(frozen=True)
class Renewal:
    """A variant on today's Python and packages against the same on the article's."""

    ratio: RatioFigures
    modern: Measured
    article: Measured


def renewals(figures: RunFigures) -> list[Renewal]:
    """Return what today's versions changed, variant by variant, the workloads in the article's order."""
    order = in_articles_order(figures.catalog, (cell.workload for cell in figures.cells))
    ratios = sorted(figures.pythons, key=lambda ratio: order.index(ratio.top.workload))
    return [Renewal(ratio, measured(figures, ratio.top), measured(figures, ratio.bottom)) for ratio in ratios]


def _rate(cell: CellFigures) -> float:
    return cell.rps.value if cell.rps else -1.0
