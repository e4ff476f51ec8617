"""A trial as a table, second by second: what was answered, how fast, and what each machine did meanwhile."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from collect.report.host_series import Host
from collect.report.thin import AT, Columns
from collect.report.trial_series import Recorded

ANSWERS = {"ok": "right answers", "failed": "failed", "p50_ms": "p50 ms", "p95_ms": "p95 ms", "p99_ms": "p99 ms"}
"""Columns of the requests, and what they are called."""


def seconds_table(found: Recorded, trial_id: str) -> tuple[list[str], list[list[Any]]]:
    """Return a trial's head and rows: a row a second since its window began; None where nothing is known.

    A second holds what ended in it; CPU in cores, sockets as they were counted in it.
    """
    sources = found.trials[trial_id].sources
    rate = sources["rate"]
    at = [math.floor(moment) for moment in rate[AT]]
    columns: dict[str, Mapping[int, Any]] = {
        title: dict(zip(at, rate[name], strict=True)) for name, title in ANSWERS.items()
    }
    for place, host in enumerate(found.hosts):
        for title, values in _of_host(host, sources[f"host-{place}"]).items():
            columns[title] = values
    seconds = sorted({second for column in columns.values() for second in column})
    return ["second", *columns], [[second, *(column.get(second) for column in columns.values())] for second in seconds]


def _of_host(host: Host, columns: Columns) -> dict[str, Mapping[int, Any]]:
    seconds = middles(columns[AT])
    named = {"busy": "cores", **{f"unit_{unit}": f"{unit} cores" for unit in host.units}}
    if host.side == "client" and "TIME_WAIT" in host.sockets:
        named["tcp_TIME_WAIT"] = "TIME_WAIT"
    return {f"{host.name} {title}": _means(seconds, columns[name]) for name, title in named.items()}


def middles(ends: Sequence[float]) -> list[int]:
    """Return, for intervals of one length given by their ends, the whole second that holds the middle of each."""
    length = min((later - earlier for earlier, later in itertools.pairwise(ends)), default=1.0)
    return [math.floor(end - length / 2) for end in ends]


def _means(seconds: Sequence[int], values: Sequence[float | None]) -> dict[int, float]:
    """Return the mean of the known values in each second."""
    gathered: dict[int, list[float]] = {}
    for second, value in zip(seconds, values, strict=True):
        if value is not None:
            gathered.setdefault(second, []).append(value)
    return {second: round(math.fsum(each) / len(each), 4) for second, each in gathered.items()}
