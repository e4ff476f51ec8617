"""What a report draws over time, read from a sealed run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collect.archive.query import Database
from collect.report.figures import Row, usable
from collect.report.thin import AT, thinned
from collect.statistics.percentiles import percentile_curve

Floats = NDArray[np.float64]
CURVE_POINTS = 160


@dataclass(frozen=True)
class Line:
    """Values at seconds since the window's begin."""

    at_s: Sequence[float]
    values: Sequence[float]
    thinned: bool = False
    """Whether there are more, of which the least and the largest of each stretch are left."""


@dataclass(frozen=True)
class HostLoad:
    """CPU of one host in one trial, in cores: by unit, and all that is in use on its CPU set."""

    host: str
    side: str
    cpus: float
    at_s: Sequence[float]
    """The ends of the intervals that the values are of."""
    units: Mapping[str, Sequence[float]]
    busy: Sequence[float]


def rates(database: Database, rows: Sequence[Row]) -> dict[str, Line]:
    """Return each trial's rightly answered requests by whole second, from begin to end of the load."""
    answered = database.rows(
        "SELECT trial_id, CAST(floor((start_us + latency_us) / 1e6) AS INTEGER) AS second, count(*) AS requests"
        " FROM requests WHERE outcome = 'ok' GROUP BY ALL ORDER BY ALL"
    )
    counts: dict[str, dict[int, int]] = {row["trial_id"]: {} for row in rows}
    for row in answered:
        counts[row["trial_id"]][row["second"]] = row["requests"]
    lines = {}
    for trial_id, by_second in counts.items():
        # The last second is cut off by the end of the load; the first holds the first users only, and says so.
        seconds = range(min(by_second), max(by_second)) if by_second else range(0)
        lines[trial_id] = _line([second + 0.5 for second in seconds], [by_second.get(second, 0) for second in seconds])
    return lines


def latency_curve(database: Database, rows: Sequence[Row]) -> tuple[list[float], list[float]] | None:
    """Return shares and latencies (ms) of all rightly answered requests in the windows of a cell's usable trials."""
    trials = [row["trial_id"] for row in usable(rows)]
    found = database.arrays(
        "SELECT latency_us FROM requests WHERE phase = 'window' AND outcome = 'ok' AND list_contains(?, trial_id)"
        " ORDER BY latency_us",
        [trials],
    )
    ordered = found["latency_us"]
    if not len(ordered):
        return None
    shares, values = percentile_curve(ordered, CURVE_POINTS)
    return shares, [float(value) / 1000 for value in values]


def sockets(database: Database) -> dict[str, Line]:
    """Return each trial's sockets in TIME_WAIT on the client that has most of them."""
    found = database.rows(
        "SELECT trial_id, host, max(tcp_time_wait) OVER (PARTITION BY trial_id, host) AS most, at_s, tcp_time_wait"
        " FROM samples WHERE scope = 'host' AND side = 'client' AND tcp_time_wait IS NOT NULL ORDER BY trial_id, at_s"
    )
    fullest: dict[str, tuple[int, str]] = {}
    for row in found:
        fullest[row["trial_id"]] = max(fullest.get(row["trial_id"], (-1, "")), (row["most"], row["host"]))
    points: dict[str, tuple[list[float], list[float]]] = {trial_id: ([], []) for trial_id in fullest}
    for row in found:
        if row["host"] == fullest[row["trial_id"]][1]:
            for values, value in zip(points[row["trial_id"]], (row["at_s"], row["tcp_time_wait"]), strict=True):
                values.append(value)
    return {trial_id: _line(at_s, values) for trial_id, (at_s, values) in points.items()}


def loads(database: Database) -> dict[str, list[HostLoad]]:
    """Return the CPU of each trial's hosts over time, the server first."""
    # A host's busy time is what its idle time leaves of it, as in collect.archive.cut.
    found = database.rows(
        "SELECT trial_id, host, side, at_s, coalesce(unit, '') AS unit, cpus, CASE scope WHEN 'host'"
        " THEN cpus * at_s - cpu_idle_s - cpu_iowait_s - cpu_steal_s ELSE cpu_user_s + cpu_system_s END AS cpu_s"
        " FROM samples WHERE scope IN ('host', 'unit') ORDER BY trial_id, side DESC, host, at_s"
    )
    grouped: dict[tuple[str, str, str], dict[str, list[tuple[float, float]]]] = {}
    cpus: dict[str, float] = {}
    for row in found:
        series = grouped.setdefault((row["trial_id"], row["side"], row["host"]), {})
        series.setdefault(row["unit"], []).append((row["at_s"], row["cpu_s"]))
        cpus[row["host"]] = row["cpus"] or cpus.get(row["host"], 0)
    result: dict[str, list[HostLoad]] = {}
    for (trial_id, side, host), series in grouped.items():
        whole = _slopes(series.pop("", []))
        units = {unit: _slopes(points)[1] for unit, points in sorted(series.items())}
        if all(len(values) == len(whole[0]) for values in units.values()):
            result.setdefault(trial_id, []).append(HostLoad(host, side, cpus[host], whole[0], units, whole[1]))
    return result


def _line(at_s: list[float], values: list[float]) -> Line:
    columns, short = thinned({AT: at_s, "values": values})
    return Line(columns[AT], columns["values"], short)


def _slopes(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Return, at each point but the first, the mean slope since the one before."""
    data: Any = np.array(points, dtype=np.float64).reshape(-1, 2)
    steps: Any = np.diff(data, axis=0)
    return data[1:, 0].round(3).tolist(), (steps[:, 1] / steps[:, 0]).clip(min=0).round(4).tolist()
