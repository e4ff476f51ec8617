"""``collect query``: SQL over the sealed runs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from collect.archive.query import TIME_LIMIT_S, Database, readable
from collect.archive.store import Archive
from collect.cli.common import archive_option, json_option, print_json, print_table


@click.command()
@click.argument("sql")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=TIME_LIMIT_S, show_default=True, help="Seconds."
)
@archive_option
@json_option
def query(sql: str, timeout: float, archive_dir: Path, as_json: bool) -> None:
    """Answer one SELECT over the views trials, samples, requests and runs of all sealed runs ("-" reads it from stdin).

    \b
    Examples:
      collect query "SELECT cell, avg(rps) FROM trials GROUP BY cell"
      collect query "SELECT quantile_disc(latency_us, 0.99) FROM requests WHERE phase = 'window'"
    """
    archive = Archive(archive_dir)
    manifests, refused = readable(archive)
    for error in refused:
        click.echo(f"left out: {error}", err=True)
    with Database(archive, manifests) as database:
        names, rows = database.execute(sys.stdin.read() if sql == "-" else sql, time_limit_s=timeout)
    if as_json:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        print_table(names, rows)
