"""The ladder: from the article's setup one factor at a time to equal terms, in both orders.

The step of a factor is L before it less L with it, so the steps and what is left, L of all factors, sum to the whole
whatever the numbers are: a telescoping sum, which is a product of ratios once it is carried back from logs. What a step
is worth depends on what has been changed before it; that is why it is measured in both orders.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collect.designs.estimates import LogEstimate, moderated_over_blocks, over_blocks
from collect.designs.model import ASYNC, SYNC, Design, Setting, complete_blocks


@dataclass(frozen=True)
class Step:
    """One factor's part in one order."""

    factor: str
    before: Setting
    after: Setting
    part: LogEstimate
    """By how many times it makes the ratio larger to have it the article's way."""
    running: float
    """The log ratio once the step is done, mean over blocks."""
    cells: tuple[str, ...]
    """What was measured for it."""


@dataclass(frozen=True)
class Ladder:
    """Both orders over the same blocks."""

    whole: LogEstimate
    left: LogEstimate
    """Async itself."""
    orders: Mapping[str, Sequence[Step]]
    both: Mapping[str, LogEstimate]
    """By factor: the mean over both orders (of the log), two of the orders that a Shapley share is the mean of."""

    def product_error(self, order: str) -> float:
        """Return how far the product of an order's steps and what is left is from the whole, as a share of it."""
        product = self.left.value
        for step in self.orders[order]:
            product *= step.part.value
        return abs(product / self.whole.value - 1)


def climb(design: Design, logs: Mapping[str, Mapping[int, float]]) -> Ladder | None:
    """Return the ladder from the log rates by cell and block; None where no block holds a usable trial of every cell.

    Each block is an experiment of its own: its steps are differences within it, and their intervals t intervals over
    blocks (Student 1908), the spread of each step drawn towards what is usual among them (Smyth 2004, see
    collect/statistics/moderated.py). The p values are corrected over the steps of both orders (Holm 1979).
    """
    blocks = complete_blocks(design, logs)
    if not blocks:
        return None
    ratio = {
        row.equal: [logs[row.cells[ASYNC]][block] - logs[row.cells[SYNC]][block] for block in blocks]
        for row in design.rows
    }
    parts: dict[tuple[str, str], list[float]] = {}
    for name, order in design.orders.items():
        for count, factor in enumerate(order):
            before, after = frozenset(order[:count]), frozenset(order[: count + 1])
            parts[name, factor] = [a - b for a, b in zip(ratio[before], ratio[after], strict=True)]
    sure = dict(zip(parts, moderated_over_blocks(list(parts.values())), strict=True))
    means = [
        [(a + b) / 2 for a, b in zip(*(parts[order, factor] for order in design.orders), strict=True)]
        for factor in design.names
    ]
    both = dict(zip(design.names, moderated_over_blocks(means), strict=True))
    orders = {
        name: [_step(design, ratio, order, count, sure[name, order[count]]) for count in range(len(order))]
        for name, order in design.orders.items()
    }
    return Ladder(over_blocks(ratio[frozenset()]), over_blocks(ratio[design.all]), orders, both)


def _step(
    design: Design, ratio: Mapping[Setting, Sequence[float]], order: Sequence[str], count: int, part: LogEstimate
) -> Step:
    before, after = frozenset(order[:count]), frozenset(order[: count + 1])
    cells = [cell for setting in (before, after) for cell in design.row(setting).cells.values()]
    return Step(order[count], before, after, part, statistics.fmean(ratio[after]), tuple(dict.fromkeys(cells)))
