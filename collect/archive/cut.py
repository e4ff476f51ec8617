"""A trial cut out of what was recorded: one summary row of figures (columns: collect/data/columns.yml)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from collect.archive.counts import database_counts, inserts_each, redis_counts, selects_each
from collect.archive.held import held_up
from collect.archive.hosts import host_figures, most, plain, unit_cpu
from collect.archive.raw import RawTrial, Sample
from collect.archive.sureness import settling, sureness
from collect.archive.validity import judge
from collect.archive.window import (
    Window,
    between,
    covers,
    find_window,
    growth,
    in_window,
    microseconds,
)
from collect.archive.workers import lost_workers
from collect.catalog import needs_database
from collect.cpu_sets import Facts
from collect.statistics.percentiles import percentile
from collect.statistics.warmup import Head
from collect.verdicts.ceilings import Ceilings
from collect.verdicts.findings import columns_of
from collect.verdicts.invariants import figures
from collect.verdicts.judge import judge as verdict
from collect.verdicts.processors import OWN_UNITS
from collect.verdicts.quotas import quota_share
from collect.verdicts.usage import cpu_count

PERCENTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99, "p999": 0.999}


def summarise(raw: RawTrial, run_id: str, ceilings: Ceilings | None = None) -> dict[str, Any]:
    """Return the trial's row of trials.parquet as plain data: figures, validity, verdict and their reasons. Pure.

    Beside the columns it holds ``findings``, the verdict with all its evidence, for the manifest. Without ``ceilings``
    the verdict is less sure.
    """
    ceilings = ceilings or Ceilings()
    window = find_window(raw)
    row: dict[str, Any] = {"run_id": run_id, **_identity(raw, window)}
    head = settling(raw, window)
    row |= _answers(raw, window) | sureness(raw, window, head)
    row |= _server(raw, window)
    row |= _clients(raw, window, ceilings.hosts)
    row |= redis_counts(raw, window, row["requests"]) | database_counts(raw, window) | held_up(raw)
    row |= _control(raw)
    row |= {"clock_uncertainty_s": raw.clock_uncertainty_s}
    row = {name: plain(value) for name, value in row.items()}
    row |= {name: plain(value) for name, value in figures(raw, window, row, ceilings).items()}
    valid = judge(row, _checks(raw, window, head))
    row |= {"validity": valid.validity, "reasons": valid.reasons, "warnings": valid.warnings}
    return row | columns_of(verdict(raw, window, row, ceilings))


def _identity(raw: RawTrial, window: Window) -> dict[str, Any]:
    spec = raw.spec
    return {
        "trial_id": spec.trial_id,
        "ordinal": spec.ordinal,
        "block": spec.block,
        "position": spec.position,
        "cell": spec.cell.name,
        "variant": spec.cell.variant,
        "workload": spec.cell.workload,
        "generator": spec.cell.generator,
        "users": spec.cell.users,
        "profile": spec.cell.profile,
        "framework": spec.variant["framework"],
        "kind": spec.kind,
        "probe_of": spec.probe_of,
        "intervention": spec.intervention,
        "started_at": utc(raw.marks["load_start"]),
        "window_start_at": utc(window.t1),
        "ramp_s": raw.marks["ramp_end"] - raw.marks["load_start"],
        "warmup_s": window.t1 - raw.marks["ramp_end"],
        "window_s": window.length_s,
    }


def _answers(raw: RawTrial, window: Window) -> dict[str, Any]:
    inside = in_window(raw, window)
    good = np.sort(microseconds(raw.requests.latency[inside & raw.requests.good]))
    requests = int(inside.sum())
    row: dict[str, Any] = {
        "requests": requests,
        "failures": requests - len(good),
        "rps": len(good) / window.length_s,
        "latency_mean_ms": float(good.mean()) / 1000 if len(good) else None,
    }
    for name, share in PERCENTILES.items():
        row[f"latency_{name}_ms"] = float(percentile(good, share)) / 1000 if len(good) else None
    row["latency_max_ms"] = float(good[-1]) / 1000 if len(good) else None
    return row


def _server(raw: RawTrial, window: Window) -> dict[str, Any]:
    series = raw.server
    first, last = float(series.t[window.first]), float(series.t[window.last])
    row = host_figures("server", [series], first, last, ("app", "redis", "relay", "database", "collector", "other"))
    states = series.samples[window.first : window.last + 1]
    for unit in ("database", "relay"):
        if not any((sample["units"].get(unit) or {}).get("procs") for sample in states):
            row |= {name: None for name in row if name.startswith(f"{unit}_")}  # not there, which is not idle
    row["server_time_wait_max"] = most(_tcp(sample, "TIME_WAIT") for sample in states)
    return row


def _clients(raw: RawTrial, window: Window, facts: Mapping[str, Facts]) -> dict[str, Any]:
    first, last = float(raw.server.t[window.first]), float(raw.server.t[window.last])
    row = host_figures("client", raw.clients, first, last, ("generator", "collector", "other"), facts)
    # Ports run out host by host, so the fullest host counts, not the sum.
    seen = [most(_tcp(sample, "TIME_WAIT") for sample in between(series, first, last)) for series in raw.clients]
    row["client_time_wait_max"] = most(seen)
    return row


def _control(raw: RawTrial) -> dict[str, Any]:
    """Return the control node's own CPU from its two readings (unix seconds, CPU seconds)."""
    readings = raw.record.get("control_cpu") or []
    if len(readings) < 2 or readings[1][0] <= readings[0][0]:
        return {"control_cpu_cores": None}
    return {"control_cpu_cores": (readings[1][1] - readings[0][1]) / (readings[1][0] - readings[0][0])}


