"""``collect verify``: whether runs are as they were sealed, and what people say of them as they said it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from collect.archive.store import Archive
from collect.cli import complete
from collect.cli.common import archive_option, json_option, print_json, say
from collect.errors import BenchError

if TYPE_CHECKING:
    from collect.archive.verifying import Result

SHOWN = 20
"""Runs up to which a terminal shows a line of each."""


@click.command()
@click.argument("runs", nargs=-1, shell_complete=complete.runs)
@click.option("--all", "every", is_flag=True, help="Verify every run, those under way included.")
@click.option("--resume", is_flag=True, help="As --all, but pass over runs found right since the last --all began.")
@click.option("--processes", type=click.IntRange(min=1), metavar="N", help="Use N processes; default: one per core.")
@archive_option
@json_option
def verify(
    runs: tuple[str, ...], every: bool, resume: bool, processes: int | None, archive_dir: Path, as_json: bool
) -> int:
    """Check that RUNS (default: the latest) are to the byte as they were sealed; exit code 1 if one is not.

    Tags and notes beside a run are checked, too. After an interruption --resume goes on: it passes over a run that was
    found right and of which no file was touched since.

    \b
    Examples:
      collect verify
      collect verify 20261126T142747Z
      collect verify --all
      collect verify --resume --json
    """
    from collect.archive.verifying import everything

    if runs and (every or resume):
        raise BenchError("runs are named, and all are asked for", "verify", "leave away the one or the other")
    archive = Archive(archive_dir)
    if every or resume:
        names = everything(archive)
    else:
        names = [name if name.endswith(".partial") else archive.resolve(name) for name in runs or ("latest",)]
    if not names:
        click.echo("there is no run to verify", err=True)
    # On a terminal the bar is in the way of lines, and of thousands of runs those that are right are no news.
    stream = not as_json and not sys.stdout.isatty()
    results = _verified(archive, list(dict.fromkeys(names)), processes, every=every, resume=resume, stream=stream)
    if as_json:
        print_json({result.name: _data(result) for result in results})
    elif not stream:
        for result in results:
            if result.problems or len(results) <= SHOWN:
                _say(result)
        if len(results) > SHOWN:
            click.echo(_summary(results))
    if not as_json and (passed := sum(result.remembered for result in results)):
        click.echo(f"{passed:,} runs were found right before and are untouched since", err=True)
    return 1 if any(result.problems for result in results) else 0


def _verified(
    archive: Archive, names: Sequence[str], processes: int | None, *, every: bool, resume: bool, stream: bool
) -> list[Result]:
    from collect.archive.verified import Verified
    from collect.archive.verifying import verify_runs
    from collect.cli.progress import progress
    from collect.paths import index_dir

    memory = Verified(index_dir(archive.path))
    known = memory.known() if resume else {}
    if (every or resume) and not known:
        memory.forget()
    results = []
    with progress("verifying", len(names), "runs") as step:
        for result in verify_runs(archive, names, processes=processes, known=known):
            if (every or resume) and result.fingerprint:
                memory.add(result.name, result.fingerprint)
            if stream:
                _say(result)
            results.append(result)
            step()
    return results


def _say(result: Result) -> None:
    for line in result.problems or ["ok"]:
        say(f"{result.name}: {line}")


def _summary(results: Sequence[Result]) -> str:
    wrong = sum(bool(result.problems) for result in results)
    right = f"{len(results) - wrong:,} of {len(results):,} are as they were sealed"
    return f"{right}; {wrong:,} are not" if wrong else right


def _data(result: Result) -> dict[str, object]:
    return {"ok": not result.problems, "problems": list(result.problems), "remembered": result.remembered}
