"""``collect trend``: one cell over its runs."""

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
from collect.cli.filters import no_index_option

if TYPE_CHECKING:
    from collect.compare.trend import Trend


@click.command()
@click.argument("cell", shell_complete=complete.cells)
@click.option("--since", metavar="WHEN", help="A date, a moment or a run: older slowdowns are no news.")
@click.option(
    "--limit", type=click.IntRange(min=0), default=300, show_default=True,
    help="How many of the newest runs with the cell are looked at; 0: all.",
)  # fmt: skip
@outcome_option
@despite_option
@no_index_option
@archive_option
@json_option
def trend(
    cell: str, since: str | None, limit: int, by: str, despite: tuple[str, ...], no_index: bool, archive_dir: Path,
    as_json: bool,
) -> int:  # fmt: skip
    """Show CELL over its runs under the conditions of the newest, and where its level changed.

    Exit code 1 if the last change is for the worse (and newer than --since), else 0.

    \b
    Examples:
      collect trend starlette-uvicorn.redis.locust-fast.10.controlled
      collect trend flask-werkzeug.none.locust-http.10.article --since 2026-11-26 --json
    """
    from collect.archive.index import Index
    from collect.compare.metadata import check_names
    from collect.compare.series import OUTCOMES
    from collect.compare.trend import since as moment_of
    from collect.compare.trend import trend as over_runs

    archive = Archive(archive_dir)
    moment = moment_of(archive, since)
    index = Index(archive, use=not no_index)
    found, refused = over_runs(archive, cell, OUTCOMES[by], check_names(despite), index=index, most=limit or None)
    for error in refused:
        say(f"left out: {error}", err=True)
    worse = found.worse_since(moment)
    if as_json:
        print_json(_data(found, since=moment, worse=worse))
    else:
        _print(found)
    return 1 if worse else 0


def _print(found: Trend) -> None:
    from collect.compare.words import trend_notes

    turns = {turn.run_id: turn for turn in found.turns}
    unit = f"{found.by.title}, {found.by.unit}"
    rows = []
    for point in found.points:
        turn = turns.get(point.run_id)
        rows.append(
            [
                point.run_id,
                point.code,
                point.blocks,
                f"{point.value:.4g}" + (f" ({point.low:.4g} to {point.high:.4g})" if point.low is not None else ""),
                f"{point.level:.4g}",
                f"{turn.verdict}: {turn.ratio:.3f} ({turn.low:.3f} to {turn.high:.3f})" if turn else None,
            ]
        )
    print_table(("run", "commit", "blocks", unit, "level", "change"), rows)
    click.echo()
    for line in trend_notes(found, terminal=True):
        say(line)


def _data(found: Trend, **more: Any) -> dict[str, Any]:
    return {
        "cell": found.cell,
        "by": found.by.key,
        "unit": found.by.unit,
        **more,
        "points": found.points,
        "changes": found.turns,
        "autocorrelation": found.autocorrelation,
        "left_out": found.left_out,
        "older": found.older,
    }
