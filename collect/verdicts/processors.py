"""The CPU of both sides: the sets, and what runs on one core at a time (app, Redis, generator)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from collect.archive.hosts import host_figures, plain
from collect.archive.raw import RawTrial, Series
from collect.cpu_sets import by_cpu_set
from collect.verdicts.ceilings import Ceilings
from collect.verdicts.findings import (
    CLIENT_CPU,
    CONCURRENCY,
    GENERATOR,
    REDIS,
    SERVER_APP,
    SERVER_CPU,
    UNSTEADY,
    Evidence,
)
from collect.verdicts.quotas import slowed, together, within_quota
from collect.verdicts.readings import CEILING, OWN, Reading, evidence
from collect.verdicts.thresholds import Limits, Thresholds
from collect.verdicts.usage import UNKNOWN, Seconds, Usage, busiest

NOTEWORTHY = 0.005
"""A part of a CPU set that is told among those who used it."""
OWN_UNITS = {"server": ("app", "redis", "relay", "database"), "client": ("generator",)}
NOT_ALWAYS = ("relay", "database")
"""What is measured, by side; of these, what runs only where a workload wants it."""
CLOSES, KEEPS = 0.5, 0.1
"""Connections per request: from the one on each request has its own, up to the other they are kept."""
OWN_LIMITS = (GENERATOR, CONCURRENCY)
"""What must have held the responder's trial back for its rate to be the generator's ceiling."""


@dataclass(frozen=True)
class Trial:
    """What the rules look at."""

    raw: RawTrial
    seconds: Seconds
    row: Mapping[str, Any]
    ceilings: Ceilings
    limits: Thresholds


def server(trial: Trial) -> Iterator[Reading]:
    """Read the server: its CPU set, the app's processes, Redis' process."""
    series, seconds, row, host = trial.raw.server, trial.seconds, trial.row, trial.raw.record["server"]
    limits = trial.limits.words
    whole = set_reading(
        SERVER_CPU, "the server's CPU set", seconds.cpu_set(series), trial.limits, row, "server", burner=burns(host)
    )
    yield within_quota(whole, together(seconds, series, OWN_UNITS["server"]), series, host, limits[SERVER_CPU])
    app, all_of_it = slowed(seconds.busiest_process(series, "app"), host), _unit(seconds, [series], "app")
    yield core_reading(SERVER_APP, "the app's busiest process", app, all_of_it, limits[SERVER_APP])
    redis = slowed(seconds.busiest_process(series, "redis"), host)
    busy = core_reading(REDIS, "Redis' process", redis, _unit(seconds, [series], "redis"), limits[REDIS])
    yield _against_benchmark(trial, busy)


def clients(trial: Trial) -> Iterator[Reading]:
    """Read the clients: the fullest CPU set, the generator's busiest process or thread, its rate and its ceiling."""
    yield fullest(client_sets(trial))
    yield against_ceiling(trial.row, trial.ceilings, trial.limits, fullest(generators(trial)))


def client_sets(trial: Trial) -> list[Reading]:
    """Read the CPU set of each client that runs a part of the generator; those that share their CPUs are one."""
    raw, seconds, limits, records = trial.raw, trial.seconds, trial.limits.words, trial.raw.record["clients"]
    of = {series.host: series for series in raw.clients}
    sets = by_cpu_set(of, trial.ceilings.hosts)
    found = []
    for hosts in sets:
        if not set(hosts) & generating(raw):
            continue
        named = ", ".join(hosts) if len(raw.clients) > 1 else None
        what = f"the CPU set of {named}" if named else "the client's CPU set"
        group = [of[host] for host in hosts]
        row = trial.row if len(sets) == 1 else _own_figures(trial, group)
        burner = any(burns(records[host]) for host in hosts)
        use = seconds.cpu_set(group[0])
        whole = set_reading(CLIENT_CPU, what, use, trial.limits, row, "client", burner=burner)
        for series in group:
            own = together(seconds, series, OWN_UNITS["client"])
            where = f" on {series.host}" if named else ""
            whole = within_quota(whole, own, series, records[series.host], limits[CLIENT_CPU], where=where)
        found.append(replace(whole, host=named))
    return found


