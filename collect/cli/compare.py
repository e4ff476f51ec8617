"""``collect compare``: two runs, cell by cell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collect.archive.store import Archive
from collect.cli import complete
from collect.cli.common import (
    archive_option,
    despite_option,
    json_option,
    outcome_option,
    print_json,
    print_table,
    say,
)
from collect.errors import BenchError

if TYPE_CHECKING:
    from collect.compare.again import Again
    from collect.compare.runs import Comparison

REFUSED = "refused"


@click.command()
@click.argument("first", shell_complete=complete.runs)
@click.argument("second", required=False, shell_complete=complete.runs)
@click.option(
    "--margin", type=float, default=0.05, show_default=True, metavar="SHARE",
    help="A ratio within 1 + SHARE and its inverse counts as the same.",
)  # fmt: skip
@outcome_option
@despite_option
@archive_option
@json_option
def compare(
    first: str, second: str | None, margin: float, by: str, despite: tuple[str, ...], archive_dir: Path, as_json: bool
) -> int:
    """Hold the run SECOND against FIRST (ids, prefixes or "latest"), cell by cell, by blocks that are not paired.

    With one run: that against the one that it repeats, which its manifest names; what else has changed is told.

    Exit code 0: no cell is known to differ; 1: one is; 2: they cannot be compared.

    \b
    Examples:
      collect compare 20261126T142747Z latest
      collect compare latest
      collect compare 20261126T142747Z latest --margin 0.02 --by cpu --json
      collect compare 20261126T142747Z latest --despite kernel,packages
    """
    from collect.compare.again import compare_again
    from collect.compare.metadata import check_names
    from collect.compare.runs import compare_runs
    from collect.compare.series import OUTCOMES

    if not 0 < margin < 1:
        raise BenchError(f"{margin:g} is out of range", "--margin", "give a share above 0 and below 1, such as 0.05")
    archive = Archive(archive_dir)
    allowed = check_names(despite)
    again: Again | None = None
    if second is None:
        again = compare_again(archive, archive.resolve(first), OUTCOMES[by], margin, allowed)
        found = again.found
    else:
        found = compare_runs(archive, archive.resolve(first), archive.resolve(second), OUTCOMES[by], margin, allowed)
    if as_json:
        print_json(_data(found) | _answer(again))
    else:
        _print(found)
        for line in again.lines if again else ():
            say(line)
    return 1 if found.different else 0


def _print(found: Comparison) -> None:
    from collect.compare.metadata import in_words
    from collect.compare.words import comparison_notes, limits, ratio

    names = ("cell", "blocks", "RPS", "CPU per request", "limited by", "verdict", "why")
    rows = [
        [
            cell.cell,
            "{}, {}".format(*cell.figures[found.by.key].blocks),
            ratio(cell.figures["rps"]),
            ratio(cell.figures["cpu"]),
            limits(cell.limited_by),
            cell.verdict,
            None if cell.figures[found.by.key].low is not None else cell.why,
        ]
        for cell in found.cells
    ]
    rows += [[name, None, None, None, None, REFUSED, in_words(differs)] for name, differs in found.refused.items()]
    shown = len(names) if any(row[-1] for row in rows) else len(names) - 1
    print_table(names[:shown], [row[:shown] for row in rows])
    click.echo()
    for line in comparison_notes(found, terminal=True):
        say(line)


def _data(found: Comparison) -> dict[str, Any]:
    return {
        "first": _run(found.first),
        "second": _run(found.second),
        "by": found.by.key,
        "margin": found.margin,
        "despite": found.despite,
        "different": found.different,
        "cells": found.cells,
        "refused": found.refused,
        "only_first": found.only_first,
        "only_second": found.only_second,
        "together": found.together,
        "run_to_run": found.effects,
    }


def _answer(again: Again | None) -> dict[str, Any]:
    """Return what is told besides of a run and the one that it repeats."""
    if again is None:
        return {}
    changed = [each.in_words() for each in again.changed]
    return {"repeats": again.repeats.to_json(), "answer": again.verdict, "said": again.lines, "changed": changed}


def _run(head: Any) -> dict[str, Any]:
    return {
        "run_id": head.run_id, "created_at": head.created_at, "plan": head.plan["name"],
        "commit": head.commit, "dirty": head.dirty,
    }  # fmt: skip
