"""``collect run``: what the playbooks call to begin, resume and seal a run. Each prints JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click

from collect.archive.held import settle
from collect.archive.looks import decide
from collect.archive.names import partial_ids
from collect.archive.partial import PartialRun, begin_run, find_partial, open_partial, resume_run
from collect.archive.space import check_archive_dir
from collect.archive.validity import INVALID
from collect.cli import complete
from collect.cli.asked import Asked, Wanted, asked_options
from collect.cli.ceilings import in_words, taken
from collect.cli.common import archive_option, print_json
from collect.cli.rerun import going_on, same, stdin_object
from collect.cli.under_way import print_state
from collect.errors import BenchError
from collect.paths import shown
from collect.plan import PORT_BASE, check_ports
from collect.precision import check_same, with_precision


@click.group()
def run() -> None:
    """Work on a run under way, as the playbooks do (JSON on stdout).

    \b
    Examples:
      collect run status
      collect run check --plan table
      collect run seal 20261126T142747Z-91e799 --incomplete
    """


run.add_command(same)


@run.command()
@click.option("--resume", "run_id", default="", help="The run to go on with, if any.")
@click.option("--inventory", help="Refuse to go on with, or to repeat, a run that was begun with another.")
@click.option("--port-base", type=int, default=PORT_BASE, show_default=True, help="Trials use the ports above it.")
@asked_options
@archive_option
def check(asked: Asked, run_id: str, inventory: str | None, port_base: int, archive_dir: Path) -> None:
    """Say before anything is started whether `begin`, or `resume`, would do.

    \b
    Examples:
      collect run check --plan table
      collect run check --rerun 20261126T142747Z-91e799 --inventory lab
    """
    if run_id:
        asked.goes_on()
        partial = find_partial(archive_dir, run_id, inventory=inventory)
        check_same(partial.plan, run_id, asked.precision, asked.time_limit_min)
        wanted = going_on(partial, asked.locks)
    else:
        wanted = asked.wanted(archive_dir, inventory, port_base)
        check_ports(wanted.plan, wanted.port_base)
    check_archive_dir(archive_dir, wanted.plan)
    print_json(_checked(wanted))


@run.command()
@click.option("--inventory", required=True, help="Name of the inventory, for the record.")
@click.option("--port-base", type=int, default=PORT_BASE, show_default=True, help="Trials use the ports above it.")
@asked_options
@archive_option
def begin(asked: Asked, inventory: str, port_base: int, archive_dir: Path) -> None:
    """Begin a run: checked plan, writable archive with room enough.

    \b
    Examples:
      collect run begin --plan quick --inventory local
      collect run begin --plan table --inventory lab --client-cores 4 --server-cores 4
      collect run begin --rerun 20261126T142747Z-91e799 --inventory lab
    """
    from collect.archive.seal import remove_leftovers

    wanted = asked.wanted(archive_dir, inventory, port_base)
    partial = begin_run(
        archive_dir, wanted.plan, inventory=inventory, port_base=wanted.port_base, repeats=wanted.repeats
    )
    remove_leftovers(archive_dir)
    print_state(partial)


@run.command()
@click.argument("run_id", shell_complete=complete.partial_runs)
@click.option("--inventory", help="Refuse unless the run was begun with this inventory.")
@asked_options
@archive_option
def resume(asked: Asked, run_id: str, inventory: str | None, archive_dir: Path) -> None:
    """Go on with the run RUN_ID; of another plan than it was begun with it is refused.

    \b
    Examples:
      collect run resume 20261126T142747Z-91e799
      collect run resume 20261126T142747Z-91e799 --inventory lab
    """
    asked.goes_on()
    own = find_partial(archive_dir, run_id, inventory=inventory)
    check_same(own.plan, run_id, asked.precision, asked.time_limit_min)
    plan = replace(asked, probe=None).planned() if asked.plan else None
    if plan:
        own_min = own.plan.time_limit_s and own.plan.time_limit_s / 60
        plan = with_precision(plan, own.plan.precision, own_min, port_base=own.facts["port_base"])
    partial = resume_run(archive_dir, run_id, plan=plan, inventory=inventory)
    if asked.probe is not None:
        partial.want_probes(asked.probe)
    decide(partial)  # where the last session ended before it had
    print_state(partial)


@run.command()
@click.argument("run_id", shell_complete=complete.partial_runs)
@archive_option
def session(run_id: str, archive_dir: Path) -> None:
    """Note on the session of RUN_ID what a JSON object on stdin says, such as {"facts": {"server1": {...}}}.

    Who holds up Redis' answers ("relay") holds for the whole run: with another than before it does not go on.

    \b
    Examples:
      collect run session 20261126T142747Z-91e799 < facts.json
    """
    partial, values = _open(archive_dir, run_id), stdin_object('{"facts": {...}}')
    if relay := values.pop("relay", None):
        settle(partial, relay)
    partial.update_session(**values)


@run.command()
@click.argument("run_id", shell_complete=complete.partial_runs)
@archive_option
def ceilings(run_id: str, archive_dir: Path) -> None:
    """Note what Redis and the network of RUN_ID can do, from JSON on stdin; say it in a line.

    \b
    Examples:
      collect run ceilings 20261126T142747Z-91e799 < ceilings.json
    """
    measured = taken(stdin_object('{"redis": {...}, "network": {...}}'))
    _open(archive_dir, run_id).update_ceilings(measured)
    click.echo(in_words(measured))


@run.command()
@click.argument("run_id", shell_complete=complete.partial_runs)
@archive_option
def probes(run_id: str, archive_dir: Path) -> None:
    """Choose how the verdicts of RUN_ID are put to the test, once all cells are measured; print what is left to do.

    \b
    Examples:
      collect run probes 20261126T142747Z-91e799
    """
    from collect.archive.probes import add_probes

    partial = _open(archive_dir, run_id)
    add_probes(partial)
    print_state(partial)


@run.command()
@click.argument("run_id", shell_complete=complete.partial_runs)
@archive_option
def pause(run_id: str, archive_dir: Path) -> None:
    """Note that work on RUN_ID ends for now; it can be resumed.

    \b
    Examples:
      collect run pause 20261126T142747Z-91e799
    """
    partial = _open(archive_dir, run_id)
    partial.end_session()
    print_state(partial)


@run.command()
@click.argument("run_id", shell_complete=complete.partial_runs)
@click.option("--incomplete", is_flag=True, help="Seal although trials are missing; the entry says so.")
@archive_option
def seal(run_id: str, incomplete: bool, archive_dir: Path) -> None:
    """Seal RUN_ID: tables, manifest, sums, one rename.

    \b
    Examples:
      collect run seal 20261126T142747Z-91e799 --incomplete
    """
    from collect.report.notices import foremost

    entry = _open(archive_dir, run_id).seal(incomplete=incomplete)
    trials = json.loads((entry / "manifest.json").read_bytes())["trials"]
    invalid = [trial for trial in trials if trial["validity"] == INVALID]
    told = {"invalid": [trial["trial_id"] for trial in invalid], "trials": len(trials)}
    reason, count = foremost(invalid)
    print_json({"run_id": run_id, "entry": str(entry), **told, "reason": reason, "reason_trials": count})


@run.command()
@click.argument("run_id", required=False, shell_complete=complete.partial_runs)
@archive_option
def status(run_id: str | None, archive_dir: Path) -> None:
    """Say how far RUN_ID is, or which runs are under way or interrupted.

    \b
    Examples:
      collect run status
      collect run status 20261126T142747Z-91e799
    """
    if run_id:
        print_state(_open(archive_dir, run_id))
        return
    entries = []
    for name in partial_ids(archive_dir):
        partial = _open(archive_dir, name)
        missing = len(partial.remaining())
        entries.append(
            {"run_id": name, "plan": partial.plan.name, "trials": len(partial.trials()), "remaining": missing}
        )
    print_json(entries)


def _checked(wanted: Wanted) -> dict[str, object]:
    """Return what the playbooks are told before anything is started."""
    plan = wanted.plan
    return {
        "plan": plan.name,
        "trials": len(plan.trials(wanted.port_base)),
        "estimate_s": plan.estimate_s(),
        "needs": list(plan.needs),
        "redis_delays_ms": plan.redis_delays_ms,
        "repeats": wanted.repeats.to_json() if wanted.repeats else None,
        "variables": wanted.variables,
        "notes": list(wanted.notes),
    }


def _open(archive_dir: Path, run_id: str) -> PartialRun:
    known = partial_ids(archive_dir)
    if run_id not in known:
        remedy = f"those there are: {', '.join(known)}" if known else "there is none"
        raise BenchError(f'there is no run "{run_id}" under way', shown(archive_dir), remedy)
    return open_partial(archive_dir / f"{run_id}.partial")
