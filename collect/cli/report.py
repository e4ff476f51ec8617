"""``collect report``: the page of a run, and the same in sentences beside it."""

from __future__ import annotations

from pathlib import Path

import click

from collect.archive.store import Archive
from collect.cli import complete
from collect.cli.archive import print_run
from collect.cli.common import archive_option, json_option, print_json
from collect.errors import BenchError
from collect.paths import shown


@click.command()
@click.argument("run", default="latest", shell_complete=complete.runs)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Where to write it; default: <run id>.html in the archive."
)
@click.option("--table", is_flag=True, help="Print the figures, too, as `collect show` does.")
@archive_option
@json_option
def report(run: str, output: Path | None, table: bool, archive_dir: Path, as_json: bool) -> None:
    """Draw the report of RUN (default: the latest): one HTML file that needs no network, its sentences beside it.

    \b
    Examples:
      collect report
      collect report 20261126T142747Z -o report.html
      collect report latest --table
    """
    archive = Archive(archive_dir)
    run_id = archive.resolve(run)
    from collect.findings import markdown
    from collect.findings.page import findings
    from collect.report.extras import extras
    from collect.report.figures import run_figures
    from collect.report.html import render

    path = output or archive.folder(run_id).with_suffix(".html")
    figures = run_figures(archive, run_id)
    _write(path, render(archive, run_id, figures))
    if path.is_file():
        sentences = findings(figures, extras(figures))
        _write(markdown.beside(path), markdown.render(figures, sentences, path.name))
    if as_json:
        from collect.report.data import run_data

        beside = str(markdown.beside(path))
        print_json({"run_id": run_id, "report": str(path), "findings_file": beside, **run_data(figures)})
    elif table:
        print_run(archive, figures)
    else:
        click.echo(shown(path))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BenchError(f"cannot write the report: {error.strerror}", shown(path), "choose another with -o") from error
