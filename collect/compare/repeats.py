"""How far repeated runs lie apart: what a difference between two runs has to stand out of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from collect.compare.heads import Head
from collect.compare.metadata import Traits, alike, traits
from collect.compare.recorded import Recorded
from collect.compare.series import Outcome, by_run, logs
from collect.statistics.unpaired import RunEffect, run_effect

MOST_RUNS = 50
"""The newest runs that are asked: enough to know the run effect, few enough to be read at once."""


@dataclass
class Family:
    """Runs that should not differ: of one commit without changes, alike in all that matters."""

    commit: str | None
    known: dict[str, Traits] = field(default_factory=dict)
    """By cell: what is true of all its runs."""
    runs: dict[str, list[Head]] = field(default_factory=dict)

    def takes(self, head: Head, its: Mapping[str, Traits]) -> bool:
        """Take in a run, unless it differs in anything from those that are there."""
        if head.commit != self.commit or any(self.known.get(name, found) != found for name, found in its.items()):
            return False
        for name, found in its.items():
            self.known[name] = found
            self.runs.setdefault(name, []).append(head)
        return True


def repeated_runs(
    heads: Iterable[Head], wanted: Mapping[str, Traits], despite: Iterable[str] = ()
) -> list[dict[str, list[Head]]]:
    """Return families of runs that should not differ: of one commit without changes, by cell.

    ``heads`` are the oldest first, ``wanted`` the cells and what must be true of them but for the names in ``despite``:
    that is which families count; within a family nothing that matters differs. A cell that was measured once in a
    family is left out.
    """
    allowed = frozenset(despite)
    families: list[Family] = []
    told = [
        head
        for head in heads
        if head.commit is not None and head.dirty is False and not wanted.keys().isdisjoint(head.cells)
    ]
    for head in told[-MOST_RUNS:]:
        every = {name: traits(head, head.cells[name]) for name in wanted if name in head.cells}
        its = {name: found for name, found in every.items() if alike(found, wanted[name], allowed)}
        if its and not any(family.takes(head, its) for family in families):
            families.append(Family(head.commit))
            families[-1].takes(head, its)
    kept = ({name: runs for name, runs in family.runs.items() if len(runs) > 1} for family in families)
    return [family for family in kept if family]


def run_effects(
    recorded: Recorded, families: Sequence[Mapping[str, Sequence[Head]]], outcomes: Iterable[Outcome]
) -> dict[str, RunEffect | None]:
    """Return the run effect by outcome, estimated over all cells of all families; None where nothing was repeated."""
    heads = {head.run_id: head for family in families for runs in family.values() for head in runs}
    names = {name for family in families for name in family}
    rows, _ = by_run(recorded, heads.values(), names)
    return {
        outcome.key: run_effect(
            [
                [
                    [logs(rows[head.run_id][name], outcome) for head in runs if head.run_id in rows]
                    for name, runs in family.items()
                ]
                for family in families
            ]
        )
        for outcome in outcomes
    }
