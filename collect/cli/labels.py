"""``collect tag`` and ``collect note``: what people say of a run, kept beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collect.archive.store import Archive
from collect.cli import complete
from collect.cli.common import archive_option, json_option, print_json, say
from collect.errors import BenchError

if TYPE_CHECKING:
    from collect.archive.labels import Labels


@click.command()
@click.argument("run", shell_complete=complete.runs)
@click.argument("tags", nargs=-1, shell_complete=complete.tags)
@click.option("--remove", is_flag=True, help="Take the TAGS away.")
@archive_option
@json_option
def tag(run: str, tags: tuple[str, ...], remove: bool, archive_dir: Path, as_json: bool) -> None:
    """Give the run RUN one or more TAGS, by which it can be found and is kept by `gc`; without TAGS show those it has.

    \b
    Examples:
      collect tag latest baseline bios-1.42
      collect tag latest --remove baseline
      collect list --tag bios-1.42
    """
    from collect.archive.labels import TAG, UNTAG, add_all

    archive = Archive(archive_dir)
    run_id = archive.resolve(run)
    if remove and not tags:
        raise BenchError("no tag is named", "--remove", "name the tags to take away behind the run")
    if tags:
        add_all(archive, run_id, [(UNTAG if remove else TAG, each) for each in tags])
    _print(archive, run_id, as_json=as_json)


@click.command()
@click.argument("run", shell_complete=complete.runs)
@click.argument("text", required=False)
@archive_option
@json_option
def note(run: str, text: str | None, archive_dir: Path, as_json: bool) -> None:
    """Note TEXT on the run RUN, with the moment and your name; without TEXT show its notes.

    A note is kept beside the run, is never changed, and shows in lists, in `show` and in the report.

    \b
    Examples:
      collect note latest "new BIOS, turbo is off now"
      collect note 20261126T142747Z "the switch was replaced before this run"
      collect note latest --json
    """
    from collect.archive.labels import NOTE, add

    archive = Archive(archive_dir)
    run_id = archive.resolve(run)
    if text is not None:
        add(archive, run_id, NOTE, text)
    _print(archive, run_id, as_json=as_json)


def _print(archive: Archive, run_id: str, *, as_json: bool) -> None:
    from collect.archive.labels import labels

    known = labels(archive, run_id)
    if as_json:
        print_json({"run_id": run_id, **labels_data(known)})
        return
    for line in labels_lines(known) or ["no tags, no notes"]:
        say(f"{run_id}: {line}")


def labels_lines(known: Labels) -> list[str]:
    """Return tags and notes in lines, ready to be said."""
    tags = [f"tags: {', '.join(known.tags)}"] if known.tags else []
    return [*tags, *(f"note of {each.at} by {each.by}: {each.text}" for each in known.notes)]


def labels_data(known: Labels) -> dict[str, Any]:
    """Return tags and notes as plain data, for ``--json``."""
    return {
        "tags": list(known.tags),
        "notes": [{"at": each.at, "by": each.by, "text": each.text} for each in known.notes],
    }
