"""What a run's ratio consists of: its ladder or its factorial, each part with what it was measured on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collect.archive.validity import INVALID
from collect.designs.effects import (
    Effect,
    Fit,
    Logs,
    Ratio,
    Term,
    fit_ratio,
    fit_side,
    log_ratio,
    ratio_effects,
    side_effects,
)
from collect.designs.estimates import LogEstimate, over_blocks
from collect.designs.factorial import Fraction
from collect.designs.ladder import Ladder, climb
from collect.designs.model import ARTICLE, ASYNC, EQUAL, LADDER, SIDES, SYNC, Design, complete_blocks
from collect.designs.shapley import Share, removed, shares
from collect.statistics.blocks import rates_by_block

NO_BLOCK = "no block holds a usable trial of every cell"
NOT_APART = "too few of the cells have a usable trial to tell the effects apart"


@dataclass(frozen=True)
class Factorial:
    """What a factorial shows."""

    fits: Mapping[str, Fit]
    ratio: Ratio
    whole: LogEstimate
    """L of no factor, by the model."""
    left: LogEstimate
    """L of all: async itself."""
    removed: LogEstimate
    effects: Mapping[str, Sequence[Effect]]
    """On each side's rate, and on the ratio."""
    shares: Sequence[Share]
    measured: Mapping[str, LogEstimate]
    """Whole and left as the trials of these two settings alone have them, where they are among the runs."""

    @property
    def sum_error(self) -> float:
        """How far shares and what is left are from the whole, on the log scale."""
        return abs(sum(share.estimate.log for share in self.shares) + self.left.log - self.whole.log)


@dataclass(frozen=True)
class Mark:
    """A cell whose rate is not the server's."""

    cell: str
    held: str
    """Why, to go after its name."""


@dataclass(frozen=True)
class Composition:
    """The parts of a run's ratio."""

    design: Design
    blocks: Sequence[int]
    dropped: Sequence[int]
    """Blocks that lack a usable trial of some cell."""
    ladder: Ladder | None
    factorial: Factorial | None
    why: str | None
    """Why there are no parts."""
    held: Mapping[str, str]
    """By cell of the design why its rate is not the server's; nothing for one whose rate is."""

    def marks(self, cells: Iterable[str]) -> list[Mark]:
        """Return which of some cells the client, the network or nothing known held back."""
        return [Mark(cell, self.held[cell]) for cell in dict.fromkeys(cells) if cell in self.held]

    def level_marks(self, names: Iterable[str], sides: Sequence[str] = SIDES) -> dict[str, tuple[int, int]]:
        """Return by level how many of the cells an effect rests on are held back, and of how many."""
        some = set(names)
        found = {}
        for level, equal in ((ARTICLE, False), (EQUAL, True)):
            rows = [row for row in self.design.rows if (some <= row.equal) == equal]
            cells = {row.cells[side] for row in rows for side in sides}
            found[level] = (len(cells & self.held.keys()), len(cells))
        return found


def log_rates(rows: Iterable[Mapping[str, Any]]) -> Logs:
    """Return the log rates of usable trials of cells, by cell and block."""
    mine: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if (row.get("kind") or "cell") == "cell" and row["validity"] != INVALID:
            mine.setdefault(row["cell"], []).append(row)
    return {
        cell: {block: math.log(rate) for block, rate in rates_by_block(each).items()} for cell, each in mine.items()
    }


def compose(design: Design, logs: Logs, held: Mapping[str, str], seed: int) -> Composition:
    """Return what the ratio consists of; ``held`` as in Composition, ``seed`` is that of the bootstrap's draws."""
    mine = {cell: logs.get(cell, {}) for side in SIDES for cell in design.cells(side)}
    blocks = complete_blocks(design, mine)
    dropped = sorted({block for by_block in mine.values() for block in by_block} - set(blocks))
    if design.kind == LADDER:
        ladder = climb(design, mine)
        return Composition(design, blocks, dropped, ladder, None, None if ladder else NO_BLOCK, held)
    made = factorial(design, mine, seed)
    return Composition(design, blocks, dropped, None, made, None if made else NOT_APART, held)


def factorial(design: Design, logs: Logs, seed: int) -> Factorial | None:
    """Return what a factorial shows; None where its usable trials cannot tell the effects apart."""
    terms = Fraction(design.names, design.full, design.generators).terms()
    fitted = fit(design, terms, logs)
    if fitted is None:
        return None
    fits, ratio = fitted
    blocks = [
        one[1]
        for block in complete_blocks(design, logs)
        if (one := fit(design, terms, {cell: {block: by_block[block]} for cell, by_block in logs.items()}))
    ]
    ends = {"whole": frozenset[str](), "left": design.all}
    rows = {row.equal: row for row in design.rows}
    measured = {
        name: estimate
        for name, setting in ends.items()
        if (row := rows.get(setting)) and (estimate := _measured(row.cells, logs))
    }
    effects = {side: side_effects(each) for side, each in fits.items()} | {"ratio": ratio_effects(ratio)}
    return Factorial(
        fits, ratio, log_ratio(ratio, ends["whole"]), log_ratio(ratio, ends["left"]), removed(design, ratio), effects,
        shares(design, ratio, blocks, seed), measured,
    )  # fmt: skip


def fit(design: Design, terms: Sequence[Term], logs: Logs) -> tuple[dict[str, Fit], Ratio] | None:
    """Fit both sides and their ratio; None where the usable trials cannot tell the effects apart."""
    fits = {side: each for side in SIDES if (each := fit_side(design, terms, logs, side))}
    ratio = fit_ratio(design, terms, logs, fits) if len(fits) == len(SIDES) else None
    return (fits, ratio) if ratio else None


def _measured(cells: Mapping[str, str], logs: Logs) -> LogEstimate | None:
    top, bottom = logs[cells[ASYNC]], logs[cells[SYNC]]
    blocks = sorted(top.keys() & bottom.keys())
    return over_blocks([top[block] - bottom[block] for block in blocks]) if blocks else None
