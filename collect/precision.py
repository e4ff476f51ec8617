"""Measuring until it is known: how many blocks of a plan may be measured where a precision decides how many are."""

from __future__ import annotations

import math
from dataclasses import replace

from collect.cells import window_s_of
from collect.errors import BenchError
from collect.pairs import pairs_of
from collect.plan import PORT_BASE, PORT_LIMIT, PROBES_PER_CELL, TRIAL_OVERHEAD_S, Cell, Plan
from collect.statistics.blocks import MIN_BLOCKS

LARGEST = 0.5
DEFAULT_LIMIT_MIN = 60.0
MOST_BLOCKS = 1000


def with_precision(
    plan: Plan, precision: float | None = None, time_limit_min: float | None = None, *, port_base: int = PORT_BASE
) -> Plan:
    """Return the plan with a precision, its own without one given, and with as many blocks as the time limit has room.

    ``precision`` is the half-width of a log ratio's interval, so 0.01 means some 1 %; ``time_limit_min`` minutes of
    measuring (60 by default). A plan without a precision stays as it is. BenchError where a value is out of range, the
    plan has a design or no two cells to compare, or the time is too short for an interval.
    """
    precision = plan.precision if precision is None else precision
    if precision is None:
        if time_limit_min is not None or plan.time_limit_s is not None:
            raise BenchError("a time limit without a precision", "time_limit_min", "give precision=, too")
        return plan
    limit_s = plan.time_limit_s if time_limit_min is None else 60 * time_limit_min
    limit_s = round(60 * DEFAULT_LIMIT_MIN if limit_s is None else limit_s, 3)
    if not 0 < precision < LARGEST:  # not a number is no number between
        remedy = "give the half-width of a log ratio's interval, such as 0.01 for 1 %"
        raise BenchError(f"{precision:g} is not between 0 and {LARGEST}", "precision", remedy)
    if not (math.isfinite(limit_s) and limit_s > 0):
        raise BenchError(f"{limit_s / 60:g} is out of range", "time_limit_min", "give a number of minutes above 0")
    if plan.design:
        problem = "what is told of a design does not pay for looks on the way"
        raise BenchError(problem, f"precision, plan {plan.name}", "leave precision away and give blocks")
    if not pairs_of(plan.cells, plan.catalog):
        remedy = "give two variants of the same workload, generator, users and profile"
        raise BenchError("there is no ratio to be sure of", f"precision, plan {plan.name}", remedy)
    most = _most_blocks(plan, limit_s, port_base)
    if most < MIN_BLOCKS:
        needed = math.ceil((_ceilings_s(plan) + MIN_BLOCKS * block_s(plan)) / 60)
        problem = f"{MIN_BLOCKS} blocks, the fewest that give an interval, do not fit into {limit_s / 60:g} min"
        raise BenchError(problem, f"time_limit_min, plan {plan.name}", f"give {needed} min at least, or fewer cells")
    return replace(plan, precision=precision, time_limit_s=limit_s, blocks=most)


def check_same(plan: Plan, run_id: str, precision: float | None, time_limit_min: float | None) -> None:
    """Raise BenchError where a run is to go on with another precision or time limit than it was begun with.

    What each look may spend hangs on the most blocks there can be, so these are settled when a run begins.
    """
    for name, given, own in (
        ("precision", precision, plan.precision),
        ("time_limit_min", time_limit_min, None if plan.time_limit_s is None else plan.time_limit_s / 60),
    ):
        if given is not None and (own is None or not math.isclose(given, own)):
            with_own = f"without {name}" if own is None else f"with {name}={own:g}"
            remedy = f"leave {name}= away to go on with the run's own, or begin a new run"
            raise BenchError(f"the run was begun {with_own}, not {given:g}", run_id, remedy)


def block_s(plan: Plan) -> float:
    """Return how long one block takes, in seconds, as far as one can say before it."""
    windows_s = (window_s_of(cell.variant, plan.window_s, plan.windows_s) for cell in plan.cells)
    return sum(windows_s) + len(plan.cells) * (plan.ramp_s + plan.warmup_s + TRIAL_OVERHEAD_S)


def pair_names(plan: Plan) -> dict[tuple[str, str], str]:
    """Return the pairs of cells that are to be known, by their names, each with what to call it in a line."""
    pairs = pairs_of(plan.cells, plan.catalog, plan.design)
    short = [f"{top.variant} / {bottom.variant} {top.workload}" for top, bottom in pairs]
    long = [f"{text}, {_load(top)}" for text, (top, _) in zip(short, pairs, strict=True)]
    said = short if len(set(short)) == len(short) else long
    return {(top.name, bottom.name): text for text, (top, bottom) in zip(said, pairs, strict=True)}


def _load(cell: Cell) -> str:
    return f"{cell.users} users, {cell.generator}, {cell.profile}"


def _most_blocks(plan: Plan, limit_s: float, port_base: int) -> int:
    in_time = (limit_s - _ceilings_s(plan)) / block_s(plan)
    ports = PORT_LIMIT - 1 - port_base - len(plan.ceilings()) - plan.probe * PROBES_PER_CELL * len(plan.cells)
    return max(0, min(MOST_BLOCKS, int(in_time), ports // len(plan.cells)))


def _ceilings_s(plan: Plan) -> float:
    each_s = plan.ramp_s + plan.warmup_s + plan.ceiling_window_s + TRIAL_OVERHEAD_S
    return len(plan.ceilings()) * each_s
