"""The database: one process with a thread for each connection, so that its ceiling is the server's whole CPU set.

One more user, or one more connection, finds a core as long as there is one; so at one core of several it is not at its
end, as an interpreter or Redis would be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from collect.archive.window import between
from collect.catalog import needs_database
from collect.verdicts.findings import DATABASE, Evidence
from collect.verdicts.processors import NOTEWORTHY, Trial
from collect.verdicts.readings import DETAIL, OWN, Reading, evidence
from collect.verdicts.thresholds import Limits
from collect.verdicts.usage import STOLEN_MAX, Usage, cpu_count

WHAT = "the database's process"
NOT_SAMPLED = f"{WHAT} was not sampled"


def read(trial: Trial) -> Reading:
    """Read its process against the CPU set, and what it says of itself; nothing is missed of a database not in use."""
    series, seconds = trial.raw.server, trial.seconds
    used = needs_database(trial.raw.spec.workload)
    missing: dict[str, str] = {}
    use = seconds.busiest_process(series, "database")
    if not use.known and trial.row.get("database_cpu_cores") is not None:
        use = seconds.unit(series, "database")  # which is one process
        missing[f"{WHAT} was not sampled by itself"] = DETAIL
    cpus = cpu_count(series)
    if not use.known or not cpus:
        return Reading(DATABASE, 0.0, (), {NOT_SAMPLED: OWN} if used else {})
    stolen = seconds.rate(series, lambda s: s["host"]["cpu"]["steal"])
    reading = share_of_set(use, cpus, stolen.mean if stolen.known else 0.0, trial.limits.words[DATABASE])
    statements = tuple(_statements(trial))
    if used and not statements:
        missing["the database's own count of statements"] = DETAIL
    return replace(reading, evidence=(*reading.evidence, *statements), missing=missing if used else {})


def share_of_set(use: Usage, cpus: float, stolen: float, limits: Limits) -> Reading:
    """Return what the cores that the process used say against a CPU set, of which counts what no hypervisor took."""
    left = cpus - min(max(0.0, stolen), STOLEN_MAX * cpus)
    share = use.over(left)
    share = replace(share, mean=min(1.0, share.mean), seconds=np.minimum(1.0, share.seconds))
    what = f"{WHAT} ({use.name})" if use.name else WHAT
    text = f"{what} at {share.mean:.0%} of the server's CPU set"
    if left < cpus - NOTEWORTHY:
        text += f", of whose {cpus:g} the hypervisor left {left:.2f}"
    shown = evidence(what, share, limits, ceiling=left, unit="cores", shown=text)
    return Reading(DATABASE, limits.fullness(share.seconds if len(share.seconds) else share.mean), (shown,))


def disk_waits(row: Mapping[str, Any]) -> Iterator[Evidence]:
    """Tell how much of the server's set lay idle while it waited for a disk, as one does that commits a row."""
    waited, cpus = row.get("server_iowait_cores"), row.get("server_cpus")
    if waited and cpus and waited >= NOTEWORTHY:
        text = f"{waited:.2f} cores of the server's set idle while waiting for a disk"
        yield Evidence("waits for a disk", waited, cpus, "cores", None, text)


def _statements(trial: Trial) -> Iterator[Evidence]:
    """Tell the statements that the database counted and the most connections it had."""
    series, seconds = trial.raw.server, trial.seconds
    rates = {
        name: seconds.rate(series, lambda s, key=key: s["database"][key])  # type: ignore[misc]
        for name, key in (("SELECTs", "selects"), ("INSERTs", "inserts"))
    }
    known = {name: rate.mean for name, rate in rates.items() if rate.known}
    if not known:
        return
    told = [f"{rate:.0f} {name}/s" for name, rate in known.items() if rate] or ["no statement"]
    inside = between(series, seconds.first, seconds.last)
    connected = [s["database"]["threads"] for s in inside if (s.get("database") or {}).get("threads") is not None]
    over = f" over up to {max(connected)} connections" if connected else ""
    yield Evidence("its statements", sum(known.values()), None, "1/s", None, f"{' and '.join(told)}{over}")
