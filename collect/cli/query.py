"""``collect query``: SQL over the sealed runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from collect.archive.ask import MEMORY_MIB, ask
from collect.archive.query import TIME_LIMIT_S
from collect.archive.store import Archive
from collect.cli.common import archive_option, json_option, print_json, print_table, say
from collect.cli.filters import filter_options

if TYPE_CHECKING:
    from collect.archive.filters import Filters


@click.command()
@click.argument("sql")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=TIME_LIMIT_S, show_default=True, help="Seconds."
)
@click.option(
    "--memory-mib", type=click.IntRange(min=64), default=MEMORY_MIB, show_default=True,
    help="What the answer may take while it is made.",
)  # fmt: skip
@filter_options
@archive_option
@json_option
def query(sql: str, timeout: float, memory_mib: int, filters: Filters, archive_dir: Path, as_json: bool) -> None:
    """Answer one SELECT over the views trials, samples, requests and runs of all sealed runs ("-" reads it from stdin).

    Filters say which runs the views are of; fewer files are read then.

    \b
    Examples:
      collect query "SELECT cell, avg(rps) FROM trials GROUP BY cell"
      collect query "SELECT run_id, avg(rps) FROM trials GROUP BY 1 ORDER BY 1" --cell "flask*redis*" --since 2026-03-01
      collect query "SELECT approx_quantile(latency_us, 0.99) FROM requests WHERE phase = 'window'" --plan table
    """
    archive = Archive(archive_dir)
    text = sys.stdin.read() if sql == "-" else sql
    answer = ask(archive, text, filters, time_limit_s=timeout, memory_mib=memory_mib)
    for line in answer.left_out:
        say(f"left out: {line}", err=True)
    if as_json:
        print_json([dict(zip(answer.names, row, strict=True)) for row in answer.rows])
    else:
        print_table(answer.names, answer.rows)
