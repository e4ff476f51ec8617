"""A figure of a cell's trials by block, to be paired with another cell's; only what has a logarithm."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]
MIN_BLOCKS = 3
"""Fewer give no interval: with two, the t interval is 13 standard errors wide and says nothing."""


def positive_by_block(rows: Iterable[Row], figure: Callable[[Row], float | None]) -> dict[int, float]:
    """Return a figure of one cell's trials that count, by block; left out where it is not known or not above 0."""
    return {row["block"]: value for row in rows if (value := figure(row)) is not None and value > 0}


def rates_by_block(rows: Iterable[Row]) -> dict[int, float]:
    """Return the requests per second of one cell's trials that count, by block; no block without a right answer."""
    return positive_by_block(rows, lambda row: row["rps"])


def app_cpu_s_by_block(rows: Iterable[Row]) -> dict[int, float]:
    """Return the app's CPU seconds per right answer, likewise."""
    return positive_by_block(rows, app_cpu_s)


def app_cpu_s(row: Row) -> float | None:
    """Return what a right answer of a trial cost the app, in CPU seconds; None where it is not known."""
    cores, rate = row.get("app_cpu_cores"), row["rps"]
    return None if cores is None or not rate else cores / rate
