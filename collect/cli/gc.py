"""``collect gc``: runs that are to go, what that frees, and the removal."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collect.archive.store import Archive
from collect.cli.common import _cell, archive_option, json_option, print_json, print_table
from collect.cli.filters import filter_options
from collect.errors import BenchError

if TYPE_CHECKING:
    from collect.archive.filters import Filters
    from collect.archive.gc import Kept, Sweep

SECONDS = {"h": 3600, "d": 86400, "w": 7 * 86400}


def _age(ctx: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """Return the seconds of a time such as 36h, 90d or 12w."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,6})([hdw])", value, flags=re.ASCII)
    if not found:
        raise click.BadParameter(f'"{value}" is no age, such as 36h, 90d or 12w', ctx, parameter)
    return float(found[1]) * SECONDS[found[2]]


@click.command()
@click.option("--older-than", callback=_age, metavar="AGE", help="Runs begun longer ago, such as 36h, 90d or 12w.")
@click.option("--keep", type=click.IntRange(min=1), metavar="N", help="All but the newest N that filters choose.")
@click.option("--invalid", is_flag=True, help="Runs that are invalid as a whole.")
@click.option("--yes", is_flag=True, help="Remove them; without it nothing is removed.")
@filter_options
@archive_option
@json_option
def gc(
    older_than: float | None, keep: int | None, invalid: bool, yes: bool, filters: Filters, archive_dir: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Say which runs would go and what that frees; with --yes remove them, with the reports beside them.

    What is given has to hold all at once. A run with a tag never goes, and neither does one that cannot be read.

    \b
    Examples:
      collect gc --older-than 90d
      collect gc --invalid --yes
      collect gc --plan quick --keep 20 --older-than 4w --yes
    """
    from collect.archive.filters import select
    from collect.archive.gc import Rule, leftovers, remove_leftovers, sweep

    archive = Archive(archive_dir)
    named = older_than is not None or keep is not None or invalid or filters.chooses
    if not named and not leftovers(archive):
        remedy = "give --older-than 90d, --keep 100, --invalid, or a filter such as --plan quick"
        raise BenchError("nothing says which runs are to go", "gc", remedy)
    entries = select(archive, filters) if named else []
    found = sweep(archive, entries, Rule(older_than, keep or 0, invalid))
    late: list[Kept] = []
    if yes:
        remove_leftovers(archive)
        late = _remove(archive, found)
    if as_json:
        print_json(_data(found, late, removed=yes))
    else:
        _print(found, late, removed=yes)


def _remove(archive: Archive, found: Sweep) -> list[Kept]:
    """Remove the runs, and return those that stay after all: tagged since they were looked at."""
    from collect.archive.gc import Kept, remove
    from collect.cli.progress import progress

    late = []
    with progress("removing", len(found.runs), "runs") as step:
        for run in found.runs:
            if why := remove(archive, run.run_id):
                late.append(Kept(run.run_id, why))
            step()
    return late


def _print(found: Sweep, late: list[Kept], *, removed: bool) -> None:
    stays = {kept.run_id for kept in late}
    going = [run for run in found.runs if run.run_id not in stays]
    if going:
        print_table(
            ("run_id", "plan", "validity", "MiB"),
            [[run.run_id, run.plan, run.validity, round(run.bytes / 2**20, 1)] for run in going],
        )
    for kept in (*found.kept, *late):
        click.echo(f"kept: {_cell(kept.run_id)}: {_cell(kept.why)}")
    if found.leftovers:
        click.echo(f"left by a removal that was interrupted: {', '.join(found.leftovers)}")
    freed = found.leftover_bytes + sum(run.bytes for run in going)
    what = f"{len(going):,} run{'s' * (len(going) != 1)}, {in_words(freed)}"
    if removed:
        click.echo(f"removed: {what}")
    else:
        click.echo(f"would remove: {what}" + (". Nothing was removed; add --yes" if going or found.leftovers else ""))


def _data(found: Sweep, late: list[Kept], *, removed: bool) -> dict[str, Any]:
    stays = {kept.run_id for kept in late}
    going = [run for run in found.runs if run.run_id not in stays]
    return {
        "removed": removed,
        "bytes": found.leftover_bytes + sum(run.bytes for run in going),
        "runs": going,
        "kept": [*found.kept, *late],
        "leftovers": found.leftovers,
    }


def in_words(count: float) -> str:
    """Return a number of bytes as people say it."""
    if count < 1024:
        return f"{count:.0f} B"
    for unit in ("KiB", "MiB", "GiB"):
        count /= 1024
        if count < 1024:
            return f"{count:.1f} {unit}"
    return f"{count / 1024:,.1f} TiB"
