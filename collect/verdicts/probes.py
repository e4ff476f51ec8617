"""Verdicts put to the test: which intervention, what must follow from it, and what did."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from collect.archive.validity import INVALID
from collect.documents import load_document
from collect.paths import DATA_DIR
from collect.plan import PROBE, Cell, Plan, TrialSpec
from collect.serving import servers
from collect.statistics.intervals import ratio_over_blocks
from collect.verdicts.cells import CONFIRMED, REFUTED, UNCLEAR, usable, word_of
from collect.verdicts.findings import (
    CLIENT_CPU,
    CLIENT_PORTS,
    CONCURRENCY,
    DATABASE,
    GENERATOR,
    REDIS,
    SERVER_APP,
    SERVER_CPU,
    SERVER_SIDE,
)

RISE, FALL, SAME = "rise", "fall", "same"
MAX_USERS = 100000

Row = Mapping[str, Any]
Entry = Mapping[str, Any]


@functools.cache
def settings(path: Path = DATA_DIR / "probes.yml") -> Mapping[str, Any]:
    """Read and check the numbers (collect/data/probes.yml); BenchError names the one that is wrong."""
    document: Mapping[str, Any] = load_document(path, "probes")
    return document


@dataclass(frozen=True)
class Intervention:
    """One thing that is changed against a cell, and what its rate must do then."""

    text: str
    cell: Cell
    expect: str
    named: bool
    """Whether the resource is the one that the verdict names."""
    entries: Mapping[str, Entry] = field(default_factory=dict)
    taken: float = 0.0
    """The share of a CPU set that is taken away; 0 where something is given."""


@dataclass(frozen=True)
class Usage:
    """A cell in use, on the mean of its usable trials."""

    cell: Cell
    word: str
    server_cpus: float
    server_idle: float
    client_cpus: float
    client_idle: float

    @classmethod
    def of(cls, cell: Cell, rows: Sequence[Row]) -> Usage:
        """Take it from the cell's rows; an unknown CPU counts as busy."""

        def mean(name: str) -> float:
            known = [row[name] for row in rows if row.get(name) is not None]
            return fmean(known) if known else 0.0

        def idle(side: str) -> float:
            known = [row for row in rows if row.get(f"{side}_cpu_cores") is not None and row.get(f"{side}_cpus")]
            return fmean([row[f"{side}_cpus"] - row[f"{side}_cpu_cores"] for row in known]) if known else 0.0

        word = word_of(rows)[0]
        return cls(cell, word, mean("server_cpus"), idle("server"), mean("client_cpus"), idle("client"))


def choose(plan: Plan, usage: Usage) -> tuple[list[Intervention], str | None]:
    """Return what to change to test a cell's verdict (named first), and why what is named cannot be tested if so."""
    change = _Changes(plan, usage)
    named, reason = _named(change, usage)
    other = _not_named(change, usage) if named else None
    return [each for each in (named, other) if each is not None], reason


def _named(change: _Changes, usage: Usage) -> tuple[Intervention | None, str | None]:
    word = usage.word
    if word == CONCURRENCY:
        return change.users(RISE, named=True), None
    if word == CLIENT_PORTS:
        found = change.ports(RISE, named=True)
        return found, None if found else "the client's ports are as wide already as can be"
    if word == GENERATOR:
        found = change.more_processes() or change.cheaper_generator() or change.slower("client")
        return found, None if found else f"there is no cheaper generator, and {_NOT_ALONE}"
    if word == CLIENT_CPU:
        found = change.cheaper_generator() or change.burn("client", FALL, named=True)
        return found, None if found else "there is no cheaper generator, and the client's CPU is burnt already"
    if word in (SERVER_CPU, DATABASE):  # the database has a thread a connection, so it is the whole set that it fills
        found = change.burn("server", FALL, named=True)
        return found, None if found else "the profile burns the server's CPU already"
    if word in (SERVER_APP, REDIS):
        found = (change.app_process() if word == SERVER_APP else None) or change.slower("server")
        return found, None if found else f"no process can be added, and {_NOT_ALONE}"
    if word == "network":
        return None, "the network cannot be made faster, or slower, from here"
    return None, "no single resource explains a rate that is not steady"


def _not_named(change: _Changes, usage: Usage) -> Intervention | None:
    """Return something to change that is not what the verdict names: it must leave the rate as it is."""
    if usage.word in SERVER_SIDE:
        return change.ports(SAME, named=False) or change.users(SAME, named=False)
    if usage.word == CONCURRENCY:
        return change.ports(SAME, named=False) or change.burn("server", SAME, named=False)
    return change.users(SAME, named=False)


_NOT_ALONE = "one process cannot be slowed where it finds another core idle"