def generators(trial: Trial) -> list[Reading]:
    """Read the generator's busiest process, or thread where it has several, of each client that runs a part of it."""
    raw, seconds, limits = trial.raw, trial.seconds, trial.limits.words[GENERATOR]
    several = len(raw.clients) > 1
    found = []
    for series in raw.clients:
        if series.host in generating(raw):
            what = f"the generator's busiest {'thread' if threaded(raw) else 'process'}"
            what += f" on {series.host}" * several
            use = _generator_use(raw, seconds, series)
            busy = core_reading(GENERATOR, what, use, _unit(seconds, [series], "generator"), limits)
            found.append(replace(busy, host=series.host if several else None))
    return found


def generating(raw: RawTrial) -> set[str]:
    """Return the clients that run a process of the generator; the first one has the primary."""
    return {raw.clients[0].host, *raw.homes.values()}


def fullest(readings: Sequence[Reading]) -> Reading:
    """Return the fullest reading of one resource on several hosts, with what was not there of any."""
    known = [reading for reading in readings if reading.evidence]
    most = max(known or readings, key=lambda each: (each.full, sum(part.value for part in each.evidence[:1])))
    missing = {text: kind for reading in readings for text, kind in reading.missing.items()}
    return replace(most, missing=missing)


def threaded(raw: RawTrial) -> bool:
    """Say whether the generator spreads its work over threads, each of which may fill a core."""
    return bool(raw.spec.generator.get("tool") == "wrk")


def busiest_generator(raw: RawTrial, seconds: Seconds) -> Usage:
    """Return the cores of the generator's busiest process, or thread where it has several."""
    return busiest(_generator_use(raw, seconds, series) for series in raw.clients)


def _generator_use(raw: RawTrial, seconds: Seconds, series: Series) -> Usage:
    each = seconds.busiest_thread if threaded(raw) else seconds.busiest_process
    return slowed(each(series, "generator"), raw.record["clients"][series.host])


def _own_figures(trial: Trial, hosts: Sequence[Series]) -> Mapping[str, Any]:
    """Return the figures of some clients alone, as the trial's row has them of all."""
    units, seconds = ("generator", "collector", "other"), trial.seconds
    own = host_figures("client", hosts, seconds.first, seconds.last, units, trial.ceilings.hosts)
    return {name: plain(value) for name, value in own.items()}


def burns(host: Mapping[str, Any]) -> bool:
    """Say whether the profile asked for a busy loop on this host; it runs in a unit of the host and counts as other."""
    return bool((host.get("conditions") or {}).get("burn"))


def set_reading(
    word: str, what: str, use: Usage, limits: Thresholds, row: Mapping[str, Any], side: str, *, burner: bool = False
) -> Reading:
    """Return what a CPU set says, with who used it."""
    if not use.known:
        return Reading(word, 0.0, (), {f"{what} was not sampled": OWN})
    cpus = float(row[f"{side}_cpus"] or 1)
    detail = ", ".join(_users(row, side, burner=burner))
    shown = evidence(what, use, limits.words[word], ceiling=cpus, unit="cores", detail=detail)
    full = limits.words[word].fullness(use.seconds if len(use.seconds) else use.mean)
    own = {unit: row.get(f"{unit}_cpu_cores") for unit in OWN_UNITS[side]}
    if all(cores is not None for unit, cores in own.items() if unit not in NOT_ALWAYS):
        full *= min(1.0, sum(cores for cores in own.values() if cores) / limits.rules["own_cores"])
    return Reading(word, full, (shown,))


def core_reading(word: str, what: str, use: Usage, unit: Usage, limits: Limits) -> Reading:
    """Return what a process or thread says against one core.

    Of that core counts what the hypervisor and the profile left of it. Where single processes were not sampled their
    sum stands in, which may be several: that much less sure.
    """
    missing: dict[str, str] = {}
    if not use.known:
        missing[f"{what} was not sampled by itself"] = OWN
        use = replace(unit, quota=use.quota)
    if not use.known:
        return Reading(word, 0.0, (), missing)
    granted = use.granted
    detail = f"one of {use.count}" if use.count > 1 else ""
    text = f"{what} at {use.mean:.2f} of a core"
    if use.left < 1 - NOTEWORTHY:
        text += f", of which the hypervisor left it {use.left:.2f}"
    if use.quota < 1:
        text += f", of which the profile grants it {use.quota:.2f}"
    shown = evidence(what, granted, limits, ceiling=use.ceiling, unit="cores", detail=detail, shown=text)
    full = limits.fullness(granted.seconds if len(granted.seconds) else granted.mean)
    return Reading(word, full, (shown,), missing)


