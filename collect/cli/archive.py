"""``collect list``, ``show``, ``verify``: what the archive holds, and whether it is as it was sealed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collect.archive.partial import partial_ids
from collect.archive.store import Archive
from collect.cli.common import archive_option, json_option, print_json, print_table
from collect.errors import BenchError

if TYPE_CHECKING:
    from collect.report.figures import RunFigures


@click.command("list")
@archive_option
@json_option
def list_runs(archive_dir: Path, as_json: bool) -> None:
    """List the sealed runs, oldest first, and those under way."""
    archive = Archive(archive_dir)
    entries = [_entry(archive, run_id) for run_id in archive.run_ids()]
    entries += [{"run_id": run_id, "validity": "not sealed"} for run_id in partial_ids(archive_dir)]
    if as_json:
        print_json(entries)
        return
    for entry in entries:
        ratios = entry.get("ratios") or ()
        entry["comparable"] = f"{sum(ratio['comparable'] for ratio in ratios)} of {len(ratios)}" if ratios else None
    names = ("run_id", "plan", "inventory", "trials", "validity", "comparable", "reasons")
    print_table(names, [[entry.get(name) for name in names] for entry in entries])


@click.command()
@click.argument("run")
@click.argument("trial", required=False)
@archive_option
@json_option
def show(run: str, trial: str | None, archive_dir: Path, as_json: bool) -> None:
    """Show the run RUN (an id, a prefix of one, or "latest"), or one TRIAL (its id or ordinal) with all its figures."""
    archive = Archive(archive_dir)
    run_id = archive.resolve(run)
    if trial is not None:
        _show_trial(archive, run_id, trial, as_json=as_json)
        return
    from collect.report.figures import run_figures

    figures = run_figures(archive, run_id)
    if as_json:
        from collect.report.data import run_data

        print_json({"manifest": figures.manifest, "trials": figures.rows, **run_data(figures)})
        return
    print_run(archive, figures)


def print_run(archive: Archive, figures: RunFigures) -> None:
    """Print the tables of a run, and where its entry and report are."""
    from rich.console import Console

    from collect.report.text import render

    entry = archive.folder(str(figures.manifest["run_id"]))
    page = entry.with_suffix(".html")
    render(figures, Console(width=_width()), entry, page if page.is_file() else None)


@click.command()
@click.argument("runs", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Verify every run, those under way included.")
@archive_option
@json_option
def verify(runs: tuple[str, ...], every: bool, archive_dir: Path, as_json: bool) -> int:
    """Check that RUNS (default: the latest) are to the byte as they were sealed; exit code 1 if one is not."""
    archive = Archive(archive_dir)
    if every:
        names = archive.run_ids() + [path.name for path in archive_dir.glob("*.partial")]
    else:
        names = [name if name.endswith(".partial") else archive.resolve(name) for name in runs or ("latest",)]
    results = {name: archive.verify(name) for name in dict.fromkeys(names)}
    if as_json:
        print_json({name: {"ok": not problems, "problems": problems} for name, problems in results.items()})
    else:
        for name, problems in results.items():
            for line in problems or ["ok"]:
                click.echo(f"{name}: {line}")
    return 1 if any(results.values()) else 0


def _entry(archive: Archive, run_id: str) -> dict[str, Any]:
    try:
        manifest = archive.manifest(run_id)
    except BenchError as error:
        return {"run_id": run_id, "validity": "unreadable", "reasons": [str(error)]}
    from collect.report.manifest import cells_of, ratios_of

    keys = ("run_id", "inventory", "validity", "reasons", "created_at")
    plan = {"plan": manifest["plan"]["name"], "trials": len(manifest["trials"])}
    return {key: manifest[key] for key in keys} | plan | {"cells": cells_of(manifest), "ratios": ratios_of(manifest)}


def _show_trial(archive: Archive, run_id: str, trial: str, *, as_json: bool) -> None:
    from collect.archive.query import open_run
    from collect.archive.tables import columns

    with open_run(archive, run_id) as database:
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
