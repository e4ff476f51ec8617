"""The lines of ``<run_id>.partial/live.jsonl``: one a second while there is load, and one a trial that is on record.

A second, of which each figure may be null:

    at                       unix s when it ended, on the control node's clock
    trial_id, ordinal, of    which trial, and of how many (of at most so many, where a precision may end the run)
    trial_kind, cell         cell, ceiling or probe, and the cell's name
    phase                    start (the app is awaited and checked), ramp, warmup, window; done: the load has ended
    second                   whole seconds since the trial's first line
    window_second, window_s  seconds of the window that have passed (null in other phases), of how many
    rps, p95_ms              of the requests that ended in this second; null when done, which is no whole second
    failures                 of the trial so far
    server_cpu_cores, client_cpu_cores, app_cpu_cores, generator_cpu_cores
                             as the columns of trials.parquet, up to the collectors' tick at the second's end, or to the
                             one before where that was not known in time
    server_cpus, client_cpus  CPUs in these hosts' sets
    left_s                   seconds that the run has left: as planned, and as it went so far

A trial on record has ``kind`` "finished", with at, trial_id, ordinal, of, rps, p95_ms, validity, and limited_by, most
binding first. Who reads skips the kinds that it does not know.

Nothing is synced, and nothing of it is sealed: a sealed run has samples and requests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

LIVE = "live.jsonl"
START, RAMP, WARMUP, WINDOW, DONE = "start", "ramp", "warmup", "window", "done"
FINISHED = "finished"
ABSURD = 1e15
"""No figure is so large; NaN is not below it, either."""

Line = Mapping[str, Any]


def finished(spec: Mapping[str, Any], summary: Mapping[str, Any], at: float) -> dict[str, Any]:
    """Return the line of a trial that is on record, by its spec and its row; ``at`` in unix seconds."""
    return {
        "kind": FINISHED,
        "at": round(at, 3),
        "trial_id": spec["trial_id"],
        "ordinal": spec["ordinal"],
        "of": spec["total"],
        "rps": summary.get("rps"),
        "p95_ms": summary.get("latency_p95_ms"),
        "validity": summary["validity"],
        "limited_by": list(summary.get("limited_by") or ()),
    }


def encode(line: Line) -> bytes:
    """Return a line as it is written; ASCII only, so that no character in it ends a line but its own end."""
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def decode(raw: bytes) -> dict[str, Any] | None:
    """Return what a line says, None where it is not one of these: what a crash has torn, say."""
    try:
        line = json.loads(raw)
    except ValueError:
        return None
    return line if isinstance(line, dict) and isinstance(line.get("trial_id"), str) else None


def is_second(line: Line) -> bool:
    """Say whether the line is of a second, and not of another kind."""
    return "kind" not in line


def begins(seconds: Sequence[Line], line: Line) -> bool:
    """Say whether a second is of another trial than those before it, or of the same one measured again."""
    if not seconds or seconds[-1]["trial_id"] != line["trial_id"]:
        return True
    return (number(line, "second") or 0) < (number(seconds[-1], "second") or 0)


def number(line: Line, name: str) -> float | None:
    """Return a figure of a line; None where it has none, or no number that can be meant."""
    value = line.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < ABSURD:
        return None
    return float(value)
