"""A host during a trial, tick by tick: CPU by unit and by state, memory, sockets by state, ports in use.

All times are seconds since the window's begin on the server's clock; CPU is that of the interval that ends at ``at_s``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collect.report.figures import Row
from collect.report.thin import Columns, thinned

Floats = NDArray[np.float64]
Rows = Sequence[Mapping[str, Any]]
ByTrialAndHost = Mapping[tuple[str, str], Rows]

MIB = 2**20
TIME_WAIT_S = 60.0
"""For so long a closed connection keeps its port."""
WORTH_A_LINE = 4
"""Where a quarter of the ports and more are in use, their number is drawn, too."""
UNITS = ("app", "redis", "relay", "database", "generator", "collector", "other")
STATES: Mapping[str, Sequence[str]] = {
    "user": ("cpu_user_s", "cpu_nice_s"),
    "system": ("cpu_system_s",),
    "irq": ("cpu_irq_s", "cpu_softirq_s"),
    "iowait": ("cpu_iowait_s",),
    "steal": ("cpu_steal_s",),
}
SOCKETS: Mapping[str, Sequence[str]] = {
    "TIME_WAIT": ("tcp_time_wait",),
    "ESTABLISHED": ("tcp_established",),
    "SYN": ("tcp_syn_sent", "tcp_syn_recv"),
    "FIN_WAIT": ("tcp_fin_wait1", "tcp_fin_wait2"),
    "CLOSE_WAIT": ("tcp_close_wait",),
    "LAST_ACK": ("tcp_last_ack",),
    "CLOSING": ("tcp_closing",),
}

HOSTS_SQL = (
    "SELECT trial_id, host, side, at_s, cpus, mem_used, active_opens, time_wait_ended, time_wait_reused, cpu_user_s,"
    " cpu_nice_s, cpu_system_s, cpu_idle_s, cpu_iowait_s, cpu_irq_s, cpu_softirq_s, cpu_steal_s, tcp_time_wait,"
    " tcp_established, tcp_syn_sent, tcp_syn_recv, tcp_fin_wait1, tcp_fin_wait2, tcp_close_wait, tcp_last_ack,"
    " tcp_closing FROM samples WHERE trial_id = coalesce(?, trial_id) AND scope = 'host' ORDER BY trial_id, host, at_s"
)
UNITS_SQL = (
    "SELECT trial_id, host, unit, at_s, cpu_user_s + cpu_system_s AS cpu_s, rss FROM samples"
    " WHERE trial_id = coalesce(?, trial_id) AND scope = 'unit' ORDER BY trial_id, host, unit, at_s"
)


@dataclass(frozen=True)
class Host:
    """A host of a run as its charts need it."""

    name: str
    side: str
    units: tuple[str, ...]
    """Those that used any CPU in any trial, in the order in which they are stacked."""
    sockets: tuple[str, ...]
    """The states that any socket was in."""


def hosts_of(ticks: ByTrialAndHost, units: ByTrialAndHost) -> list[Host]:
    """Return the hosts of all trials, the server first, with what there is of each to draw."""
    sides: dict[str, str] = {}
    seen: dict[str, set[str]] = {}
    for (_, host), rows in ticks.items():
        sides.setdefault(host, str(rows[0]["side"]))
        states = seen.setdefault(host, set())
        for name, columns in SOCKETS.items():
            if name not in states and any(row[column] for row in rows for column in columns):
                states.add(name)
    busy: dict[str, set[str]] = {}
    for (_, host), rows in units.items():
        busy.setdefault(host, set()).update(str(row["unit"]) for row in rows if row["cpu_s"])
    return [
        Host(
            host,
            sides[host],
            tuple(unit for unit in UNITS if unit in busy.get(host, ())),
            tuple(state for state in SOCKETS if state in seen[host]),
        )
        for host in sorted(sides, key=lambda host: (sides[host] != "server", host))
    ]


def host_columns(host: Host, row: Row, ticks: Rows, units: Rows) -> tuple[Columns, bool]:
    """Return a host's columns in the trial of ``row``, and whether some rows had to be left out."""
    at = np.array([tick["at_s"] for tick in ticks], dtype=np.float64)
    columns: Columns = {"at_s": _plain(at[1:], 2), "busy": _plain(_slope(_busy(ticks, at), at), 4)}
    for unit in host.units:
        cpu, rss = (_of_unit(units, unit, name, at) for name in ("cpu_s", "rss"))
        columns[f"unit_{unit}"] = _plain(_slope(cpu, at), 4)
        columns[f"mib_{unit}"] = _plain(rss[1:] / MIB, 1)
    for state, names in STATES.items():
        columns[f"state_{state}"] = _plain(_slope(_added(ticks, names), at), 4)
    columns["mib_used"] = _plain(_added(ticks, ["mem_used"])[1:] / MIB, 1)
    for state in host.sockets:
        columns[f"tcp_{state}"] = _plain(_added(ticks, SOCKETS[state])[1:], 0)
    if host.side == "client":
        columns["ports"] = _plain(_waiting(row, ticks, at)[1:], 0)
    return thinned(columns)


