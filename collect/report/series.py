"""What a report draws over time of several trials, and of the latencies of a cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collect.archive.query import Database
from collect.report.figures import Row, usable
from collect.report.trial_series import Recorded
from collect.statistics.percentiles import percentile_curve

CURVE_POINTS = 100


@dataclass(frozen=True)
class Line:
    """Values at seconds since the window's begin."""

    at_s: Sequence[float]
    values: Sequence[float]
    thinned: bool = False
    """Whether there are more, of which the least and the largest of each stretch are left."""


def rates(found: Recorded) -> dict[str, Line]:
    """Return each trial's rightly answered requests by whole second, from begin to end of the load."""
    return {trial_id: _line(trial.sources["rate"], "ok", trial.thinned) for trial_id, trial in found.trials.items()}


def sockets(found: Recorded) -> dict[str, Line]:
    """Return each trial's sockets in TIME_WAIT on the client that has most of them; nothing where none ever waits."""
    clients = [place for place, host in enumerate(found.hosts) if host.side == "client" and "TIME_WAIT" in host.sockets]
    lines = {}
    for trial_id, trial in found.trials.items():
        each = [_line(trial.sources[f"host-{place}"], "tcp_TIME_WAIT", trial.thinned) for place in clients]
        if known := [line for line in each if line.values]:
            lines[trial_id] = max(known, key=lambda line: max(line.values))
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


def _line(columns: Mapping[str, Sequence[Any]], name: str, thinned: bool) -> Line:
    """Return a column as far as it is known."""
    known = [(at_s, value) for at_s, value in zip(columns["at_s"], columns[name], strict=True) if value is not None]
    return Line([at_s for at_s, _ in known], [value for _, value in known], thinned)
