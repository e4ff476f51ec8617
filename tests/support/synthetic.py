"""Trials that never happened: raw files as the hosts write them, consistent with one another, their truth known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collect.archive import PartialRun, begin_run
from collect.plan import Plan, TrialSpec, load_plan

Floats = NDArray[np.float64]
EPOCH = 1_800_000_000.0
"""When the first trial's load begins, on the server's clock; a whole second."""
TCP_STATES = ("ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT")
FACTS = {
    "cpu_model": "Synthetic CPU", "cpus": 1, "cpu_set": "0", "governor": None, "freq_mhz": [1000.0, 3000.0],
    "mem_total": 2**34, "kernel": "6.1.0", "distribution": "Debian 12", "virtualisation": "none",
    "clock_source": "tsc", "sysctl": {"net.ipv4.ip_local_port_range": "32768 60999", "net.ipv4.tcp_tw_reuse": "2"},
}  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """What is true of a trial."""

    rps: float = 400.0
    app_cores: float = 0.6
    redis_cores: float = 0.05
    generator_cores: float = 0.5
    foreign_cores: float = 0.01
    failures: int = 0
    client_offset_s: float = 0.0
    interval_s: float = 1.0
    missed: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """By host: ticks that are not there, counted from the begin of the load."""
    redis_lost: int = 0
    """GETs that Redis does not count, in the middle of the window."""
    seed: int = 1


@dataclass(frozen=True)
class Truth:
    """What the archive must find, on the server's clock."""

    t1: float
    t2: float
    ends: Floats
    latencies: Floats
    gets_inside: int

    def inside(self) -> NDArray[np.bool_]:
        """Which requests end in the window."""
        inside: NDArray[np.bool_] = (self.ends > self.t1) & (self.ends <= self.t2)
        return inside


REPLY_S = 0.003
"""From a tick until Redis' answer."""


def write_trial(
    folder: Path, spec: TrialSpec, setting: Setting, load_start: float = EPOCH
) -> tuple[dict[str, Any], Truth]:
    """Write a trial's raw files; return the record that goes with them and the truth."""
    rng = np.random.default_rng(setting.seed)
    ramp_end = load_start + spec.ramp_s
    window_start = np.ceil((ramp_end + spec.warmup_s) / setting.interval_s) * setting.interval_s
    load_end = window_start + spec.window_s + 0.25
    starts, latencies = _closed_loop(rng, spec, setting, load_start, load_end)
    failed = rng.permutation(len(starts))[: setting.failures]
    outcome = np.zeros(len(starts))
    outcome[failed] = 1
    gets = np.sort(starts + latencies / 2) if spec.workload["redis_gets"] else np.array([])
    gets = np.concatenate([[load_start - 0.5] if len(gets) else [], gets])
    if setting.redis_lost:
        middle = np.searchsorted(gets, window_start + spec.window_s / 2)
        gets = np.delete(gets, np.arange(middle, middle + setting.redis_lost))
    folder.mkdir(parents=True, exist_ok=True)
    offset = setting.client_offset_s
    np.column_stack([starts + offset, latencies, outcome]).astype("<f8").tofile(folder / "requests-primary.f64")
    _json(folder / "summary-primary.json", {"instance": "primary", "rows": len(starts), "outcomes": ["ok", "http_500"]})
    (folder / "locust").mkdir(exist_ok=True)
    (folder / "locust" / "locust_stats.csv").write_text("Type,Name\nGET,/\n")
    (folder / "app.log.tail").write_text("listening\n")
    for host, host_offset in (("server1", 0.0), ("client1", offset)):
        ticks = np.arange(load_start - 3, load_end + 3, setting.interval_s)
        lines = [
            json.dumps(_sample(host, tick, host_offset, spec, setting, gets, load_start, load_end, i))
            for i, tick in enumerate(ticks)
            if round((tick - load_start) / setting.interval_s) not in setting.missed.get(host, ())
        ]
        (folder / f"samples-{host}.jsonl").write_text("\n".join(lines) + "\n")
    t1, t2 = window_start + REPLY_S, window_start + spec.window_s + REPLY_S
    inside = int(((gets > t1) & (gets <= t2)).sum())
    result = {
        "state": "done", "error": None, "check_requests": 1, "users": spec.cell.users, "workers": 1,
        "load_start_unix_s": load_start + offset, "ramp_end_unix_s": ramp_end + offset,
        "window_start_unix_s": window_start + offset, "window_end_unix_s": window_start + spec.window_s + offset,
        "load_end_unix_s": load_end + offset,
    }  # fmt: skip
    record = {
        "result": result,
        "server": {
            "name": "server1",
            "app": {"pid": 100, "command": "python -m apps.serve"},
            "clocks": _clocks(0.0, load_start),
        },
        "clients": {"client1": {"result": result, "clocks": _clocks(offset, load_start)}},
        "control_cpu": [[window_start, 10.0], [window_start + spec.window_s, 10.0 + 0.02 * spec.window_s]],
    }
    return record, Truth(t1, t2, starts + latencies, latencies, inside)


def write_run(archive_dir: Path, plan: Plan | str = "quick", setting: Setting | None = None) -> PartialRun:
    """Write a whole run under way, every trial finished; async variants at 2.2 times the rate of sync ones."""
    plan = load_plan(plan) if isinstance(plan, str) else plan
    run = begin_run(archive_dir, plan, inventory="local")
    run.update_session(facts={"server1": FACTS, "client1": FACTS})
    for spec in run.trials():
        finish(run, spec, setting or plausible(spec))
    return run


