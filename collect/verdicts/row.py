"""A verdict from a trial's row alone, for runs that were sealed before there were verdicts: never more than a lead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from collect.verdicts.database import share_of_set
from collect.verdicts.findings import (
    CLIENT_CPU,
    CLIENT_PORTS,
    DATABASE,
    GENERATOR,
    LOW,
    REDIS,
    SERVER_APP,
    SERVER_CPU,
    Evidence,
    Finding,
)
from collect.verdicts.judge import findings
from collect.verdicts.ports import RANGE, TIME_WAIT_S, port_count
from collect.verdicts.processors import core_reading, set_reading
from collect.verdicts.readings import CEILING, DETAIL, OTHER, OWN, Reading
from collect.verdicts.thresholds import Thresholds, thresholds
from collect.verdicts.usage import UNKNOWN, Usage

RATE_FITS = 1.05
MISSING = {
    "the seconds of the window": OTHER,
    "single processes and threads": OTHER,
    "all ceilings": CEILING,
    "the network's counters": DETAIL,
    "changes of the rate within the window": OTHER,
}


def judge_row(row: Mapping[str, Any], client_facts: Mapping[str, Any]) -> list[Finding]:
    """Return what held a trial back as far as its row tells; all of low confidence. Never nothing."""
    limits = thresholds()
    found = findings(list(_readings(row, client_facts, limits)), row, limits, MISSING)
    return [replace(finding, confidence=LOW) for finding in found]


def _readings(row: Mapping[str, Any], facts: Mapping[str, Any], limits: Thresholds) -> Iterator[Reading]:
    words = limits.words
    for word, side in ((SERVER_CPU, "server"), (CLIENT_CPU, "client")):
        cpus, busy = row.get(f"{side}_cpus"), row.get(f"{side}_cpu_cores")
        use = UNKNOWN
        if cpus and busy is not None:
            use = _mean((busy + (row.get(f"{side}_steal_cores") or 0.0)) / cpus)
        yield set_reading(word, f"the {side}'s CPU set", use, limits, row, side)
    for word, unit in ((SERVER_APP, "app"), (REDIS, "redis"), (GENERATOR, "generator")):
        cores = row.get(f"{unit}_cpu_cores")
        use = UNKNOWN if cores is None else _mean(min(1.0, cores))
        yield core_reading(word, f"the unit {unit}", use, UNKNOWN, words[word])
    if row.get("database_cpu_cores") is not None and (cpus := row.get("server_cpus")):
        yield share_of_set(
            _mean(row["database_cpu_cores"]), cpus, row.get("server_steal_cores") or 0.0, words[DATABASE]
        )
    waiting, count = row.get("client_time_wait_max"), port_count((facts.get("sysctl") or {}).get(RANGE))
    if waiting is None or count is None:
        yield Reading(CLIENT_PORTS, 0.0, (), {"the client's ports": OWN})
        return
    # Sockets of earlier trials are among them, and how many connections this one opened is not known: only a rate that
    # as many ports can bear for longer than they wait speaks for them.
    lasting = row["window_s"] >= TIME_WAIT_S and row["rps"] <= RATE_FITS * count / TIME_WAIT_S
    text = f"{waiting} sockets in TIME_WAIT at most, for {count} ports"
    shown = Evidence("ports", float(waiting), float(count), "ports", None, text)
    full = min(1.0, words[CLIENT_PORTS].fullness(waiting / count)) if lasting else 0.0
    yield Reading(CLIENT_PORTS, full, (shown,))


def _mean(share: float) -> Usage:
    return Usage(share, np.array([]))
