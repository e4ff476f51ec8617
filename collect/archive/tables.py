"""The archive's three parquet files (columns: collect/data/columns.yml, explained in docs/archive.md)."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from collect.archive.columns import columns
from collect.archive.raw import RawTrial, Series
from collect.archive.window import PHASES, Window, microseconds, phases

TYPES: Mapping[str, Any] = {
    "text": pa.string(),
    "name": pa.dictionary(pa.int16(), pa.string()),
    "int8": pa.int8(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "time": pa.timestamp("us", tz="UTC"),
    "texts": pa.list_(pa.string()),
}
SOCKETS = {"counted_t": "counted_t", "orphans": "orphan", "mem_pages": "mem_pages"}
ZSTD_LEVEL = 9
SHARED_ROW_GROUP = 2**17
"""Rows from which on samples begin a new row group."""
MAX_LATENCY_US = 2**31 - 1


@functools.cache
def schema(file: str) -> Any:
    """Return the arrow schema of ``trials``, ``samples`` or ``requests``."""
    return pa.schema([pa.field(name, TYPES[kind]) for name, (kind, _, _) in columns()[file].items()])


def trials_table(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return the summary rows (collect.archive.cut.summarise) as a table."""
    return _table(
        "trials", [{**row, **{key: _time(row[key]) for key in ("started_at", "window_start_at")}} for row in rows]
    )


def samples_table(raw: RawTrial, window: Window, run_id: str) -> Any:
    """Return the samples of one trial as a table: host by host, tick by tick, scope by scope."""
    rows = [row for series in (raw.server, *raw.clients) for row in _sample_rows(raw, window, series)]
    shared = {"run_id": run_id, "trial_id": raw.spec.trial_id, "block": raw.spec.block}
    return _table("samples", [shared | row for row in rows])


def requests_table(raw: RawTrial, window: Window, run_id: str) -> Any:
    """Return the requests of one trial as a table, sorted by start."""
    requests = raw.requests
    count = len(requests.start)
    arrays = {
        "run_id": _coded(np.zeros(count, dtype=np.int16), [run_id]),
        "trial_id": _coded(np.zeros(count, dtype=np.int16), [raw.spec.trial_id]),
        "worker": _coded(requests.worker, requests.workers),
        "phase": _coded(phases(raw, window), PHASES),
        "start_us": pa.array(microseconds(requests.start - window.t1)),
        "latency_us": pa.array(microseconds(requests.latency).clip(max=MAX_LATENCY_US), pa.int32()),
        "outcome": _coded(requests.outcome, requests.outcomes),
    }
    return pa.table(arrays, schema=schema("requests"))


class Writer:
    """Writes one parquet file. Requests get a row group a trial, so that a trial can be read alone.

    Samples share row groups: they have many columns and few rows, and each row group describes every column anew.
    """

    def __init__(self, path: Path, file: str) -> None:
        """Begin ``<file>.parquet`` at ``path``."""
        # Whole numbers as differences: start times grow steadily and latencies are alike, so a few bits hold each.
        whole = dict.fromkeys(("start_us", "latency_us"), "DELTA_BINARY_PACKED") if file == "requests" else {}
        names = [name for name, (kind, _, _) in columns()[file].items() if name not in whole]
        self._writer = pq.ParquetWriter(
            path,
            schema(file),
            compression="zstd",
            compression_level=ZSTD_LEVEL,
            use_dictionary=names,
            column_encoding=whole or None,
            write_statistics=True,
        )

        self._at_least = 1 if file == "requests" else SHARED_ROW_GROUP
        self._waiting: list[Any] = []

    def write(self, table: Any) -> None:
        """Append rows."""
        self._waiting.append(table)
        if sum(waiting.num_rows for waiting in self._waiting) >= self._at_least:
            self._flush()

    def close(self) -> None:
        """Complete the file."""
        self._flush()
        self._writer.close()

    def give_up(self) -> None:
        """Leave the file as it is, after a failure; else its end would be tried once more when nobody is told of it."""
        self._writer.is_open = False

    def _flush(self) -> None:
        if self._waiting:
            table = pa.concat_tables(self._waiting)
            self._writer.write_table(table, row_group_size=max(1, table.num_rows))
            self._waiting = []


def _table(file: str, rows: Sequence[Mapping[str, Any]]) -> Any:
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema(file))


def _coded(codes: Any, names: Sequence[str]) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int16()), pa.array(list(names), pa.string()))


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value)


def _sample_rows(raw: RawTrial, window: Window, series: Series) -> Iterator[dict[str, Any]]:
    side = "server" if series is raw.server else "client"
    for sample, t in zip(series.samples, series.t, strict=True):
        shared = {
            "host": series.host,
            "side": side,
            "phase": _phase(raw, window, float(t)),
            "at_s": float(t) - window.t1,
            "t": float(t),
            "wall_s": sample["t"],
            "mono_s": sample["mono"],
            "tick_s": sample["tick"],
        }
        for row in _scopes(sample):
            yield shared | row


def _phase(raw: RawTrial, window: Window, t: float) -> str:
    """Return the phase of a moment; the window's two ticks belong to it."""
    if t < raw.marks["load_start"]:
        return "before"
    if t <= raw.marks["ramp_end"]:
        return "ramp"
    if t < float(raw.server.t[window.first]) - raw.server.interval_s / 4:
        return "warmup"
    return "window" if t <= float(raw.server.t[window.last]) + raw.server.interval_s / 4 else "after"


def _scopes(sample: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Turn one sample into its rows."""
    host = sample["host"]
    row: dict[str, Any] = {"scope": "host", "missed": sample.get("missed")}
    row |= {f"cpu_{state}_s": seconds for state, seconds in host["cpu"].items()}
    row |= {f"tcp_{state.lower()}": count for state, count in (host.get("tcp") or {}).items()}
    row |= host.get("tcp_ext") or {}
    sockets = host.get("sockets") or {}
    row |= {f"tcp_{key}": sockets.get(name) for key, name in SOCKETS.items()}
    row |= {"clock_step_s": sample.get("clock_step"), "took_s": sample.get("took")}
    yield _known(row | {key: host.get(key) for key in ("cpus", "mem_used", "mem_available", "ctx", "freq_mhz")})
    for name, counters in (host.get("net") or {}).items():
        yield _known({"scope": "interface", "name": name, **counters})
    for name, unit in sample["units"].items():
        row = {"scope": "unit", "name": name, "unit": name, **unit}
        yield _known(row | {"cpu_user_s": unit["cpu_user"], "cpu_system_s": unit["cpu_system"]})
    for process in sample.get("procs") or ():
        shared = {"name": process["name"], "unit": process["unit"], "pid": process["pid"]}
        times = {"cpu_user_s": process["cpu_user"], "cpu_system_s": process["cpu_system"], "rss": process.get("rss")}
        yield {"scope": "process", **shared, **times}
        for tid, seconds in process.get("threads") or ():
            yield {"scope": "thread", **shared, "tid": tid, "cpu_user_s": seconds}
    if redis := sample.get("redis"):
        yield _known({"scope": "redis", **redis, "mem_used": redis.get("used_memory")} | {"t": None})
    if database := sample.get("database"):
        yield _known({"scope": "database", **database} | {"t": None})


def _known(row: dict[str, Any]) -> dict[str, Any]:
    """Keep what has a column; the moment of Redis' or the database's answer is within milliseconds of the sample's."""
    return {key: value for key, value in row.items() if key in columns()["samples"] and value is not None}
