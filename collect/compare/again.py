"""A run against the one that it repeats: what changed of the conditions, what of the figures, and the one answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collect.archive.store import Archive
from collect.compare.heads import Head, read_head
from collect.compare.metadata import CLIENTS, Difference, differences, only_one_has, table, traits
from collect.compare.packages import spelled_out
from collect.compare.runs import MARGIN, SAME, UNKNOWN, CellComparison, Comparison, compare_runs
from collect.compare.series import OUTCOMES, Outcome
from collect.compare.words import ratio
from collect.errors import BenchError
from collect.rerun.repeats import Repeats, repeats_of

DIFFERENT = "different"
UNSURE = (
    "How far repeated runs lie apart is not known here, so a difference may be no more than that: measure it again, on"
    " the same commit, to know."
)
MOST_NAMED = 3
"""Cells, and things that changed, that the answer names; the table has all."""


@dataclass(frozen=True)
class Again:
    """A run and the one that it repeats."""

    repeats: Repeats
    found: Comparison
    changed: Sequence[Difference]
    """What differs of the conditions of any cell that both have, whether it was allowed or not."""

    @property
    def differing(self) -> list[CellComparison]:
        """The cells that are known to differ."""
        words = (self.found.by.rising, self.found.by.falling)
        return [cell for cell in self.found.cells if cell.verdict in words]

    @property
    def verdict(self) -> str:
        """The answer in a word: same, different or unknown."""
        if self.differing:
            return DIFFERENT
        whole = not self.found.refused and all(cell.verdict == SAME for cell in self.found.cells)
        return SAME if whole else UNKNOWN

    @property
    def lines(self) -> list[str]:
        """The answer in sentences: the figures, the conditions, the code, and where it is less sure than it looks."""
        unsure = bool(self.differing) and self.found.effects[self.found.by.key] is None
        return [self._figures(), self._conditions(), self._code(), *[UNSURE] * unsure]

    def _figures(self) -> str:
        cells, share = self.found.cells, f"{100 * self.found.margin:g} %"
        before = f"{self.found.first.run_id} ({self.found.first.created_at[:10]})"
        if self.verdict == SAME:
            return f"The same as {before}: of {_counted(len(cells))} each is within {share}, by {self.found.by.title}."
        same = sum(cell.verdict == SAME for cell in cells)
        unknown = sum(cell.verdict == UNKNOWN for cell in cells)
        rest = f"{same} within {share}, {unknown} not known"
        if refused := len(self.found.refused):
            rest += f", {refused} not compared"
        if not self.differing:
            return f"No difference from {before} that can be told, by {self.found.by.title}: {rest}."
        named = [f"{cell.cell} {cell.verdict} {self._ratio(cell)}" for cell in self.differing[:MOST_NAMED]]
        more = len(self.differing) - len(named)
        listed = "; ".join(named) + (f"; and {more} more" if more else "")
        differ = f"{len(self.differing)} of {_counted(len(cells) + refused)} differ{'s' * (len(self.differing) == 1)}"
        return f"Not the same as {before}: {differ}, by {self.found.by.title}: {listed}; {rest}."

    def _conditions(self) -> str:
        if not self.changed:
            return "Under the same conditions: machines, kernel, versions and settings."
        named = [each.in_words() for each in self.changed[:MOST_NAMED]]
        more = len(self.changed) - len(named)
        return f"What changed meanwhile: {'; '.join(named)}{f'; and {more} more' if more else ''}."

    def _code(self) -> str:
        first, second = self.found.first, self.found.second
        if first.code == second.code and first.commit is not None and not first.dirty:
            return f"By the same code, {first.code}."
        return f"The code was {first.code}, now it was {second.code}."

    def _ratio(self, cell: CellComparison) -> str:
        return ratio(cell.figures[self.found.by.key])


def compare_again(
    archive: Archive, run_id: str, by: Outcome = OUTCOMES["rps"], margin: float = MARGIN, despite: Collection[str] = ()
) -> Again:
    """Compare a sealed run with the one that it repeats.

    Where that was asked for, what was allowed to differ then may, and the names in ``despite``; of a run that is just
    alike everything may, and is told. BenchError where a run repeats none, the other one is not in the archive, or they
    cannot be compared.
    """
    repeats = repeats_of(archive.manifest(run_id))
    if repeats is None:
        raise BenchError("the run repeats no other", run_id, "name two runs; `collect list` has them")
    if repeats.run_id not in archive.run_ids():
        problem = f"the run {repeats.run_id}, which it repeats, is not in the archive"
        raise BenchError(problem, run_id, "import that one, or name two runs that are there")
    heads = read_head(archive, repeats.run_id), read_head(archive, run_id)
    every = _changed(*heads)
    changed = [each for each in every if not only_one_has(each, *heads)]
    known = table().keys()
    allowed = {*repeats.despite, *despite} & known if repeats.asked else {each.name for each in every} | set(despite)
    if CLIENTS in allowed:
        allowed |= {each.name for each in every} - {each.name for each in changed}
    found = compare_runs(archive, repeats.run_id, run_id, by, margin, allowed)
    return Again(repeats, found, spelled_out(changed, *heads))


def again_data(again: Again) -> dict[str, Any]:
    """Return the same as plain data, for ``--json``."""
    return {
        **again.repeats.to_json(),
        "verdict": again.verdict,
        "said": again.lines,
        "changed": [each.in_words() for each in again.changed],
        "code": [again.found.first.code, again.found.second.code],
        "margin": again.found.margin,
        "differing": len(again.differing),
        "cells": [_cell_data(cell) for cell in again.found.cells],
        "refused": {name: [each.in_words() for each in found] for name, found in again.found.refused.items()},
    }


def _cell_data(cell: CellComparison) -> Mapping[str, Any]:
    figures = {key: {**vars(figure), "blocks": list(figure.blocks)} for key, figure in cell.figures.items()}
    return {"cell": cell.cell, "verdict": cell.verdict, "why": cell.why, "figures": figures}


def _changed(first: Head, second: Head) -> list[Difference]:
    """Return what differs of the conditions of any cell that both runs have, each thing once."""
    found: dict[tuple[str, str], Difference] = {}
    for name, cell in second.cells.items():
        if name in first.cells:
            for each in differences(traits(first, first.cells[name]), traits(second, cell)):
                found.setdefault((each.name, each.where), each)
    return list(found.values())


def _counted(cells: int) -> str:
    return f"{cells} cell{'s' * (cells != 1)}"
