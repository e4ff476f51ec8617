"""Trials in which a known thing is made to hold the rate back: plans of them, and what was said of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from collect.plan import Cell
from collect.verdicts import WORDS

FIRST_PORT = 40000
"""Of the few that a client is left with; those of the trials lie below 32768."""
CELL = ("variant", "workload", "generator", "users", "profile")


@dataclass(frozen=True)
class Case:
    """One provoked trial."""

    word: str
    """The word whose cause is there, in whatever dose; of a reverse: whose cause was taken away."""
    expect: str
    also: str | None
    """A second word that is right, too."""
    why: str
    variant: str
    workload: str
    work: Mapping[str, float]
    generator: str
    users: int
    profile: str
    client_sysctls: Mapping[str, str]
    burn: Mapping[str, Mapping[str, float]]

    @property
    def cell(self) -> str:
        """The name of its cell."""
        return Cell(*(getattr(self, part) for part in CELL)).name

    @property
    def right(self) -> tuple[str, ...]:
        """The words that are right."""
        return (self.expect, self.also) if self.also else (self.expect,)

    @classmethod
    def of(cls, entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> Case:
        """Take a case as benchmarks/accuracy.yml has it. Raises ValueError for what it does not know."""
        rest = {**defaults, **entry}
        word, workload = rest.pop("word"), rest.pop("workload")
        work = {} if isinstance(workload, str) else workload
        burn, ports, reuse = rest.pop("burn", {}), rest.pop("ports", None), rest.pop("reuse", False)
        sysctls = {}
        if ports:
            sysctls["net.ipv4.ip_local_port_range"] = f"{FIRST_PORT} {FIRST_PORT + ports - 1}"
        if reuse:
            sysctls["net.ipv4.tcp_tw_reuse"] = "1"
        names = [f"{side}-{_named(entry)}" for side, entry in burn.items()]
        names += [f"ports-{ports}"] * bool(ports) + ["reuse"] * bool(reuse)
        case = cls(
            word=word,
            expect=rest.pop("expect", word),
            also=rest.pop("or", None),
            why=rest.pop("why", ""),
            variant=rest.pop("variant"),
            workload=_named(work) if work else workload,
            work=work,
            generator=rest.pop("generator"),
            users=rest.pop("users"),
            profile="-".join(names) or "article",
            client_sysctls=sysctls,
            burn=burn,
        )
        unknown = [each for each in (case.word, *case.right) if each not in WORDS] + list(rest)
        if unknown or (not case.why and case.right != (case.word,)):
            raise ValueError(f"{case.cell}: {', '.join(unknown) or 'why is that the right word?'}")
        return case

    def catalog(self) -> dict[str, dict[str, Any]]:
        """Return the entries of the catalog that it needs beside those that there are."""
        answer = {"path": "/work", "key": "message", "value": "hello", "redis_gets": 0}
        profile = {"client_sysctls": self.client_sysctls, **({"burn": self.burn} if self.burn else {})}
        return {
            "workloads": {self.workload: {**answer, "work": self.work}} if self.work else {},
            "profiles": {self.profile: profile} if self.profile != "article" else {},
        }


@dataclass(frozen=True)
class Verdict:
    """What was said of a case."""

    case: Case
    run_id: str
    trial_id: str
    words: tuple[str, ...]
    confidences: tuple[str, ...]
    evidence: tuple[str, ...]
    validity: str
    reasons: tuple[str, ...]
    rps: float

    @property
    def disturbed(self) -> bool:
        """Whether others than the hosts took CPU from them."""
        return any("went to others" in reason or "stolen" in reason for reason in self.reasons)

    @property
    def first(self) -> str:
        return self.words[0]

    @property
    def right(self) -> bool:
        return self.first in self.case.right

    @property
    def told(self) -> str:
        """All of it in a line."""
        said = "; ".join(
            f"{word} ({sure}): {text}"
            for word, sure, text in zip(self.words, self.confidences, self.evidence, strict=True)
        )
        return f"{self.case.cell}: expected {' or '.join(self.case.right)}, {self.rps:.0f}/s, {self.validity}; {said}"


def plan_of(cases: Sequence[Case], **changes: Any) -> dict[str, Any]:
    """Return a plan that measures each case once, as plain data for its file. Windows are short."""
    catalog: dict[str, dict[str, Any]] = {"workloads": {}, "profiles": {}}
    for case in cases:
        for group, entries in case.catalog().items():
            catalog[group] |= entries
    plan = {
        "description": "trials with a known limit",
        "blocks": 1,
        "seed": 4,
        "ramp_s": 0,
        "warmup_s": 0.5,
        "window_s": 4,
        "ceiling_window_s": 0,
        "cells": [{part: getattr(case, part) for part in CELL} for case in cases],
    }
    return {**plan, "catalog": {group: entries for group, entries in catalog.items() if entries}, **changes}


def verdicts_of(entry: Path, cases: Sequence[Case]) -> list[Verdict]:
    """Return what a sealed entry says of each case that it measured."""
    rows = pq.read_table(entry / "trials.parquet").to_pylist()
    by_cell = {row["cell"]: row for row in rows if row["kind"] == "cell"}
    return [
        Verdict(
            case=case,
            run_id=row["run_id"],
            trial_id=row["trial_id"],
            words=tuple(row["limited_by"]),
            confidences=tuple(row["limited_by_confidence"]),
            evidence=tuple(row["limited_by_evidence"]),
            validity=row["validity"],
            reasons=tuple(row["reasons"]),
            rps=row["rps"],
        )
        for case in cases
        if (row := by_cell.get(case.cell))
    ]


def _named(numbers: Mapping[str, float]) -> str:
    """Return a name for some numbers, e.g. ``cpu-10-wait-50`` or ``0p5-from-3``."""
    words = [
        f"{key.removesuffix('_ms').removesuffix('_mib').removesuffix('_s').removesuffix('_khashes')}-{value:g}"
        for key, value in numbers.items()
    ]
    return "-".join(words).replace(".", "p")
