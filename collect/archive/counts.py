"""What Redis and the database counted themselves, beside what the generator's requests must have caused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from collect.archive.raw import Floats, RawTrial
from collect.archive.window import Window
from collect.catalog import needs_database

Row = dict[str, Any]
DATABASE = ("db_selects", "db_selects_diff", "db_inserts", "db_rows_added", "db_inserts_diff")
"""Columns that are null where the workload does not use the database."""


def selects_each(workload: Mapping[str, Any]) -> int:
    """Return the SELECTs that a request causes; the database computes hashes in one of its own."""
    return int(workload.get("db_selects", 0)) + bool((workload.get("work") or {}).get("db_khashes"))


def inserts_each(workload: Mapping[str, Any]) -> int:
    """Return the rows that an accepted request adds."""
    return int(workload.get("db_inserts", 0))


def redis_counts(raw: RawTrial, window: Window, requests: int) -> Row:
    """Return Redis' own counts beside the generator's: in the window, and over the whole trial."""
    gets, replied = _counter(raw, "redis", "gets"), _counter(raw, "redis", "t")
    each = raw.spec.workload["redis_gets"]
    inside = gets[window.last] - gets[window.first]
    row: Row = {"redis_gets": inside, "redis_gets_diff": None, "redis_gets_total_diff": None}
    known = np.flatnonzero(~np.isnan(gets))
    if each and not np.isnan(inside):
        row["redis_gets_diff"] = inside - each * requests
    before, after = (_beside(raw, part, "redis_gets") for part in ("app", "after"))
    if each and before is not None and after is not None:
        # Asked for while nothing was under way: before the app was started, after the load had ended.
        row["redis_gets_total_diff"] = after - before - each * _sent(raw)
    elif each and len(known) > 1:
        first, last = replied[known[0]], replied[known[-1]]
        checked = _checked(raw) if first < raw.marks["load_start"] else 0
        row["redis_gets_total_diff"] = gets[known[-1]] - gets[known[0]] - each * (_answered(raw, first, last) + checked)
    return {name: _whole(value) for name, value in row.items()}


def database_counts(raw: RawTrial, window: Window) -> Row:
    """Return the database's own counts: statements in the window, rows over the whole trial; None for what is unknown.

    The differences are to what the requests recorded must have caused, failed ones included.
    """
    row: Row = dict.fromkeys(DATABASE)
    workload = raw.spec.workload
    if not needs_database(workload):
        return row
    edges = [window.first, window.last]
    for statement in ("selects", "inserts"):
        first, last = _counter(raw, "database", statement)[edges]
        row[f"db_{statement}"] = last - first
    first, last = _counter(raw, "database", "t")[edges]
    if (each := selects_each(workload)) and not np.isnan(last - first):
        # Between its own two answers: they are the window's edges unless Redis' are.
        row["db_selects_diff"] = row["db_selects"] - each * _answered(raw, first, last)
    seeded, rows = ((_beside(raw, part, "database") or {}).get("rows") for part in ("app", "after"))
    if seeded is not None and rows is not None:
        row["db_rows_added"] = rows - seeded
        row["db_inserts_diff"] = row["db_rows_added"] - inserts_each(workload) * _sent(raw)
    return {name: _whole(value) for name, value in row.items()}


def _counter(raw: RawTrial, scope: str, name: str) -> Floats:
    """Return a counter at each tick of the server; NaN where it was not asked, or did not answer in time."""
    return raw.server.each(lambda sample: sample[scope][name])


def _beside(raw: RawTrial, part: str, name: str) -> Any:
    """Return what the app's control said before the app's start (``app``) or when the load had ended (``after``)."""
    return (raw.record["server"].get(part) or {}).get(name)


def _checked(raw: RawTrial) -> int:
    """Return the requests that were made before the load to see whether the answer is the right one."""
    return int(raw.record["result"].get("check_requests", 0))


def _sent(raw: RawTrial) -> int:
    """Return the requests of the whole trial as they were recorded; those that its end cut off are not among them."""
    return len(raw.requests.end) + _checked(raw)


def _answered(raw: RawTrial, first: float, last: float) -> int:
    return int(((raw.requests.end > first) & (raw.requests.end <= last)).sum())


def _whole(value: Any) -> int | None:
    return None if value is None or np.isnan(value) else int(value)
