"""``collect report``: the page of a run."""

from __future__ import annotations

from pathlib import Path

import click

from collect.archive.store import Archive
from collect.cli.archive import print_run
from collect.cli.common import archive_option, json_option, print_json
from collect.errors import BenchError
from collect.paths import shown


@click.command()
@click.argument("run", default="latest")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Where to write it; default: <run id>.html in the archive."
)
@click.option("--table", is_flag=True, help="Print the figures, too, as `collect show` does.")
@archive_option
@json_option
def report(run: str, output: Path | None, table: bool, archive_dir: Path, as_json: bool) -> None:
    """Draw the report of RUN (default: the latest): one HTML file that needs no network."""
    archive = Archive(archive_dir)
    run_id = archive.resolve(run)
    from collect.report.figures import run_figures
    from collect.report.html import render

    path = output or archive.folder(run_id).with_suffix(".html")
    page = render(archive, run_id)
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise BenchError(f"cannot write the report: {error.strerror}", shown(path), "choose another with -o") from error
    if as_json:
        from collect.report.data import run_data

        print_json({"run_id": run_id, "report": str(path), **run_data(run_figures(archive, run_id))})
    elif table:
        print_run(archive, run_figures(archive, run_id))
    else:
        click.echo(shown(path))
