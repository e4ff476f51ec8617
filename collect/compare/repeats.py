"""How far repeated runs lie apart: what a difference between two runs has to stand out of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from collect.archive.store import Archive
from collect.compare.heads import Head
from collect.compare.metadata import Traits, alike, traits
from collect.compare.series import Outcome, by_run, logs
from collect.statistics.unpaired import RunEffect, run_effect

MOST_RUNS = 50
"""The newest runs that are asked: enough to know the run effect, few enough to be read at once."""


def repeated_runs(
    heads: Iterable[Head], wanted: Mapping[str, Traits], despite: Iterable[str] = ()
) -> list[dict[str, list[Head]]]:
    """Return families of runs that should not differ: of one commit without changes, by cell.

    ``heads`` are the oldest first, ``wanted`` the cells and what must be true of them. A cell that was measured once
    in a family is left out.
    """
    allowed = frozenset(despite)
    families: dict[str, dict[str, list[Head]]] = {}
    told = [
        head
        for head in heads
        if head.commit is not None and head.dirty is False and not wanted.keys().isdisjoint(head.cells)
    ]
    for head in told[-MOST_RUNS:]:
        planned = head.cells
        for name, needed in wanted.items():
            if name in planned and alike(traits(head, planned[name]), needed, allowed):
                families.setdefault(str(head.commit), {}).setdefault(name, []).append(head)
    kept = ({name: runs for name, runs in family.items() if len(runs) > 1} for family in families.values())
    return [family for family in kept if family]


def run_effects(
    archive: Archive, families: Sequence[Mapping[str, Sequence[Head]]], outcomes: Iterable[Outcome]
) -> dict[str, RunEffect | None]:
    """Return the run effect by outcome, estimated over all cells of all families; None where nothing was repeated."""
    heads = {head.run_id: head for family in families for runs in family.values() for head in runs}
    names = {name for family in families for name in family}
    rows, _ = by_run(archive, heads.values(), names)
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
