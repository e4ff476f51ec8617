"""Looks at a run that is measured until its ratios are known: what each look found, and whether the run goes on.

What is on record of them: collect.archive.looked. What needs numpy is imported at a look: each trial's workers import
this module.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from collect.archive.looked import BLOCKS, INTERRUPTED, KEY, PRECISE, TIME, Ratio, is_of
from collect.archive.validity import INVALID
from collect.cells import CELL
from collect.precision import block_s, pair_names
from collect.statistics.blocks import MIN_BLOCKS, rates_by_block

if TYPE_CHECKING:
    from collect.archive.partial import PartialRun

Rates = Mapping[str, Mapping[int, float]]
"""By cell and block: requests per second of a trial that counts."""


def decide(run: PartialRun, now_s: float | None = None) -> list[str]:
    """Look, where one is due, after each block that was finished since; return what to say of it, a line each.

    Whether the run goes on is put on record, so whoever asks later hears the same. Nothing is done where the run has no
    precision, is stopped, or is in the middle of a block. ``now_s`` is in unix seconds.
    """
    lines: list[str] = []
    state = state_of(run)
    while state and not state["stopped"] and _finished(run, state["decided"] + 1):
        state, said = _decided(run, state, time.time() if now_s is None else now_s)
        run.update_precision(state)
        lines += said
    return lines


def state_of(run: PartialRun) -> dict[str, Any] | None:
    """Return what is on record of the looks so far; None for a run whose number of blocks was settled beforehand."""
    plan = run.plan
    if plan.precision is None:
        return None
    begun: dict[str, Any] = {
        "wanted": plan.precision,
        "time_limit_s": plan.time_limit_s,
        "most_blocks": plan.blocks,
        "looks": [],
        "decided": 0,
        "measured_s": 0.0,
        "timed_blocks": 0,
        "timed_s": 0.0,
        "decided_at_s": 0.0,
        "expected_block": plan.blocks,
        "stopped": None,
    }
    return {**begun, **run.facts.get(KEY, {})}


def final_state(run: PartialRun) -> dict[str, Any] | None:
    """Return the same for a run that is sealed now; one that was not stopped is looked at for a last time."""
    state = state_of(run)
    if state is None or state["stopped"]:
        return state
    block, looks = int(state["decided"]), state["looks"]
    if block >= MIN_BLOCKS and not (looks and looks[-1]["block"] == block):
        looks = [*looks, _look(run, state, block, final=False)]
    return state | {"looks": looks, "stopped": {"block": block, "reason": INTERRUPTED}}


def expected_block(run: PartialRun) -> int:
    """Return after which block the run is expected to end."""
    state = state_of(run)
    return int(state["expected_block"]) if state else run.plan.blocks


def _finished(run: PartialRun, block: int) -> bool:
    mine = [spec for spec in run.trials() if spec.kind == CELL and spec.block == block]
    return bool(mine) and all(run.finished(spec) for spec in mine)


def _decided(run: PartialRun, state: dict[str, Any], now_s: float) -> tuple[dict[str, Any], list[str]]:
    """Return the record after one more block, and what to say."""
    from collect.statistics import sequential

    block, most, limit_s = state["decided"] + 1, state["most_blocks"], state["time_limit_s"]
    began_s = datetime.fromisoformat(run.facts["sessions"][-1]["started_at"]).timestamp()
    passed_s = max(0.0, now_s - max(began_s, state["decided_at_s"]))
    measured_s = state["measured_s"] + passed_s
    if state["decided_at_s"] > began_s and passed_s:
        # Before a session's first block there is more than blocks: hosts are asked, ceilings measured.
        state = state | {"timed_blocks": state["timed_blocks"] + 1, "timed_s": round(state["timed_s"] + passed_s, 1)}
    state = state | {"decided": block, "measured_s": round(measured_s, 1), "decided_at_s": now_s}
    each_s = max(state["timed_s"] / max(1, state["timed_blocks"]), block_s(run.plan))
    time_up = measured_s + each_s > limit_s
    final = time_up or block >= most
    ending = TIME if block < most else BLOCKS
    if not final and block not in sequential.look_blocks(most):
        return state, []
    look = _look(run, state, block, final=final)
    state["looks"] = [*state["looks"], look]
    precise = all(_known(ratio, state["wanted"]) for ratio in look["ratios"])
    if precise or final:
        state |= {"stopped": {"block": block, "reason": PRECISE if precise else ending}}
        return state, [_line(run, look, _ENDS[state["stopped"]["reason"]])]
    needed = _needed(look, state["wanted"], most)
    expected = next((later for later in sequential.look_blocks(most) if later >= max(needed, block + 1)), most)
    state["expected_block"] = expected
    wanted_s, left_s = (expected - block) * each_s, limit_s - measured_s
    ends = f", about {max(1, math.ceil(min(wanted_s, left_s) / 60))} min to go"
    if needed > most or wanted_s > left_s:
        ends += ", then the time is up"
    return state, [_line(run, look, ends)]


_ENDS = {PRECISE: ": enough", TIME: ": the time is up", BLOCKS: ": these were the most blocks"}


def _look(run: PartialRun, state: Mapping[str, Any], block: int, *, final: bool) -> dict[str, Any]:
    """Return what is to be seen after a block."""
    from collect.statistics import sequential

    rates = _rates(run, block)
    spent = sequential.spent(block, state["most_blocks"], final=final)
    ratios = []
    for top, bottom in pair_names(run.plan):
        before = [ratio for look in state["looks"] for ratio in look["ratios"] if is_of(ratio, top, bottom)]
        ratios.append({"top": top, "bottom": bottom, **_seen(rates, top, bottom, before, spent)})
    return {"block": block, "measured_s": state["measured_s"], "final": final, "ratios": ratios}


def _seen(rates: Rates, top: str, bottom: str, before: Sequence[Ratio], spent: float) -> dict[str, Any]:
    """Return one ratio at a look; without a level where fewer than three blocks hold both of its cells."""
    from collect.statistics import sequential

    one, other = rates.get(top, {}), rates.get(bottom, {})
    logs = [math.log(one[block] / other[block]) for block in sorted(one.keys() & other.keys())]
    count = len(logs)
    seen: dict[str, Any] = {"blocks": count, "ratio": math.exp(statistics.fmean(logs)) if logs else None}
    if count < MIN_BLOCKS:
        return seen | dict.fromkeys(("deviation", "spent", "level", "critical", "half_width"))
    # Where no block that counts was added, this look takes the place of the one before.
    earlier = [look for look in before if look["level"] is not None and look["blocks"] < count]
    counts = (*(look["blocks"] for look in earlier), count)
    level = sequential.levels(counts, (*(look["spent"] for look in earlier), spent))[-1]
    deviation = statistics.stdev(logs)
    return seen | {
        "deviation": deviation,
        "spent": spent,
        "level": level,
        "critical": sequential.critical(level, count),
        "half_width": sequential.half_width(deviation, count, level),
    }


def _rates(run: PartialRun, block: int) -> Rates:
    """Return the rates of the trials of the blocks up to this one, as they were judged when they were measured."""
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for spec in run.trials():
        if spec.kind == CELL and spec.block <= block and run.finished(spec):
            row = run.summary(spec)
            if row["validity"] != INVALID:
                rows.setdefault(spec.cell.name, []).append({"block": spec.block, "rps": row["rps"]})
    return {name: rates_by_block(mine) for name, mine in rows.items()}


def _needed(look: Mapping[str, Any], wanted: float, most: int) -> int:
    """Return a guess after how many blocks all ratios are known, more than ``most`` where one cannot be guessed."""
    from collect.statistics import sequential

    needed = look["block"]
    for ratio in look["ratios"]:
        if ratio["level"] is None:
            return most + 1
        if not _known(ratio, wanted):
            blocks = sequential.blocks_needed(ratio["deviation"], ratio["blocks"], ratio["level"], wanted)
            needed = max(needed, blocks + look["block"] - ratio["blocks"])
    return int(needed)


def _known(ratio: Ratio, wanted: float) -> bool:
    return ratio["half_width"] is not None and ratio["half_width"] <= wanted


def _line(run: PartialRun, look: Mapping[str, Any], ends: str) -> str:
    """Return a look in one line: the ratio that is known least, what was wanted, and how it goes on."""
    names, wanted = pair_names(run.plan), float(run.plan.precision or 0)
    least = max(look["ratios"], key=lambda ratio: math.inf if ratio["half_width"] is None else ratio["half_width"])
    known = sum(_known(ratio, wanted) for ratio in look["ratios"])
    named = names[least["top"], least["bottom"]]
    text = f"  block {look['block']}: {named} {_value(least)} (wanted {100 * wanted:g} %)"
    return text + (f", {known} of {len(names)} ratios known" if len(names) > 1 else "") + ends


def _value(ratio: Ratio) -> str:
    if ratio["ratio"] is None:
        return "without a block that holds both"
    if ratio["half_width"] is None:
        return f"{ratio['ratio']:.2f} from {ratio['blocks']} of {MIN_BLOCKS} blocks"
    percent = 100 * ratio["half_width"]
    return f"{ratio['ratio']:.2f} ± {percent:.{0 if percent > 99 else 2}{'f' if percent > 99 else 'g'}} %"
