"""What the shell offers at the Tab key: runs, cells, plans and tags of the archive that the line names, or the default.

Only words that mean nothing to a shell are offered: names come from archives, which others may have written.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from collect.paths import default_archive_dir

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from collect.archive.index import Entry
    from collect.archive.store import Archive

VARIABLE = "_COLLECT_COMPLETE"
"""What the shell's function sets when it asks (see `collect completion`)."""
HARMLESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+/-]*")
OFFERED = 500
"""More is of no use, and slow in the shell."""


def answer(command: click.Command, instruction: str) -> int:
    """Print what the shell asks for; return the exit code. Nothing that goes wrong is told: the user is typing."""
    from click.shell_completion import shell_complete

    try:
        return shell_complete(command, {}, "collect", VARIABLE, instruction)
    except Exception:
        return 1


def runs(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer "latest" and the sealed runs, the newest first."""
    ids = _newest_first(context)
    return _offered(["latest", *ids] if ids else [], incomplete)


def run_ids(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the sealed runs, the newest first."""
    return _offered(_newest_first(context), incomplete)


def partial_runs(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the runs under way."""
    from collect.archive.names import partial_ids

    return _offered(partial_ids(_folder(context)), incomplete)


def trials(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the trials of the run that the line names: their ordinals, then their ids."""
    from collect.errors import BenchError

    archive = _archive(context)
    try:
        found = archive.manifest(archive.resolve(context.params.get("run") or ""))["trials"] if archive else []
    except BenchError:
        return []
    ordinals = [str(number) for number in range(1, len(found) + 1)]
    return _offered([*ordinals, *(trial["trial_id"] for trial in found)], incomplete)


def cells(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the cells that any run has."""
    return _of_entries(context, incomplete, lambda entry: entry.cells)


def plans(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the plans that any run was of."""
    return _of_entries(context, incomplete, lambda entry: (entry.plan,))


def inventories(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the inventories that any run was made with."""
    return _of_entries(context, incomplete, lambda entry: (entry.inventory,))


def validities(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the words of a run's validity."""
    from collect.archive.filters import VALIDITIES

    return _offered(VALIDITIES, incomplete)


def own_plans(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the plans of the checkout."""
    from collect.plan import plan_names

    return _offered(plan_names(), incomplete)


def tags(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the tags that any run has; behind the id of a run and --remove, its own."""
    from collect.archive.labels import labelled, labels
    from collect.errors import BenchError

    archive = _archive(context)
    if archive is None:
        return []
    chosen = labelled(archive)
    if context.params.get("remove"):
        try:
            chosen = [archive.resolve(context.params.get("run") or "")]
        except BenchError:
            return []
    found = {tag for run_id in chosen for tag in labels(archive, run_id).tags}
    given = context.params.get("tags") or ()
    return _offered(sorted(found.difference(given)), incomplete)


def _newest_first(context: click.Context) -> list[str]:
    archive = _archive(context)
    return archive.run_ids()[::-1] if archive else []


def _of_entries(
    context: click.Context, incomplete: str, names: Callable[[Entry], Iterable[str]]
) -> list[CompletionItem]:
    from collect.archive.index import Index

    archive = _archive(context)
    entries = [entry for entry in Index(archive).entries() if not entry.problem] if archive else []
    return _offered(sorted({name for entry in entries for name in names(entry)}), incomplete)


def _offered(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    fitting = (name for name in names if name.startswith(incomplete) and HARMLESS.fullmatch(name))
    return [CompletionItem(name) for name in itertools.islice(fitting, OFFERED)]


def _archive(context: click.Context) -> Archive | None:
    from collect.archive.store import Archive
    from collect.errors import BenchError

    try:
        return Archive(_folder(context))
    except BenchError:
        return None


def _folder(context: click.Context) -> Path:
    given = context.params.get("archive_dir")
    return given if isinstance(given, Path) else default_archive_dir()