def finish(run: PartialRun, spec: TrialSpec, setting: Setting) -> dict[str, Any]:
    """Write one trial of a run under way and finish it; return its summary."""
    folder = run.trial_folder(spec)
    record, _ = write_trial(folder, spec, setting, EPOCH + 300 * spec.ordinal)
    return run.finish_trial(spec, folder, record)


def plausible(spec: TrialSpec) -> Setting:
    """Return a setting like what small machines show, a little different from block to block."""
    fast = spec.variant["framework"] == "starlette"
    rps = (800 if fast else 360) * (1.7 if spec.cell.workload == "none" else 1) * (1 + 0.01 * (spec.block - 2))
    return Setting(rps=rps, app_cores=0.9 if fast else 0.6, generator_cores=0.7 if fast else 0.85, seed=spec.ordinal)


def _closed_loop(
    rng: np.random.Generator, spec: TrialSpec, setting: Setting, load_start: float, load_end: float
) -> tuple[Floats, Floats]:
    """Return start and latency of each request of users who ask again at once; sorted by end, as a generator writes."""
    users = spec.cell.users
    mean = users / setting.rps
    count = int((load_end - load_start) / mean * 1.5) + 50
    starts, latencies = [], []
    for user in range(users):
        latency = np.round(rng.gamma(8, mean / 8, count), 7)
        start = load_start + spec.ramp_s * user / users + np.concatenate([[0], np.cumsum(latency)[:-1]])
        whole = start + latency <= load_end
        starts.append(start[whole])
        latencies.append(latency[whole])
    start, latency = np.concatenate(starts), np.concatenate(latencies)
    order = np.argsort(start + latency)
    return start[order], latency[order]


def _clocks(offset: float, at: float) -> list[dict[str, float]]:
    return [{"offset_s": offset, "uncertainty_s": 0.0005, "measured_unix_s": at + when} for when in (-2.0, 15.0)]


def _sample(
    host: str, tick: float, offset: float, spec: TrialSpec, setting: Setting, gets: Floats,
    load_start: float, load_end: float, index: int,
) -> dict[str, Any]:  # fmt: skip
    busy_s = float(np.clip(tick - load_start, 0, load_end - load_start))
    cores = {"collector": 0.004, "other": 0.003}
    cores |= {"app": setting.app_cores, "redis": setting.redis_cores} if host == "server1" else {}
    cores |= {"generator": setting.generator_cores} if host == "client1" else {}
    cpu = sum(cores.values()) + setting.foreign_cores
    elapsed = tick - load_start + 1000
    opened = int(setting.rps * busy_s)
    states = dict.fromkeys(TCP_STATES, 0) | {
        "ESTABLISHED": 12,
        "TIME_WAIT": min(opened, 28000) if host == "client1" else 3,
    }
    reply = tick + REPLY_S
    redis = {
        "t": reply + offset,
        "gets": 5000 + int((gets <= reply).sum()),
        "commands": 9000,
        "clients": 10,
        "used_memory": 900_000,
    }
    return {
        "tick": tick + offset,
        "t": tick + offset + 0.001,
        "mono": elapsed,
        "missed": 0,
        "clock_step": 0.0,
        "interval": setting.interval_s,
        "took": 0.002,
        "host": {
            "cpu": {
                "user": cpu * busy_s * 0.7, "system": cpu * busy_s * 0.3, "nice": 0.0, "idle": elapsed - cpu * busy_s,
                "iowait": 0.0, "irq": 0.0, "softirq": 0.0, "steal": 0.0,
            },
            "cpus": 1, "mem_used": 2**30, "mem_available": 2**33, "ctx": 100 * index, "freq_mhz": None,
            "tcp": states,
            "sockets": {"orphan": 0, "alloc": 20, "mem_pages": 3, "counted_t": tick + offset, "source": "sock_diag"},
            "tcp_ext": {"retrans_segs": 7, "listen_drops": 0, "active_opens": opened, "passive_opens": opened},
            "net": {
                "lo": {"rx_bytes": 10**9, "tx_bytes": 10**9, "rx_packets": 10**6, "tx_packets": 10**6},
                "load0": dict.fromkeys(("rx_bytes", "tx_bytes", "rx_packets", "tx_packets"), 600 * opened),
            },
        },
        "units": {name: _unit(name, rate, busy_s) for name, rate in cores.items()},
        "procs": [
            {
                "unit": name, "pid": 100, "name": "python3.8", "cpu_user": rate * busy_s * 0.7,
                "cpu_system": rate * busy_s * 0.3, "rss": 40 * 2**20, "threads": [[100, rate * busy_s]],
            }
            for name, rate in cores.items()
            if name in ("app", "redis", "generator")
        ],
        "redis": redis if host == "server1" else None,
    }  # fmt: skip


def _unit(name: str, cores: float, busy_s: float) -> dict[str, Any]:
    mib = {"app": 42, "redis": 8, "generator": 60, "collector": 14, "other": 50}[name] * 2**20
    return {
        "cpu_user": cores * busy_s * 0.7, "cpu_system": cores * busy_s * 0.3, "rss": mib, "pss": int(mib * 0.8),
        "uss": int(mib * 0.7), "mem_t": EPOCH, "ctx": 10, "fds": 20, "procs": 1, "threads": 2,
    }  # fmt: skip


def _json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content))
