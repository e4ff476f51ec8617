"""Trials that never happened: raw files as the hosts write them, consistent with one another, their truth known."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collect.archive.counts import inserts_each, selects_each
from collect.archive.partial import PartialRun, begin_run
from collect.catalog import needs_database
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
    database_cores: float | None = None
    """None: no database runs, unless the workload needs one."""
    generator_cores: float = 0.5
    foreign_cores: float = 0.01
    failures: int = 0
    client_offset_s: float = 0.0
    interval_s: float = 1.0
    missed: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """By host: ticks that are not there, counted from the begin of the load."""
    redis_lost: int = 0
    """GETs that Redis does not count, in the middle of the window."""
    selects_lost: int = 0
    """SELECTs that the database does not count, in the middle of the window."""
    rows_off: int = 0
    """Rows beyond those of all requests on record."""
    seed: int = 1
    cpus: Mapping[str, int] = field(default_factory=lambda: {"server1": 1, "client1": 1})
    app_processes: int = 1
    generator_threads: int = 1
    """Threads of the generator's one process that its CPU is spread over."""
    burners: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    """By host: cores of a busy loop, and from when to when in seconds of the window; -inf for all along."""
    steal_cores: float = 0.0
    irq_cores: float = 0.0
    iowait_cores: float = 0.0
    speeds: tuple[tuple[float, float], ...] = ()
    """From which share of the window on the rate is which part of ``rps``."""
    wobble: float = 0.0
    """Deviation of the rate's noise from quarter second to quarter second, as a share; its memory is 0.6."""
    keep_alive: bool = False
    waiting: int = 0
    """Sockets of earlier trials in TIME_WAIT on the client."""
    client_waits: bool = True
    """Whether the client closes first, and so keeps the port in TIME_WAIT."""
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By host: what the profile changed there."""
    search_from_s: float = float("inf")
    """Seconds of load after which a connection costs the generator's kernel much more of its CPU."""
    request_bytes: int = 600
    retransmitted: float = 0.0
    no_port: int = 0
    """Failed requests that found no port; among ``failures``."""
    between_s: float = 0.0
    """Time that each user spends between two requests."""
    piled: tuple[float, float] = (0.0, 0.0)
    """A share of the requests, and the seconds that they take."""
    app_counted: int | None = None
    """By how much the app's own count is off; None: it does not count."""
    mhz: tuple[float, float] | None = None
    """Frequency before and after the middle of the window."""
    without: tuple[str, ...] = ()
    """Parts of the samples that are not there: procs, net, tcp, cpus, database."""

    def database(self, spec: TrialSpec) -> float | None:
        """Return the database's cores; None where none runs."""
        return 0.05 if self.database_cores is None and needs_database(spec.workload) else self.database_cores


@dataclass(frozen=True)
class Truth:
    """What the archive must find, on the server's clock."""

    t1: float
    t2: float
    ends: Floats
    latencies: Floats
    gets_inside: int
    selects_inside: int

    def inside(self) -> NDArray[np.bool_]:
        """Which requests end in the window."""
        inside: NDArray[np.bool_] = (self.ends > self.t1) & (self.ends <= self.t2)
        return inside


OUTCOMES = ["ok", "http_500", "no_port"]
REPLY_S, DATABASE_REPLY_S = 0.003, 0.008
"""From a tick until Redis' answer, and until the database's."""
SELECTS_BEFORE = 700
PROGRAMS = {"redis": "redis-server", "database": "mariadbd"}


