"""``collect run``: what the playbooks call to begin, resume and seal a run. Each prints JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from collect.archive import (
    PartialRun,
    begin_run,
    check_archive_dir,
    find_partial,
    open_partial,
    partial_ids,
    resume_run,
)
from collect.archive.validity import INVALID
from collect.cli.common import archive_option, print_json
from collect.errors import BenchError
from collect.paths import shown
from collect.plan import PORT_BASE, check_ports, load_plan


@click.group()
def run() -> None:
    """Work on a run under way, as the playbooks do (JSON on stdout)."""


@run.command()
@click.option("--plan", "plan_name", required=True, help="A plan's name or path.")
@click.option("--resume", "run_id", default="", help="The run to go on with, if any.")
@click.option("--inventory", help="Refuse to go on with a run that was begun with another.")
@click.option("--port-base", type=int, default=PORT_BASE, show_default=True, help="Trials use the ports above it.")
@archive_option
def check(plan_name: str, run_id: str, inventory: str | None, port_base: int, archive_dir: Path) -> None:
    """Say before anything is started whether `begin`, or `resume`, would do."""
    if run_id:
        plan = find_partial(archive_dir, run_id, inventory=inventory).plan
    else:
        plan = load_plan(plan_name)
        check_ports(plan, port_base)
    check_archive_dir(archive_dir, plan)
    print_json({"plan": plan.name, "trials": len(plan.trials()), "estimate_s": plan.estimate_s()})


@run.command()
@click.option("--plan", "plan_name", required=True, help="A plan's name or path.")
@click.option("--inventory", required=True, help="Name of the inventory, for the record.")
@click.option("--port-base", type=int, default=PORT_BASE, show_default=True, help="Trials use the ports above it.")
@archive_option
def begin(plan_name: str, inventory: str, port_base: int, archive_dir: Path) -> None:
    """Begin a run: checked plan, writable archive with room enough."""
    from collect.archive.seal import remove_leftovers

    partial = begin_run(archive_dir, load_plan(plan_name), inventory=inventory, port_base=port_base)
    remove_leftovers(archive_dir)
    _print(partial)


@run.command()
@click.argument("run_id")
@click.option("--plan", "plan_name", help="Refuse unless the run was begun with this plan.")
@click.option("--inventory", help="Refuse unless the run was begun with this inventory.")
@archive_option
def resume(run_id: str, plan_name: str | None, inventory: str | None, archive_dir: Path) -> None:
    """Go on with the run RUN_ID."""
    plan = load_plan(plan_name) if plan_name else None
    _print(resume_run(archive_dir, run_id, plan=plan, inventory=inventory))


@run.command()
@click.argument("run_id")
@archive_option
def session(run_id: str, archive_dir: Path) -> None:
    """Note on the session of RUN_ID what a JSON object on stdin says, such as {"facts": {"server1": {...}}}."""
    try:
        values: Any = json.load(sys.stdin)
    except ValueError as error:
        raise BenchError(f"not JSON: {error}", "stdin", "give one JSON object") from error
    if not isinstance(values, dict):
        raise BenchError("not a JSON object", "stdin", 'give one such as {"facts": {...}}')
    _open(archive_dir, run_id).update_session(**values)


@run.command()
@click.argument("run_id")
@archive_option
def pause(run_id: str, archive_dir: Path) -> None:
    """Note that work on RUN_ID ends for now; it can be resumed."""
    partial = _open(archive_dir, run_id)
    partial.end_session()
    _print(partial)


@run.command()
@click.argument("run_id")
@click.option("--incomplete", is_flag=True, help="Seal although trials are missing; the entry says so.")
@archive_option
def seal(run_id: str, incomplete: bool, archive_dir: Path) -> None:
    """Seal RUN_ID: tables, manifest, sums, one rename."""
    entry = _open(archive_dir, run_id).seal(incomplete=incomplete)
    trials = json.loads((entry / "manifest.json").read_bytes())["trials"]
    invalid = [trial["trial_id"] for trial in trials if trial["validity"] == INVALID]
    print_json({"run_id": run_id, "entry": str(entry), "invalid": invalid})


@run.command()
@click.argument("run_id", required=False)
@archive_option
def status(run_id: str | None, archive_dir: Path) -> None:
    """Say how far RUN_ID is, or which runs are under way or interrupted."""
    if run_id:
        _print(_open(archive_dir, run_id))
        return
    entries = []
    for name in partial_ids(archive_dir):
        partial = _open(archive_dir, name)
        missing = len(partial.remaining())
        entries.append(
            {"run_id": name, "plan": partial.plan.name, "trials": len(partial.trials()), "remaining": missing}
        )
    print_json(entries)


def _open(archive_dir: Path, run_id: str) -> PartialRun:
    known = partial_ids(archive_dir)
    if run_id not in known:
        remedy = f"those there are: {', '.join(known)}" if known else "there is none"
        raise BenchError(f'there is no run "{run_id}" under way', shown(archive_dir), remedy)
    return open_partial(archive_dir / f"{run_id}.partial")


def _print(partial: PartialRun) -> None:
    remaining = partial.remaining()
    print_json(
        {
            "run_id": partial.run_id,
            "session": f"{partial.run_id}-{len(partial.facts['sessions'])}",
            "partial_dir": str(partial.path.resolve()),
            "finished": len(partial.trials()) - len(remaining),
            "trials": [spec.to_json() for spec in partial.trials()],
            "remaining": [spec.to_json() for spec in remaining],
            "estimate_s": partial.plan.estimate_s(remaining, probes=not partial.facts.get("added_trials")),
        }
    )
