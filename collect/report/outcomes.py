"""What is told of a cell beside its rate, each with its interval over blocks: latencies, what requests cost, memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collect.statistics.blocks import app_cpu_s_by_block
from collect.statistics.intervals import Estimate, mean_over_blocks, quotient_over_blocks, ratio_over_blocks

Row = Mapping[str, Any]
PER = 1000
"""Requests that CPU is reckoned for."""
MEANS = ("latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "app_pss_mib", "app_rss_mib")
APP_CPU, SERVER_CPU, GENERATOR_CPU = "app_cpu_s_per_1000", "server_cpu_s_per_1000", "generator_cpu_s_per_1000"
COSTS = {APP_CPU: "app_cpu_cores", SERVER_CPU: "server_cpu_cores", GENERATOR_CPU: "generator_cpu_cores"}


def outcomes(rows: Sequence[Row]) -> dict[str, Estimate]:
    """Return means over a cell's usable trials and the CPU seconds for ``PER`` right answers, by name, where known."""
    found = {}
    for name in MEANS:
        if values := [value for row in rows if (value := row.get(name)) is not None]:
            found[name] = mean_over_blocks(values)
    for name, column in COSTS.items():
        if pairs := [(row[column] * PER, row["rps"]) for row in rows if row.get(column) is not None and row["rps"]]:
            cores, rates = zip(*pairs, strict=True)
            found[name] = quotient_over_blocks(cores, rates)
    return found


def cost_ratio(top: Sequence[Row], bottom: Sequence[Row]) -> Estimate | None:
    """Return the ratio of the app's CPU seconds per request of two cells, paired by block; None where not known.

    It leaves out what a server waits for and what holds the rate back on the client, so it compares cells also where
    their rates cannot be compared.
    """
    return ratio_over_blocks(app_cpu_s_by_block(top), app_cpu_s_by_block(bottom))
