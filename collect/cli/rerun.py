"""What is asked of a rerun beside its plan: whether the hosts are those of then, and how one goes on."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collect.archive.partial import PartialRun, find_partial
from collect.cli import complete
from collect.cli.asked import Wanted
from collect.cli.common import archive_option, despite_option, say
from collect.errors import BenchError

if TYPE_CHECKING:
    from collect.rerun.repeats import Repeats

HOSTS = '{"server": "server1", "facts": {"server1": {...}, "client1": {...}}}'


@click.command()
@click.argument("run_id", required=False, metavar="[RUN]", shell_complete=complete.runs)
@click.option("--resume", "partial_id", default="", help="Instead of RUN: the one that this run under way repeats.")
@click.option("--locks", is_flag=True, help="The hosts were provisioned by lock files of then, where git has them.")
@despite_option
@archive_option
def same(run_id: str | None, partial_id: str, locks: bool, despite: tuple[str, ...], archive_dir: Path) -> None:
    """Hold hosts against those of RUN, by facts from JSON on stdin: {"server": "server1", "facts": {"server1": {...}}}.

    What differs and may is told; what may not is refused. A run under way that repeats none has nothing to be held
    against.

    \b
    Examples:
      collect run same 20261126T142747Z-91e799 --despite kernel < hosts.json
      collect run same --resume 20261226T090000Z-0a1b2c < hosts.json
    """
    from collect.archive.provenance import provenance
    from collect.archive.store import Archive
    from collect.rerun.code import takable
    from collect.rerun.conditions import check_hosts
    from collect.rerun.original import allowed, original
    from collect.rerun.repeats import repeats_of

    server, facts = _hosts(stdin_object(HOSTS))
    archive, names = Archive(archive_dir), allowed(despite)
    partial = find_partial(archive_dir, partial_id) if partial_id else None
    repeats = repeats_of(partial.facts) if partial else None
    if partial and repeats is None:
        return
    if repeats and repeats.run_id not in archive.run_ids():
        say(f"the run {repeats.run_id} is no longer in the archive: nobody can say whether the hosts are those of then")
        return
    if repeats is None and not run_id:
        raise BenchError("no run is named", "collect run same", "name one, or a run under way by --resume")
    of = original(archive, repeats.run_id if repeats else str(run_id))
    names |= frozenset(repeats.despite if repeats else ())
    now = provenance(locks=repeats.locks if repeats else None)
    if locks and repeats is None:
        now["locks"] |= takable(of.head, now["locks"], names)
    for each in check_hosts(of, now, server, facts, names):
        say(f"allowed to differ: {each.in_words()}")
    if partial and repeats:
        _allow(partial, repeats, names)


def going_on(partial: PartialRun, locks: Path | None) -> Wanted:
    """Return what a run that is gone on with needs of its hosts; where it repeats another, as that had it."""
    from collect.rerun.code import take
    from collect.rerun.conditions import harmless, told
    from collect.rerun.repeats import repeats_of

    base, repeats = int(partial.facts["port_base"]), repeats_of(partial.facts)
    if repeats is None:
        return Wanted(partial.plan, base)
    variables = harmless({**(told(partial.facts) or {}), "app_port_base": base})
    if locks:
        variables |= take(repeats.locks, repeats.commit, locks)
    return Wanted(partial.plan, base, repeats, variables)


def stdin_object(example: str) -> dict[str, Any]:
    """Return the JSON object on stdin; BenchError for anything else."""
    try:
        values: Any = json.load(sys.stdin)
    except ValueError as error:
        raise BenchError(f"not JSON: {error}", "stdin", "give one JSON object") from error
    if not isinstance(values, dict):
        raise BenchError("not a JSON object", "stdin", f"give one such as {example}")
    return values


def _hosts(said: dict[str, Any]) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the server's name and the facts by host; BenchError where they are not there."""
    server, facts = said.get("server"), said.get("facts")
    whole = isinstance(facts, dict) and all(isinstance(each, dict) for each in facts.values())
    if not (isinstance(server, str) and isinstance(facts, dict) and whole and server in facts):
        raise BenchError("the server or its facts are missing", "stdin", f"give them as in {HOSTS}")
    return server, facts


def _allow(partial: PartialRun, repeats: Repeats, names: frozenset[str]) -> None:
    """Note what may differ since the run is gone on with."""
    if names - set(repeats.despite):
        partial.update_repeats(replace(repeats, despite=tuple(sorted(names))))
