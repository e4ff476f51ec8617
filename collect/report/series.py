"""What a report draws over time, read from a sealed run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collect.archive.query import Database
from collect.report.figures import Row, usable
from collect.report.thin import AT, thinned
from collect.statistics.percentiles import percentile_curve

CURVE_POINTS = 160


@dataclass(frozen=True)
class Line:
    """Values at seconds since the window's begin."""

    at_s: Sequence[float]
    values: Sequence[float]
    thinned: bool = False
    """Whether there are more, of which the least and the largest of each stretch are left."""


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


def _line(at_s: list[float], values: list[float]) -> Line:
    columns, short = thinned({AT: at_s, "values": values})
    return Line(columns[AT], columns["values"], short)