class _Changes:
    """The interventions that there are; None for what cannot be done to this cell."""

    def __init__(self, plan: Plan, usage: Usage) -> None:
        self.plan, self.usage, self.cell = plan, usage, usage.cell
        self.generator = plan.catalog.generators[usage.cell.generator]
        self.profile = plan.catalog.profiles[usage.cell.profile]
        self.variant = plan.catalog.variants[usage.cell.variant]

    def users(self, expect: str, *, named: bool) -> Intervention | None:
        users = self.cell.users * 2
        if users > MAX_USERS:
            return None
        return Intervention(
            f"{users} users instead of {self.cell.users}", replace(self.cell, users=users), expect, named
        )

    def ports(self, expect: str, *, named: bool) -> Intervention | None:
        wide, own = settings()["client_sysctls"], self.profile["client_sysctls"]
        if all(own.get(name) == value for name, value in wide.items()):
            return None
        entry = {**self.profile, "client_sysctls": {**own, **wide}}
        cell = replace(self.cell, profile=f"{self.cell.profile}+ports")
        return Intervention("wider client ports, used again at once", cell, expect, named, {"profile": entry})

    def burn(self, side: str, expect: str, *, named: bool) -> Intervention | None:
        cpus, idle = getattr(self.usage, f"{side}_cpus"), getattr(self.usage, f"{side}_idle")
        busy_already = side in self.profile.get("burn", {})
        if busy_already or (expect == SAME and (not cpus or idle / cpus < settings()["idle_for_taking"])):
            return None
        duty = settings()["taken"]
        entry = {**self.profile, "burn": {**self.profile.get("burn", {}), side: {"duty": duty}}}
        cell = replace(self.cell, profile=f"{self.cell.profile}+burn-{side}")
        text = f"{duty:.0%} of the {side}'s CPU taken away"
        return Intervention(text, cell, expect, named, {"profile": entry}, taken=duty)

    def slower(self, side: str) -> Intervention | None:
        """Slow a process that is at one core; with another core idle it would only move there."""
        if getattr(self.usage, f"{side}_idle") >= settings()["idle_for_process"]:
            return None
        return self.burn(side, FALL, named=True)

    def more_processes(self) -> Intervention | None:
        processes = int(self.generator["processes"])
        if self.generator["tool"] != "locust" or self.usage.client_idle < processes * settings()["idle_for_process"]:
            return None
        entry = {**self.generator, "processes": 2 * processes}
        cell = replace(self.cell, generator=f"{self.cell.generator}+2x")
        text = f"{2 * processes} generator processes instead of {processes}"
        return Intervention(text, cell, RISE, True, {"generator": entry})

    def cheaper_generator(self) -> Intervention | None:
        if self.generator["tool"] != "locust":
            return None
        if self.generator["user_class"] == "FastHttpUser":
            entry: Entry = {"tool": "wrk", "processes": 1}
            cell = replace(self.cell, generator=f"{self.cell.generator}+wrk")
            return Intervention("wrk as a cheaper generator", cell, RISE, True, {"generator": entry})
        entry = {**self.generator, "user_class": "FastHttpUser"}
        cell = replace(self.cell, generator=f"{self.cell.generator}+fast")
        return Intervention("FastHttpUser as a cheaper generator", cell, RISE, True, {"generator": entry})

    def app_process(self) -> Intervention | None:
        possible = servers(self.variant["framework"])[self.variant["server"]]["processes"]
        if not possible or self.usage.server_idle < settings()["idle_for_process"]:
            return None
        processes = int(self.variant["processes"]) + 1
        cell = replace(self.cell, variant=f"{self.cell.variant}+{processes}p")
        text = f"{processes} app processes instead of {processes - 1}"
        return Intervention(text, cell, RISE, True, {"variant": {**self.variant, "processes": processes}})


def plan_probes(
    plan: Plan, rows: Iterable[Row], port_base: int, ordinal: int
) -> tuple[list[TrialSpec], list[dict[str, Any]]]:
    """Return the trials that test the verdicts of a plan's cells, and what each test is (for run.json).

    ``ordinal`` is that of the last trial so far. A test says ``cell``, ``word``, ``expect``, ``intervention``,
    ``named``, ``taken`` and ``triples`` (each changed trial between its two neighbours of the cell), or ``cell``,
    ``word`` and the reason why it is ``untested``.
    """
    trials: list[tuple[Cell, Intervention | None, float]] = []
    tests: list[dict[str, Any]] = []
    known = usable(rows)
    for cell in plan.cells:
        if cell.name not in known:
            continue
        usage = Usage.of(cell, known[cell.name])
        interventions, reason = choose(plan, usage)
        if reason is not None:
            tests.append({"cell": cell.name, "word": usage.word, "untested": reason})
        if not interventions:
            continue
        over_time = usage.word == CLIENT_PORTS
        window_s = min(plan.window_s, settings()["ports_window_s"]) if over_time else plan.short_window_s
        order = _turns(interventions, settings()["ports_repeats" if over_time else "repeats"])
        first = len(trials)
        trials += [(cell, each, window_s) for each in order]
        tests += [_test(usage, each, order, first) for each in interventions]
    total = ordinal + len(trials)
    specs = [
        plan.spec(
            change.cell if change else cell, plan.blocks + 1, place, ordinal + place, total, port_base, kind=PROBE,
            window_s=window_s, entries=change.entries if change else None, probe_of=cell.name,
            intervention=change.text if change else None,
        )
        for place, (cell, change, window_s) in enumerate(trials, start=1)
    ]  # fmt: skip
    for test in tests:
        test["triples"] = [[specs[place].trial_id for place in places] for places in test.get("triples", ())]
    return specs, tests


