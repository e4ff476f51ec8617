"""``collect plan``: which plans there are, whether one is right, what it will do."""

from __future__ import annotations

from typing import Any

import click

from collect.cli import complete
from collect.cli.common import json_option, precision_options, print_json, print_table, say
from collect.errors import BenchError
from collect.plan import load_plan, plan_names
from collect.precision import pair_names, with_precision


@click.group()
def plan() -> None:
    """Look at plans: which there are, whether one is right, its trials.

    \b
    Examples:
      collect plan list
      collect plan check playbooks/plans/table.yml
      collect plan show quick
    """


@plan.command("list")
@json_option
def list_plans(as_json: bool) -> None:
    """List the plans that come with the checkout.

    \b
    Examples:
      collect plan list
      collect plan list --json
    """
    plans: list[dict[str, Any]] = []
    for name in plan_names():
        try:
            loaded = with_precision(load_plan(name))
        except BenchError as error:
            plans.append({"plan": name, "trials": None, "minutes": None, "description": str(error)})
            continue
        trials = len(loaded.trials())
        minutes = round(loaded.estimate_s() / 60, 1)
        plans.append({"plan": name, "trials": trials, "minutes": minutes, "description": loaded.description})
    if as_json:
        print_json(plans)
    else:
        print_table(list(plans[0]) if plans else ["plan"], [list(entry.values()) for entry in plans])


@plan.command()
@click.argument("name", shell_complete=complete.own_plans)
@precision_options
@json_option
def check(name: str, precision: float | None, time_limit_min: float | None, as_json: bool) -> None:
    """Check the plan NAME (or a path): schema, known names, no cell twice, nothing that cannot be served.

    \b
    Examples:
      collect plan check quick
      collect plan check playbooks/plans/table.yml
      collect plan check quick --precision 0.02 --time-limit-min 30 --json
    """
    loaded = with_precision(load_plan(name), precision, time_limit_min)
    ratios = None if loaded.precision is None else len(pair_names(loaded))
    if as_json:
        print_json(
            {
                "plan": loaded.name,
                "cells": len(loaded.cells),
                "blocks": loaded.blocks,
                "trials": len(loaded.trials()),
                "ceilings": len(loaded.ceilings()),
                "probe": loaded.probe,
                "needs": list(loaded.needs),
                "precision": loaded.precision,
                "ratios": ratios,
                "estimate_s": loaded.estimate_s(),
            }
        )
        return
    at_most = "at most " * (loaded.precision is not None)
    cells = f"{len(loaded.cells)} cells in {at_most}{loaded.blocks} blocks, {len(loaded.trials())} trials"
    more = [f"{len(loaded.ceilings())} of them ceilings"] * bool(loaded.ceilings()) + ["then probes"] * loaded.probe
    more += [f"on a server host with {' and '.join(loaded.needs)}"] * bool(loaded.needs)
    if loaded.precision is not None:
        more.append(f"until {ratios} of its ratios are known to ± {100 * loaded.precision:g} %")
    say(f"{loaded.name}: {', '.join([cells, *more])}, about {loaded.estimate_s() / 60:.1f} minutes")


@plan.command()
@click.argument("name", shell_complete=complete.own_plans)
@json_option
def show(name: str, as_json: bool) -> None:
    """Show the trials of the plan NAME (or a path) in their order.

    \b
    Examples:
      collect plan show quick
      collect plan show table --json
    """
    loaded = with_precision(load_plan(name))
    specs = loaded.trials()
    if as_json:
        trials = [spec.to_json() for spec in specs]
        print_json({"plan": loaded.to_json(), "estimate_s": loaded.estimate_s(), "trials": trials})
        return
    rows = [[spec.ordinal, spec.kind, spec.block, spec.position, spec.cell.name, spec.port] for spec in specs]
    print_table(["ordinal", "kind", "block", "position", "cell", "port"], rows)