def write_trial(
    folder: Path, spec: TrialSpec, setting: Setting, load_start: float = EPOCH
) -> tuple[dict[str, Any], Truth]:
    """Write a trial's raw files; return the record that goes with them and the truth."""
    rng = np.random.default_rng(setting.seed)
    ramp_end = load_start + spec.ramp_s
    window_start = np.ceil((ramp_end + spec.warmup_s) / setting.interval_s) * setting.interval_s
    load_end = window_start + spec.window_s + 0.25
    warp = _warp(rng, spec, setting, load_start, window_start)
    starts, latencies = _closed_loop(rng, spec, setting, load_start, load_end, warp)
    failed = rng.permutation(len(starts))[: setting.failures]
    outcome = np.zeros(len(starts))
    outcome[failed] = 1
    outcome[failed[: setting.no_port]] = 2
    asked = np.concatenate([[load_start - 0.5], np.sort(starts + latencies / 2)])  # first by the check

    def counted(each: int, lost: int = 0) -> Floats:
        moments = np.repeat(asked, each)
        middle = np.searchsorted(moments, window_start + spec.window_s / 2)
        return np.delete(moments, np.arange(middle, middle + lost))

    gets = counted(spec.workload["redis_gets"], setting.redis_lost)
    counts = {
        "gets": gets,
        "selects": counted(selects_each(spec.workload), setting.selects_lost),
        "inserts": counted(inserts_each(spec.workload)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    offset = setting.client_offset_s
    np.column_stack([starts + offset, latencies, outcome]).astype("<f8").tofile(folder / "requests-primary.f64")
    _json(folder / "summary-primary.json", {"instance": "primary", "rows": len(starts), "outcomes": OUTCOMES})
    (folder / "locust").mkdir(exist_ok=True)
    (folder / "locust" / "locust_stats.csv").write_text("Type,Name\nGET,/\n")
    (folder / "app.log.tail").write_text("listening\n")
    moment_of = functools.partial(
        Moment, load_start=load_start, load_end=load_end, window_start=window_start, warp=warp
    )
    for host, host_offset in (("server1", 0.0), ("client1", offset)):
        ticks = np.arange(load_start - 3, load_end + 3, setting.interval_s)
        lines = [
            json.dumps(_sample(moment_of(host, tick, host_offset), spec, setting, counts, i))
            for i, tick in enumerate(ticks)
            if round((tick - load_start) / setting.interval_s) not in setting.missed.get(host, ())
        ]
        (folder / f"samples-{host}.jsonl").write_text("\n".join(lines) + "\n")
    reply_s = DATABASE_REPLY_S if needs_database(spec.workload) and not spec.workload["redis_gets"] else REPLY_S
    t1, t2 = window_start + reply_s, window_start + spec.window_s + reply_s
    inside = {name: int(((moments > t1) & (moments <= t2)).sum()) for name, moments in counts.items()}
    result = {
        "state": "done", "error": None, "check_requests": 1, "users": spec.cell.users, "workers": 1,
        "load_start_unix_s": load_start + offset, "ramp_end_unix_s": ramp_end + offset,
        "window_start_unix_s": window_start + offset, "window_end_unix_s": window_start + spec.window_s + offset,
        "load_end_unix_s": load_end + offset,
    }  # fmt: skip
    seeded, added = spec.workload.get("rows", 0), len(counts["inserts"]) + setting.rows_off
    runs = setting.database(spec) is not None and "database" not in setting.without
    record: dict[str, Any] = {
        "result": result,
        "server": {
            "name": "server1",
            "app": {
                "pid": 100,
                "command": "python -m apps.serve",
                "database": {"rows": seeded, "selects": SELECTS_BEFORE} if runs else None,
            },
            "clocks": _clocks(0.0, load_start),
            "after": {
                **({} if setting.app_counted is None else {"app_requests": len(starts) + 1 + setting.app_counted}),
                "database": {"rows": seeded + added, "selects": SELECTS_BEFORE} if runs else None,
            },
        },
        "clients": {"client1": {"result": result, "clocks": _clocks(offset, load_start)}},
        "control_cpu": [[window_start, 10.0], [window_start + spec.window_s, 10.0 + 0.02 * spec.window_s]],
    }
    for name, changed in setting.conditions.items():
        (record["server"] if name == "server1" else record["clients"][name])["conditions"] = changed
    return record, Truth(t1, t2, starts + latencies, latencies, inside["gets"], inside["selects"])


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


class Warp:
    """Time as it would pass at the full rate, against time as it passes."""

    def __init__(self, real: Floats, full: Floats) -> None:
        self._real, self._full = real, full

    def real(self, full: Floats) -> Floats:
        mapped: Floats = np.interp(full, self._full, self._real)
        return mapped

    def full(self, real: float) -> float:
        return float(np.interp(real, self._real, self._full))


def _warp(
    rng: np.random.Generator, spec: TrialSpec, setting: Setting, load_start: float, window_start: float
) -> Warp | None:
    """Return how the trial's rate changes over time; None where it does not."""
    if not setting.speeds and not setting.wobble:
        return None
    real = np.arange(load_start - 5, window_start + spec.window_s + 10, 0.25)
    share = (real - window_start) / spec.window_s
    speed = np.ones(len(real))
    for begin, factor in setting.speeds:
        speed[share >= begin] = factor
    noise = np.zeros(len(real))
    for index in range(1, len(real)):
        noise[index] = 0.6 * noise[index - 1] + rng.normal(0, setting.wobble * 0.8)
    speed = np.clip(speed * (1 + noise), 0.05, None)
    full = real[0] + np.concatenate([[0], np.cumsum(speed[:-1] * 0.25)])
    return Warp(real, full + load_start - np.interp(load_start, real, full))


def _closed_loop(
    rng: np.random.Generator, spec: TrialSpec, setting: Setting, load_start: float, load_end: float, warp: Warp | None
) -> tuple[Floats, Floats]:
    """Return start and latency of each request of users who ask again at once; sorted by end, as a generator writes."""
    users = spec.cell.users
    mean = users / setting.rps - setting.between_s
    count = int((load_end - load_start) / (mean + setting.between_s) * 1.5) + 50
    starts, latencies = [], []
    for user in range(users):
        latency = np.round(rng.gamma(8, mean / 8, count), 7)
        if setting.piled[0]:
            latency[rng.random(count) < setting.piled[0]] = setting.piled[1]
        ends = np.cumsum(latency + setting.between_s)
        start = load_start + spec.ramp_s * user / users + np.concatenate([[0], ends[:-1]])
        if warp:
            latency = np.round(warp.real(start + latency) - warp.real(start), 7)
            start = warp.real(start)
        whole = start + latency <= load_end
        starts.append(start[whole])
        latencies.append(latency[whole])
    start, latency = np.concatenate(starts), np.concatenate(latencies)
    order = np.argsort(start + latency)
    return start[order], latency[order]


def _clocks(offset: float, at: float) -> list[dict[str, float]]:
    return [{"offset_s": offset, "uncertainty_s": 0.0005, "measured_unix_s": at + when} for when in (-2.0, 15.0)]


@dataclass(frozen=True)
class Moment:
    """A tick of a host."""

    host: str
    tick: float
    offset: float
    load_start: float
    load_end: float
    window_start: float
    warp: Warp | None

    @property
    def busy_s(self) -> float:
        """Seconds of load so far."""
        return float(np.clip(self.tick - self.load_start, 0, self.load_end - self.load_start))

    def requests(self, rps: float) -> int:
        """Requests so far, about."""
        if self.warp is None:
            return int(rps * self.busy_s)
        return int(rps * (self.warp.full(self.load_start + self.busy_s) - self.load_start))


def _cores(moment: Moment, spec: TrialSpec, setting: Setting) -> dict[str, tuple[float, float]]:
    """Return each unit's CPU seconds so far, in user mode and in the kernel."""
    busy_s = moment.busy_s
    cores = {"collector": 0.004, "other": 0.003}
    if moment.host == "server1":
        cores |= {"app": setting.app_cores, "redis": setting.redis_cores, "database": setting.database(spec) or 0.0}
    cores |= {"generator": setting.generator_cores} if moment.host == "client1" else {}
    spent = {unit: (rate * busy_s * 0.7, rate * busy_s * 0.3) for unit, rate in cores.items()}
    rate, begin, end = setting.burners.get(moment.host, (0.0, 0.0, 0.0))
    burnt = busy_s if begin == -np.inf else float(np.clip(moment.tick - moment.window_start - begin, 0, end - begin))
    user, system = spent["other"]
    spent["other"] = (user + rate * burnt, system)
    if moment.host == "client1" and busy_s > setting.search_from_s:
        late = (busy_s - setting.search_from_s) * setting.generator_cores
        user, system = spent["generator"]
        spent["generator"] = (user - 0.5 * late, system + 0.5 * late)
    return spent


def _sample(
    moment: Moment, spec: TrialSpec, setting: Setting, counts: Mapping[str, Floats], index: int
) -> dict[str, Any]:
    host, tick, offset, busy_s = moment.host, moment.tick, moment.offset, moment.busy_s
    spent = _cores(moment, spec, setting)
    cpu = sum(user + system for user, system in spent.values()) + (setting.foreign_cores + setting.irq_cores) * busy_s
    cpus = setting.cpus[host]
    elapsed = tick - moment.load_start + 1000
    steal, waited = setting.steal_cores * busy_s, setting.iowait_cores * busy_s
    sent = moment.requests(setting.rps)
    opened = min(sent, spec.cell.users) if setting.keep_alive else sent
    own = opened if host == "server1" and spec.workload["redis_gets"] else 0
    runs = host == "server1" and setting.database(spec) is not None
    states = dict.fromkeys(TCP_STATES, 0) | {
        "ESTABLISHED": 12,
        "TIME_WAIT": setting.waiting + min(opened, 28000) * setting.client_waits if host == "client1" else 3,
    }
    reply = tick + REPLY_S
    redis = {
        "t": reply + offset,
        "gets": 5000 + int((counts["gets"] <= reply).sum()),
        "commands": 9000,
        "clients": 10,
        "used_memory": 900_000,
    }
    answered = tick + DATABASE_REPLY_S
    database = {
        "t": answered + offset,
        "selects": SELECTS_BEFORE + int((counts["selects"] <= answered).sum()),
        "inserts": int((counts["inserts"] <= answered).sum()),
        "threads": 11,
    }
    mhz = setting.mhz and setting.mhz[int(tick > moment.window_start + spec.window_s / 2)]
    sample: dict[str, Any] = {
        "tick": tick + offset,
        "t": tick + offset + 0.001,
        "mono": elapsed,
        "missed": 0,
        "clock_step": 0.0,
        "interval": setting.interval_s,
        "took": 0.002,
        "host": {
            "cpu": {
                "user": cpu * 0.7, "system": cpu * 0.3, "nice": 0.0, "idle": cpus * elapsed - cpu - steal - waited,
                "iowait": waited, "irq": 0.0, "softirq": setting.irq_cores * busy_s, "steal": steal,
            },
            "cpus": cpus, "mem_used": 2**30, "mem_available": 2**33, "ctx": 100 * index, "freq_mhz": mhz,
            "tcp": states,
            "sockets": {"orphan": 0, "alloc": 20, "mem_pages": 3, "counted_t": tick + offset, "source": "sock_diag"},
            "tcp_ext": {
                "retrans_segs": 7 + int(setting.retransmitted * 5 * sent), "listen_drops": 0,
                "time_wait_ended": 0, "time_wait_reused": 0, "out_segs": 5 * sent,
                "active_opens": own if host == "server1" else opened,
                "passive_opens": opened + own if host == "server1" else 0,
            },
            "net": {
                "lo": {"rx_bytes": 10**9, "tx_bytes": 10**9, "rx_packets": 10**6, "tx_packets": 10**6},
                "load0": {
                    **dict.fromkeys(("rx_bytes", "tx_bytes"), setting.request_bytes * sent),
                    **dict.fromkeys(("rx_packets", "tx_packets"), 5 * sent),
                },
            },
        },
        "units": {name: _unit(name, *seconds, int(name != "database" or runs)) for name, seconds in spent.items()},
        "procs": [
            row
            for name, seconds in spent.items()
            if name in ("app", "redis", "generator") or (name == "database" and runs)
            for row in _processes(name, seconds, setting)
        ],
        "redis": redis if host == "server1" else None,
        "database": database if runs else None,
    }  # fmt: skip
    for part in setting.without:
        sample.pop(part, None)
        sample["units"].pop(part, None)
        sample["procs"] = [row for row in sample.get("procs", ()) if row["unit"] != part]
        sample["host"].pop(part, None)
        if part == "tcp":
            del sample["host"]["tcp_ext"]
    return sample


def _processes(name: str, seconds: tuple[float, float], setting: Setting) -> list[dict[str, Any]]:
    count = setting.app_processes if name == "app" else 1
    threads = setting.generator_threads if name == "generator" else 1
    pid = {"app": 100, "redis": 200, "generator": 300, "database": 400}[name]
    user, system = (each / count for each in seconds)
    return [
        {
            "unit": name, "pid": pid + number, "name": PROGRAMS.get(name, "python3.8"), "rss": 40 * 2**20,
            "cpu_user": user, "cpu_system": system,
            "threads": [[pid + number + t, (user + system) / threads] for t in range(threads)],
        }
        for number in range(count)
    ]  # fmt: skip


def _unit(name: str, user: float, system: float, processes: int = 1) -> dict[str, Any]:
    mib = {"app": 42, "redis": 8, "database": 90, "generator": 60, "collector": 14, "other": 50}[name] * 2**20
    mib *= processes
    return {
        "cpu_user": user, "cpu_system": system, "rss": mib, "pss": int(mib * 0.8),
        "uss": int(mib * 0.7), "mem_t": EPOCH, "ctx": 10, "fds": 20, "procs": processes, "threads": 2,
    }  # fmt: skip


def _json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content))
