"""``collect export``, ``import``, ``bundle``: what goes out of an archive, and what comes in."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from collect.archive.store import Archive
from collect.cli import complete
from collect.cli.common import archive_option, json_option, print_json, say
from collect.cli.filters import filter_options
from collect.errors import BenchError
from collect.paths import shown
from collect.transfer.export import FORMS, VIEWS, export_file, export_stream

if TYPE_CHECKING:
    from collect.archive.filters import Filters
    from collect.transfer.take import RefusedError, Taken

STDOUT = Path("-")


@click.command()
@click.argument("run", required=False, shell_complete=complete.runs)
@click.option("--as", "form", type=click.Choice(FORMS), required=True, help="In which form.")
@click.option("--view", type=click.Choice(VIEWS), help="Which rows (default: trials); Locust's files are of requests.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help='Where to: a file, "-" for stdout, for Locust\'s files a folder that is not there yet.',
)
@filter_options
@archive_option
def export(run: str | None, form: str, view: str | None, output: Path, filters: Filters, archive_dir: Path) -> None:
    """Write the rows of RUN, or of all runs that the filters choose, in a form that others read.

    csv: with a header line, texts safe in a spreadsheet. parquet: one file like the archive's. openmetrics: trials or
    samples with their moments, in base units. locust: the requests of each trial's window as Locust's own CSV files.
    docs/archive.md says what columns mean.

    \b
    Examples:
      collect export latest --as csv -o trials.csv
      collect export --plan article --since 2026-11-01 --as parquet --view requests -o requests.parquet
      collect export latest --as openmetrics --view samples -o samples.om
      collect export latest --as locust -o locust-files
    """
    archive = Archive(archive_dir)
    if run is not None and filters.chooses:
        raise BenchError("a run is named, and others are asked for", "export", "leave away RUN or the filters")
    run_ids = [archive.resolve(run)] if run is not None else list(_chosen(archive, filters))
    if output != STDOUT:
        export_file(archive, run_ids, form, view, output)
        click.echo(shown(output))
        return
    if form == "parquet" and sys.stdout.isatty():
        raise BenchError("parquet is nothing to look at", "-o -", "name a file, or send it into a pipe")
    sys.stdout.flush()
    export_stream(archive, run_ids, form, view, sys.stdout.buffer)


@click.command("import")
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FOLDER|TAR...")
@archive_option
@json_option
def import_runs(sources: tuple[Path, ...], archive_dir: Path, as_json: bool) -> int:
    """Take sealed runs into the archive: a run's FOLDER, all of another archive, a TAR of either, or a bundle.

    Each is verified before it is taken. One that is there already is left alone, if it is the same, else refused; exit
    code 2 when anything was refused. Tags and notes that lie beside a run come along.

    \b
    Examples:
      collect import /mnt/usb/20261126T142747Z-6387e2
      collect import run.tar.gz --archive /data/archive
      collect import /mnt/other/archive --json
    """
    from collect.cli.progress import progress
    from collect.transfer.chains import NOT_TAKEN
    from collect.transfer.take import Taken, importing, items

    todo = [item for source in sources for item in items(source)]
    outcomes: list[Taken | RefusedError] = []
    # On a terminal a bar is in the way of lines.
    stream = not as_json and (len(todo) < 2 or not sys.stderr.isatty())
    try:
        with importing(archive_dir) as importer, progress("importing", len(todo), "runs") as step:
            for item in todo:
                for outcome in importer.take(item):
                    outcomes.append(outcome)
                    if stream:
                        _say(outcome)
                step()
    finally:
        # What was taken before a disk was full is told, too.
        if as_json:
            print_json(list(_data(outcomes)))
        elif not stream:
            for outcome in outcomes:
                _say(outcome)
    good = all(isinstance(outcome, Taken) and outcome.labels not in NOT_TAKEN for outcome in outcomes)
    return 0 if good else 2


@click.command()
@click.argument("run", shell_complete=complete.runs)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="The file to write: .tar.gz, .tgz or .zip.",
)
@archive_option
@json_option
def bundle(run: str, output: Path, archive_dir: Path, as_json: bool) -> None:
    """Put the run RUN into one file for others: its data as sealed, tags and notes, report, sentences, lock files.

    In it `verify.py` checks the data with nothing but Python, and draws the main figures again from the raw requests.
    `collect import` takes a bundle. The same run gives the same bytes; one that repeats another tells of both.

    \b
    Examples:
      collect bundle latest -o run.tar.gz
      collect bundle 20261126T142747Z -o run.zip --json
    """
    from collect.transfer.bundle import bundle as write
    from collect.transfer.bundle import draw

    archive = Archive(archive_dir)
    run_id = archive.resolve(run)
    write(archive, run_id, output, lambda: draw(archive, run_id))
    if as_json:
        print_json({"run_id": run_id, "bundle": str(output), "bytes": output.stat().st_size})
    else:
        click.echo(shown(output))


def _chosen(archive: Archive, filters: Filters) -> Iterator[str]:
    """Yield the runs that filters choose; those that cannot be read are told and left out."""
    from collect.archive.filters import select

    entries = select(archive, filters)
    if not entries:
        raise BenchError("no run fits", shown(archive.path), "ask for less, or see `collect list`")
    for entry in entries:
        if entry.problem:
            say(f"left out: {entry.problem}", err=True)
        else:
            yield entry.run_id


def _say(outcome: Taken | RefusedError) -> None:
    """Tell what became of a run: on stdout, what was refused on stderr."""
    from collect.transfer.chains import NOT_TAKEN
    from collect.transfer.take import Taken

    if not isinstance(outcome, Taken):
        say(f"error: {outcome}", err=True)
        return
    known = "" if outcome.labels in NOT_TAKEN or not outcome.labels else f", {outcome.labels}"
    say(f"{outcome.run_id}: {outcome.outcome}{known}")
    if outcome.labels in NOT_TAKEN:
        remedy = "see `collect show` in both archives, then label it by hand"
        say(f"error: {outcome.labels} ({outcome.run_id}): {remedy}", err=True)


def _data(outcomes: Iterable[Taken | RefusedError]) -> Iterator[dict[str, str | None]]:
    from collect.transfer.take import Taken

    for outcome in outcomes:
        if isinstance(outcome, Taken):
            yield {"run_id": outcome.run_id, "outcome": outcome.outcome, "labels": outcome.labels or None}
        else:
            yield {"run_id": None, "outcome": "refused", "error": str(outcome)}
