"""``collect run``: what the playbooks call to begin, resume and seal a run. Each prints JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
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
from collect.archive.held import settle
from collect.archive.looks import decide
from collect.archive.validity import INVALID
from collect.cli import complete
from collect.cli.ceilings import in_words, taken
from collect.cli.common import archive_option, precision_options, print_json
from collect.cli.under_way import print_state
from collect.errors import BenchError
from collect.paths import shown
from collect.plan import PORT_BASE, Plan, check_ports, load_plan
from collect.precision import check_same, with_precision
from collect.statistics.blocks import MIN_BLOCKS

class _Cores(click.ParamType):
    """Numbers of cores, one for each client."""

    name = "cores"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """Take a number, or several with commas between."""
        if isinstance(value, list):
            return value
        numbers = str(value).split(",")
        if not all(number.isdecimal() and int(number) for number in numbers):
            self.fail(f"{value!r} is no number of cores, or one for each client as in 4,2", param, ctx)
        return [int(number) for number in numbers]


_client_cores = click.option(
    "--client-cores",
    type=_Cores(),
    default="1",
    show_default=True,
    help="Cores of each client, as in 4,2; they say how many processes of a generator are enough.",
)
_server_cores = click.option(
    "--server-cores",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Cores of the server's CPU set: as many processes has a variant with one per core.",
)
_probe = click.option(
    "--probe/--no-probe", default=None, help="Put verdicts to the test; without it, as the plan says."
)


@click.group()
def run() -> None:
    """Work on a run under way, as the playbooks do (JSON on stdout).

    \b
    Examples:
      collect run status
      collect run check --plan table
      collect run seal 20261126T142747Z-91e799 --incomplete
    """


@run.command()
@click.option("--plan", "plan_name", required=True, help="A plan's name or path.", shell_complete=complete.own_plans)
@click.option("--resume", "run_id", default="", help="The run to go on with, if any.")
@click.option("--inventory", help="Refuse to go on with a run that was begun with another.")
@click.option("--port-base", type=int, default=PORT_BASE, show_default=True, help="Trials use the ports above it.")
@_client_cores
@_server_cores
@_probe
@precision_options
@archive_option
def check(
    plan_name: str, run_id: str, inventory: str | None, port_base: int, client_cores: list[int], server_cores: int,
    probe: bool | None, precision: float | None, time_limit_min: float | None, archive_dir: Path,
) -> None:  # fmt: skip
    """Say before anything is started whether `begin`, or `resume`, would do.

    \b
    Examples:
      collect run check --plan table
    """
    if run_id:
        plan = find_partial(archive_dir, run_id, inventory=inventory).plan
        check_same(plan, run_id, precision, time_limit_min)
    else:
        plan = _plan(plan_name, client_cores, server_cores, probe)
        plan = _precise(plan, precision, time_limit_min, port_base)
        check_ports(plan, port_base)
    check_archive_dir(archive_dir, plan)
    print_json(
        {
            "plan": plan.name,
            "trials": len(plan.trials()),
            "estimate_s": plan.estimate_s(),
            "needs": list(plan.needs),
            "redis_delays_ms": plan.redis_delays_ms,
        }
    )


@run.command()
@click.option("--plan", "plan_name", required=True, help="A plan's name or path.", shell_complete=complete.own_plans)
@click.option("--inventory", required=True, help="Name of the inventory, for the record.")
@click.option("--port-base", type=int, default=PORT_BASE, show_default=True, help="Trials use the ports above it.")
@_client_cores
@_server_cores
@_probe
@precision_options
@archive_option
def begin(
    plan_name: str, inventory: str, port_base: int, client_cores: list[int], server_cores: int, probe: bool | None,
    precision: float | None, time_limit_min: float | None, archive_dir: Path,
) -> None:  # fmt: skip
    """Begin a run: checked plan, writable archive with room enough.

    \b
    Examples:
      collect run begin --plan quick --inventory local
      collect run begin --plan table --inventory lab --client-cores 4 --server-cores 4
    """
    from collect.archive.seal import remove_leftovers

    plan = _plan(plan_name, client_cores, server_cores, probe)
    plan = _precise(plan, precision, time_limit_min, port_base)
    partial = begin_run(archive_dir, plan, inventory=inventory, port_base=port_base)
    remove_leftovers(archive_dir)
    print_state(partial)


@run.command()
@click.argument("run_id", shell_complete=complete.partial_runs)
@click.option("--plan", "plan_name", help="Refuse unless the run was begun with this plan.")
@click.option("--inventory", help="Refuse unless the run was begun with this inventory.")
@_client_cores
@_server_cores
@_probe
@precision_options
@archive_option
def resume(
    run_id: str, plan_name: str | None, inventory: str | None, client_cores: list[int], server_cores: int,
    probe: bool | None, precision: float | None, time_limit_min: float | None, archive_dir: Path,
) -> None:  # fmt: skip
    """Go on with the run RUN_ID.

    \b
    Examples:
      collect run resume 20261126T142747Z-91e799
      collect run resume 20261126T142747Z-91e799 --inventory lab
    """
    own = find_partial(archive_dir, run_id, inventory=inventory)
    check_same(own.plan, run_id, precision, time_limit_min)
    plan = _plan(plan_name, client_cores, server_cores, None) if plan_name else None
    if plan:
        own_min = own.plan.time_limit_s and own.plan.time_limit_s / 60
        plan = with_precision(plan, own.plan.precision, own_min, port_base=own.facts["port_base"])
    partial = resume_run(archive_dir, run_id, plan=plan, inventory=inventory)
    if probe is not None:
        partial.want_probes(probe)
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
    partial, values = _open(archive_dir, run_id), _stdin('{"facts": {...}}')
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
    measured = taken(_stdin('{"redis": {...}, "network": {...}}'))
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
    entry = _open(archive_dir, run_id).seal(incomplete=incomplete)
    trials = json.loads((entry / "manifest.json").read_bytes())["trials"]
    invalid = [trial["trial_id"] for trial in trials if trial["validity"] == INVALID]
    print_json({"run_id": run_id, "entry": str(entry), "invalid": invalid})


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


def _plan(name: str, client_cores: list[int], server_cores: int, probe: bool | None) -> Plan:
    plan = load_plan(name, client_cores=sum(client_cores), clients=len(client_cores), server_cores=server_cores)
    return plan if probe is None else replace(plan, probe=probe)


def _precise(plan: Plan, precision: float | None, time_limit_min: float | None, port_base: int) -> Plan:
    """Return the plan with its precision; a base that leaves no run its ports is told as such."""
    check_ports(replace(plan, blocks=min(plan.blocks, MIN_BLOCKS)), port_base)
    return with_precision(plan, precision, time_limit_min, port_base=port_base)


def _stdin(example: str) -> dict[str, Any]:
    try:
        values: Any = json.load(sys.stdin)
    except ValueError as error:
        raise BenchError(f"not JSON: {error}", "stdin", "give one JSON object") from error
    if not isinstance(values, dict):
        raise BenchError("not a JSON object", "stdin", f"give one such as {example}")
    return values


def _open(archive_dir: Path, run_id: str) -> PartialRun:
    known = partial_ids(archive_dir)
    if run_id not in known:
        remedy = f"those there are: {', '.join(known)}" if known else "there is none"
        raise BenchError(f'there is no run "{run_id}" under way', shown(archive_dir), remedy)
    return open_partial(archive_dir / f"{run_id}.partial")