def _checks(raw: RawTrial, window: Window, head: Head | None) -> dict[str, Any]:
    """Return what the verdict needs beside the row."""
    interval = raw.server.interval_s
    first, last = float(raw.server.t[window.first]), float(raw.server.t[window.last])
    problems = [
        f"the samples of {series.host} do not cover the window"
        for series in raw.clients
        if not covers(series.t, interval, first, last)
    ]
    for series in (raw.server, *raw.clients):
        for sample, t in zip(series.samples, series.t, strict=True):
            if sample.get("clock_step") and raw.marks["load_start"] < t <= raw.marks["load_end"]:
                problems.append(f"the clock of {series.host} was set by {sample['clock_step']:.3f} s under load")
    if raw.requests.lost_rows:
        problems.append(f"{raw.requests.lost_rows} requests were counted but not recorded")
    problems += lost_workers(raw)
    return {
        "problems": problems,
        "planned_window_s": max(1.0, np.floor(raw.spec.window_s / interval + 1e-6)) * interval,
        "server_ticks": window.last - window.first,
        "client_ticks": sum(len(between(series, first, last)) for series in raw.clients),
        "redis_gets_expected": raw.spec.workload["redis_gets"] > 0,
        "database_used": needs_database(raw.spec.workload),
        "db_selects_each": selects_each(raw.spec.workload),
        "db_inserts_each": inserts_each(raw.spec.workload),
        "failures_total": int((~raw.requests.good).sum()),
        "wrong_responses": _wrong(raw, window),
        "frequency_drop": {side: _frequency_drop(raw, side, first, last) for side in ("server", "client")},
        "settling": head,
        "quotas": _quotas(raw, first, last),
        "tuning_changed": _untuned(raw),
    }


def _quotas(raw: RawTrial, first: float, last: float) -> dict[str, tuple[float, float]]:
    """Return, of each side with a CPU quota, the cores that it grants what is measured there, and those it used."""
    hosts = {"server": [(raw.server, raw.record["server"])]}
    hosts["client"] = [(series, raw.record["clients"][series.host]) for series in raw.clients]
    found = {}
    for side, members in hosts.items():
        if all(quota_share(host) < 1 for _, host in members):
            granted = sum(quota_share(host) * cpu_count(series) for series, host in members)
            units = [unit_cpu(unit) for unit in OWN_UNITS[side]]
            used = [growth(series, unit, first, last) for series, _ in members for unit in units]
            found[side] = (granted, float(np.nansum(used)) / (last - first))
    return {side: pair for side, pair in found.items() if pair[0] > 0}


def _untuned(raw: RawTrial) -> dict[str, list[str]]:
    """Return, by host, the settings that did not stay as they were tuned for the trial."""
    hosts = {raw.server.host: raw.record["server"], **raw.record["clients"]}
    changed = {host: (said.get("tuning") or {}).get("changed_meanwhile") or {} for host, said in hosts.items()}
    return {host: sorted(names) for host, names in changed.items() if names}


def _wrong(raw: RawTrial, window: Window) -> int:
    """Return how many requests of the window were answered, but wrongly."""
    codes = [code for code, name in enumerate(raw.requests.outcomes) if name.startswith(("http_", "wrong_"))]
    inside = in_window(raw, window)
    return int((np.isin(raw.requests.outcome, codes) & inside).sum())


def _frequency_drop(raw: RawTrial, side: str, first: float, last: float) -> float | None:
    """Return by how much a host's CPUs ran slower in the window than at their fastest under load, as a share."""
    drops = []
    for series in [raw.server] if side == "server" else raw.clients:
        mhz, t = series.each(lambda s: s["host"].get("freq_mhz")), series.t
        loaded = (t >= raw.marks["load_start"]) & (t <= raw.marks["load_end"]) & ~np.isnan(mhz)
        inside = loaded & (t >= first) & (t <= last)
        if inside.any():
            drops.append(float(1 - mhz[inside].min() / mhz[loaded].max()))
    return max(drops, default=None)


def utc(unix_s: float) -> str:
    """Return a moment as ISO 8601 in UTC with microseconds."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="microseconds")


def _tcp(sample: Sample, state: str) -> float | None:
    states: Mapping[str, float] = sample["host"].get("tcp") or {}
    return states.get(state, 0) if states else None