def against_ceiling(row: Mapping[str, Any], ceilings: Ceilings, limits: Thresholds, busy: Reading) -> Reading:
    """Add to what the generator's process says how its rate stands against its own ceiling."""
    if row.get("kind") == "ceiling":
        return busy
    keep_alive = keeps_connections(row)
    found = None
    if keep_alive is not None:
        found = ceilings.generator(row["generator"], row["users"], row["profile"], keep_alive=keep_alive)
    if found is None or not found.rps:
        missing = {"what the generator reaches against a responder that costs nothing": CEILING}
        return replace(busy, missing={**busy.missing, **missing})
    # A rate that changed beside a generator at its end is still the generator's: its host became slower or faster.
    resources = [word for word in found.limited_by if word != UNSTEADY]
    if found.limited_by and (not resources or resources[0] not in OWN_LIMITS):
        how = f"limited by {resources[0]}" if resources else "unsteady"
        problem = f"the generator's ceiling: the responder's own trial was {how}"
        return replace(busy, missing={**busy.missing, problem: CEILING})
    share = row["rps"] / found.rps
    limit = limits.limits["generator_ceiling"]
    text = f"its rate is {share:.0%} of the {found.rps:.0f}/s that it reaches against a responder that costs nothing"
    shown = Evidence("the generator's rate", row["rps"], found.rps, "1/s", None, text)
    full = max(busy.full, min(1.0, limit.fullness(share)))
    return replace(busy, full=full, evidence=(*busy.evidence, shown))


def keeps_connections(row: Mapping[str, Any]) -> bool | None:
    """Say from the connections per request whether they are kept for more requests; None where that is not clear."""
    if row.get("connections") is None or not row["requests"]:
        return None
    each = row["connections"] / row["requests"]
    return False if each >= CLOSES else True if each <= KEEPS else None


def _against_benchmark(trial: Trial, busy: Reading) -> Reading:
    rate, row = trial.ceilings.redis.get("gets_per_s"), trial.row
    if not trial.raw.spec.workload.get("redis_gets"):
        return busy
    if not rate or row["redis_gets"] is None:
        missing = {"what Redis reaches with redis-benchmark": CEILING}
        return replace(busy, missing={**busy.missing, **missing})
    gets = row["redis_gets"] / row["window_s"]
    text = f"{gets:.0f} of the {rate:.0f} GETs/s that redis-benchmark reaches"
    shown = Evidence("Redis' rate", gets, float(rate), "1/s", None, text)
    full = busy.full
    if (row["redis_cpu_cores"] or 0.0) >= trial.limits.rules["redis_ceiling_from_cores"]:
        full = max(full, min(1.0, trial.limits.limits["redis_ceiling"].fullness(gets / rate)))
    return replace(busy, full=full, evidence=(*busy.evidence, shown))


def _unit(seconds: Seconds, hosts: list[Series], unit: str) -> Usage:
    """Return the largest sum of a unit's processes on one host."""
    return busiest(seconds.unit(series, unit) for series in hosts) if hosts else UNKNOWN


def _users(row: Mapping[str, Any], side: str, *, burner: bool) -> Iterator[str]:
    """Tell who used a side's CPU set, in cores, most first; steal apart."""
    parts = {unit: row.get(f"{unit}_cpu_cores") for unit in OWN_UNITS[side]}
    parts |= {name: row.get(f"{side}_{name}_cpu_cores") for name in ("collector", "other", "foreign")}
    known = {name: value for name, value in parts.items() if value is not None and not math.isnan(value)}
    for name, cores in sorted(known.items(), key=lambda part: -part[1]):
        if cores >= NOTEWORTHY:
            shown = "other, the profile's busy loop included," if name == "other" and burner else name
            yield f"{shown} {cores:.2f}"
    if (irq := row.get(f"{side}_irq_cpu_cores")) and irq >= NOTEWORTHY:
        yield f"of it in interrupts {irq:.2f}"
    if (steal := row.get(f"{side}_steal_cores")) and steal >= NOTEWORTHY:
        yield f"stolen by the hypervisor {steal:.2f}"
