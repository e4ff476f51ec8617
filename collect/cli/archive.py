"""``collect list`` and ``show``: what the archive holds."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collect.archive.names import partial_ids
from collect.archive.store import Archive
from collect.cli import complete
from collect.cli.common import archive_option, json_option, least_width, print_json, print_table, say
from collect.cli.filters import filter_options
from collect.cli.labels import labels_data, labels_lines
from collect.errors import BenchError

if TYPE_CHECKING:
    from collect.archive.filters import Filters
    from collect.report.figures import RunFigures

COLUMNS = ("run_id", "date", "plan", "inventory", "trials", "validity", "ratios", "tags", "notes", "reasons")
OFTEN_EMPTY = ("tags", "notes", "reasons")
"""Columns that a terminal shows only where any run has something in them."""
DISPENSABLE = ("date", "inventory", "reasons", "ratios", "notes", "trials", "tags")
"""Columns that a narrow terminal does without, in this order: an id begins with the date, `show` has the others."""
ON_TERMINAL = 50
"""Runs that a terminal shows where no limit is given; a pipe gets all."""


@click.command("list")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the newest N of them.")
@filter_options
@archive_option
@json_option
def list_runs(limit: int | None, filters: Filters, archive_dir: Path, as_json: bool) -> None:
    """List the sealed runs, oldest first, and those under way where no filter is given.

    Under "ratios" stands how many of a run's ratios are comparable, under "notes" how many notes it has (see
    `collect note`).

    \b
    Examples:
      collect list --limit 20
      collect list --plan table --since 2026-03-01 --cell "flask-gunicorn*"
      collect list --cpu-model i7 --validity valid --json
    """
    from collect.archive.filters import select
    from collect.archive.labels import Labels, labelled, labels

    archive = Archive(archive_dir)
    under_way = [] if filters.chooses else partial_ids(archive_dir)
    sealed, terminal = select(archive, filters), sys.stdout.isatty()
    most = limit or (ON_TERMINAL if terminal and not as_json else len(sealed) + len(under_way))
    left_out = max(0, len(sealed) + len(under_way) - most)
    known = set(labelled(archive))
    entries = [
        entry.as_json() | labels_data(labels(archive, entry.run_id) if entry.run_id in known else Labels())
        for entry in sealed[left_out:]
    ]
    entries += [{"run_id": run_id, "validity": "not sealed"} for run_id in under_way[-most:]]
    if as_json:
        print_json(entries)
        return
    rows = [_row(entry) for entry in entries]
    names = [name for name in COLUMNS if name not in OFTEN_EMPTY or not terminal or any(row[name] for row in rows)]
    if terminal:
        names = _fitting(names, rows, shutil.get_terminal_size().columns)
    print_table(names, [[row[name] for name in names] for row in rows])
    if left_out and not limit:
        click.echo(f"{left_out:,} older runs are left out: --limit N shows more, filters find them", err=True)


@click.command()
@click.argument("run", shell_complete=complete.runs)
@click.argument("trial", required=False, shell_complete=complete.trials)
@archive_option
@json_option
def show(run: str, trial: str | None, archive_dir: Path, as_json: bool) -> None:
    """Show the run RUN (an id, a prefix of one, or "latest"), or one TRIAL (its id or ordinal) with all its figures.

    \b
    Examples:
      collect show latest
      collect show 20261126T1427 7
      collect show latest --json
    """
    archive = Archive(archive_dir)
    run_id = archive.resolve(run)
    if trial is not None:
        _show_trial(archive, run_id, trial, as_json=as_json)
        return
    from collect.archive.citation import citation
    from collect.archive.labels import labels
    from collect.report.figures import run_figures

    figures = run_figures(archive, run_id)
    cited, known = citation(archive, run_id, figures.manifest), labels(archive, run_id)
    if as_json:
        from collect.report.data import run_data

        told = {"manifest": figures.manifest, "trials": figures.rows, **run_data(figures)}
        print_json(told | {"labels": labels_data(known), "citation": asdict(cited)})
        return
    for line in labels_lines(known):
        say(line)
    print_run(archive, figures)
    for line in _hosts(figures.manifest["hosts"]):
        say(f"host     {line}")
    say(f"cite     {cited.text}")


def print_run(archive: Archive, figures: RunFigures) -> None:
    """Print the tables of a run, and where its entry and report are."""
    from rich.console import Console

    from collect.cli.harmless import harmless
    from collect.report.text import render

    entry = archive.folder(str(figures.manifest["run_id"]))
    page = entry.with_suffix(".html")
    render(figures, harmless(Console(width=_width())), entry, page if page.is_file() else None)


def _fitting(names: Sequence[str], rows: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    """Return the columns that have room, without breaking a run's id."""
    left = list(names)
    for name in DISPENSABLE:
        if least_width(left, [[row[each] for each in left] for row in rows]) > width and name in left:
            left.remove(name)
    return left


def _row(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cells of a run's row by column."""
    ratios = entry.get("ratios") or ()
    return {
        **{name: entry.get(name) for name in COLUMNS},
        "date": str(entry.get("created_at") or "")[:16].replace("T", " ") or None,
        "ratios": f"{sum(ratio['comparable'] for ratio in ratios)} of {len(ratios)}" if ratios else None,
        "tags": ", ".join(entry.get("tags") or ()) or None,
        "notes": len(entry.get("notes") or ()) or None,
        "reasons": list(entry.get("reasons") or ()),
    }


def _hosts(hosts: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line of each host: what it is."""
    for name, facts in hosts.items():
        memory = facts.get("mem_total")
        parts = [
            facts.get("cpu_model"),
            f"{facts['cpus']} CPU{'s' * (facts['cpus'] != 1)}" if facts.get("cpus") else None,
            f"{memory / 2**30:.1f} GiB" if isinstance(memory, int | float) else None,
            facts.get("distribution"),
            f"kernel {facts['kernel']}" if facts.get("kernel") else None,
            f"governor {facts['governor']}" if facts.get("governor") else None,
        ]
        yield f"{name}: {', '.join(str(part) for part in parts if part) or 'nothing is on record'}"


def _show_trial(archive: Archive, run_id: str, trial: str, *, as_json: bool) -> None:
    from collect.archive.columns import columns
    from collect.archive.query import open_run

    with open_run(archive, run_id, ("trials",)) as database:
        rows = database.rows("SELECT * FROM trials WHERE trial_id = ? OR CAST(ordinal AS VARCHAR) = ?", (trial, trial))
        if not rows:
            known = [row["trial_id"] for row in database.rows("SELECT trial_id FROM trials ORDER BY ordinal")]
            remedy = f"use 1 to {len(known)}, or an id such as {known[0]}"
            raise BenchError(f'there is no trial "{trial}"', run_id, remedy)
    from collect.report.trial import limits, trial_data

    entry = next(entry for entry in archive.manifest(run_id)["trials"] if entry["trial_id"] == rows[0]["trial_id"])
    if as_json:
        print_json(rows[0] | trial_data(entry))
        return
    print_table(("what", "of", "says"), limits(rows[0], entry))
    click.echo()
    units = {name: unit for name, (_, unit, _) in columns()["trials"].items()}
    print_table(("column", "value", "unit"), [[name, value, units.get(name)] for name, value in rows[0].items()])


def _width() -> int | None:
    """Return the width to print to where there is no terminal to ask: COLUMNS, else 100."""
    columns = os.environ.get("COLUMNS", "")
    return None if sys.stdout.isatty() else int(columns) if columns.isdigit() else 100