def _turns(interventions: Sequence[Intervention], repeats: int) -> list[Intervention | None]:
    """Return the order of a cell's trials, None for the cell itself: cell, a, b, cell, b, a, cell."""
    order: list[Intervention | None] = [None]
    for turn in range(repeats):
        order += [*(interventions if turn % 2 == 0 else reversed(interventions)), None]
    return order


def _test(usage: Usage, each: Intervention, order: Sequence[Intervention | None], first: int) -> dict[str, Any]:
    bases = [place for place, other in enumerate(order) if other is None]
    triples = [
        [first + max(base for base in bases if base < place), first + place, first + min(b for b in bases if b > place)]
        for place, other in enumerate(order)
        if other is each
    ]
    return {
        "cell": usage.cell.name,
        "word": usage.word,
        "expect": each.expect,
        "intervention": each.text,
        "named": each.named,
        "taken": each.taken,
        "triples": triples,
    }


def outcomes(tests: Iterable[Mapping[str, Any]], rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return the tests with what came of them; those that could not be made as they are.

    ``ratio`` is the rate with the change over that without: each changed trial against the geometric mean of its two
    neighbours, so that a steady drift drops out; over the trials the geometric mean, with the range of the values
    (fewer than three give no interval), widened to the noise between neighbours.
    """
    good = [row for row in rows if row["validity"] != INVALID and row["rps"]]
    rates = {row["trial_id"]: float(row["rps"]) for row in good}
    words = {row["trial_id"]: row["limited_by"] for row in good if row.get("limited_by")}
    return [dict(test) if "untested" in test else _outcome(test, rates, words) for test in tests]


def _outcome(test: Mapping[str, Any], rates: Mapping[str, float], words: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    triples = [triple for triple in test["triples"] if all(name in rates for name in triple)]
    changed = {place: rates[middle] for place, (_, middle, _) in enumerate(triples)}
    itself = {place: math.sqrt(rates[before] * rates[after]) for place, (before, _, after) in enumerate(triples)}
    bases = dict.fromkeys(name for before, _, after in triples for name in (before, after))
    said = {name: test[name] for name in ("cell", "word", "expect", "intervention", "named")}
    said |= {"baseline_rps": [rates[name] for name in bases], "rps": list(changed.values())}
    estimate = ratio_over_blocks(changed, itself)
    if estimate is None:
        missing = f"{test['intervention']}: not measured"
        return {**said, "ratio": None, "low": None, "high": None, "outcome": UNCLEAR, "text": missing}
    noise = 1 + settings()["noise"]
    low = min(estimate.least if estimate.low is None else estimate.low, estimate.value / noise)
    high = max(estimate.most if estimate.high is None else estimate.high, estimate.value * noise)
    outcome = judged(test["expect"], test["taken"], low, high)
    if outcome == REFUTED and all(test["word"] not in words.get(name, (test["word"],)) for name in bases):
        # What did not limit the cell this time, as ports in a window too short for them, cannot be refuted by it.
        outcome = UNCLEAR
    text = (
        f"{test['intervention']}: {estimate.value:.2f} times the rate ({low:.2f} to {high:.2f}),"
        f" {'a ' if test['expect'] != SAME else ''}{_WORDS[test['expect']]} was to be expected"
    )
    return {**said, "ratio": estimate.value, "low": low, "high": high, "outcome": outcome, "text": text}


_WORDS = {RISE: "rise", FALL: "fall", SAME: "no change"}


def judged(expect: str, taken: float, low: float, high: float) -> str:
    """Return what a ratio in [low, high] says of an expectation; ``taken`` is the share that was taken away, if any.

    Confirmed where all of the interval is on the expected side of the border, refuted where all of it is on the other.
    Less than nothing gained from more of what was not named is no reason against a verdict, nor is it the other way.
    """
    if taken:
        border = 1 - settings()["fall_part"] * taken
        effect, none = high < border, low > border
    else:
        border = settings()["rise_above" if expect == RISE else "same_below"]
        effect, none = low > border, high < border
    right, wrong = (none, effect) if expect == SAME else (effect, none)
    return CONFIRMED if right else REFUTED if wrong else UNCLEAR
