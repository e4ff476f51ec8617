"""``collect gc``: runs that are to go, what that frees, and the removal."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from collect.archive.store import Archive
from collect.cli.common import archive_option, json_option, print_json, print_table, say
from collect.cli.filters import filter_options
from collect.errors import BenchError

if TYPE_CHECKING:
    from collect.archive.filters import Filters
    from collect.archive.gc import Sweep

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
    if yes:
        remove_leftovers(archive)
        found = _removed(archive, found)
    if as_json:
        print_json({"removed": yes, "bytes": found.bytes, **vars(found)})
    else:
        _print(found, removed=yes)


def _removed(archive: Archive, found: Sweep) -> Sweep:
    """Remove the runs; return what was done: one that was tagged since it was looked at stays after all."""
    from collect.archive.gc import Kept, remove
    from collect.cli.progress import progress

    gone, kept = [], list(found.kept)
    with progress("removing", len(found.runs), "runs") as step:
        for run in found.runs:
            if why := remove(archive, run.run_id):
                kept.append(Kept(run.run_id, why))
            else:
                gone.append(run)
            step()
    return replace(found, runs=tuple(gone), kept=tuple(kept))


def _print(found: Sweep, *, removed: bool) -> None:
    if found.runs:
        print_table(
            ("run_id", "plan", "validity", "MiB"),
            [[run.run_id, run.plan, run.validity, round(run.bytes / 2**20, 1)] for run in found.runs],
        )
    for kept in found.kept:
        say(f"kept: {kept.run_id}: {kept.why}")
    if found.leftovers:
        click.echo(f"left by a removal that was interrupted: {', '.join(found.leftovers)}")
    what = f"{len(found.runs):,} run{'s' * (len(found.runs) != 1)}, {in_words(found.bytes)}"
    if removed:
        click.echo(f"removed: {what}")
    else:
        more = ". Nothing was removed; add --yes" if found.runs or found.leftovers else ""
        click.echo(f"would remove: {what}{more}")


def in_words(count: float) -> str:
    """Return a number of bytes as people say it."""
    if count < 1024:
        return f"{count:.0f} B"
    for unit in ("KiB", "MiB", "GiB"):
        count /= 1024
        if count < 1024:
            return f"{count:.1f} {unit}"
    return f"{count / 1024:,.1f} TiB"