def lines_of(row: Row, ticks: Rows, columns: Columns) -> tuple[Columns, Columns]:
    """Return the lines that a host cannot cross: its CPUs, and its ports where so many are in use that it helps."""
    cpus = next((tick["cpus"] for tick in ticks if tick["cpus"]), None)
    count, used = row.get("client_ports"), [value for value in columns.get("ports", ()) if value is not None]
    near = bool(count and used and max(used) > count / WORTH_A_LINE)
    return {"y": [cpus] if cpus else []}, {"y": [count] if near else []}


def ahead_s(row: Row) -> float:
    """Return for how long a trial had load before its window."""
    return float(row.get("ramp_s") or 0) + float(row.get("warmup_s") or 0)


def _busy(ticks: Rows, at: Floats) -> Floats:
    """Return a host's busy seconds: what its idle time leaves of it, as in collect.archive.cut."""
    cpus = _added(ticks, ["cpus"])
    return cpus * at - _added(ticks, ["cpu_idle_s"]) - _added(ticks, ["cpu_iowait_s"]) - _added(ticks, ["cpu_steal_s"])


def _waiting(row: Row, ticks: Rows, at: Floats) -> Floats:
    """Return how many ports wait in TIME_WAIT for this trial's connections, as collect.verdicts.ports tells it.

    Those of earlier trials wait as well, but for another port of the server. So it is no more than the trial has
    opened within the last minute, and than came into TIME_WAIT since.
    """
    waiting, opened = _added(ticks, ["tcp_time_wait"]), _added(ticks, ["active_opens"])
    left = _added(ticks, ["time_wait_ended", "time_wait_reused"])
    before = np.maximum(-ahead_s(row), at - TIME_WAIT_S)
    used = waiting
    for counter in (opened, waiting + left):
        grown = counter - _at(before, at, counter)
        used = np.where(np.isnan(grown), used, np.minimum(used, np.maximum(grown, 0)))
    count = row.get("client_ports")
    bounded: Floats = np.minimum(used, count) if count else used
    return bounded


def _at(moments: Floats, at: Floats, values: Floats) -> Floats:
    known = ~np.isnan(values)
    if not known.any():
        return np.full(len(moments), np.nan)
    found: Floats = np.interp(moments, at[known], values[known])
    return found


def _of_unit(units: Rows, unit: str, name: str, at: Floats) -> Floats:
    """Return a column of a unit at a host's ticks; not known where it was not sampled."""
    known = {row["at_s"]: row[name] for row in units if row["unit"] == unit and row[name] is not None}
    return np.array([known.get(moment, np.nan) for moment in at], dtype=np.float64)


def _added(rows: Rows, names: Sequence[str]) -> Floats:
    """Return the sum of some columns, row by row; not known where none of them is."""
    values = []
    for row in rows:
        known = [row[name] for name in names if row[name] is not None]
        values.append(float(sum(known)) if known else math.nan)
    return np.array(values, dtype=np.float64)


def _slope(values: Floats, at: Floats) -> Floats:
    """Return, at each tick but the first, the mean growth per second since the one before."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.clip(np.diff(values) / np.diff(at), 0, None)
    return np.where(np.isfinite(found), found, np.nan)


def _plain(values: Floats, digits: int) -> list[Any]:
    """Return values as JSON has them; None for one that is not known."""
    if digits == 0:
        return [None if math.isnan(value) else round(value) for value in values.tolist()]
    return [None if math.isnan(value) else round(value, digits) for value in values.tolist()]
