"""What a trial says on its way, as a client's watch streams it: a second of ramp, one of warm-up, a window of 3 s."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from collect.plan import TrialSpec
from collect.trial.live import Seconds

BEGAN = 1_700_000_000.0
WINDOW_START = BEGAN + 3


def load(at: float, phase: str, requests: int, rps: float, p95_ms: float | None, failures: int = 0) -> dict[str, Any]:
    """Return a line of the generator, told ``at`` seconds after ``BEGAN``."""
    return {
        "src": "load", "t": BEGAN + at, "phase": phase, "users": 0 if phase == "check" else 10, "requests": requests,
        "failures": failures, "rps": rps, "p95_ms": p95_ms,
    }  # fmt: skip


LOAD: list[dict[str, Any]] = [
    load(0.412, "check", 0, 0.0, None),
    load(1.031, "ramp", 178, 287.6, 24.118),
    {"src": "load", "t": BEGAN + 1.622, "phase": "warmup", "window_start_unix_s": WINDOW_START},
    load(2.030, "warmup", 590, 412.4, 26.402),
    # The window has begun 32 ms ago: what is told here was of the warm-up.
    load(3.032, "window", 1003, 412.2, 26.377),
    load(4.031, "window", 1421, 418.4, 25.913),
    load(5.031, "window", 1845, 424.0, 25.540, failures=1),
    load(6.030, "window", 2268, 423.4, 25.602, failures=1),
    {
        **load(6.262, "end", 2361, 400.9, None, failures=1),
        "result": {"state": "done", "error": None, "window_start_unix_s": WINDOW_START},
    },
]
PHASES = ["start", "ramp", "warmup", "warmup", "window", "window", "window", "done"]
SERVER: dict[str, Any] = {
    "t": BEGAN + 3.001, "host": "server1", "busy": 0.812, "cpus": 2,
    "units": {"app": 0.701, "redis": 0.064, "collector": 0.004, "other": 0.01},
}  # fmt: skip
CLIENT: dict[str, Any] = {
    "t": BEGAN + 3.001, "host": "client1", "busy": 0.961, "cpus": 2,
    "units": {"generator": 0.93, "collector": 0.004, "other": 0.01},
}  # fmt: skip


def seconds(spec: TrialSpec, lines: Sequence[dict[str, Any]] = LOAD, left_s: float = 90.0) -> list[dict[str, Any]]:
    """Return the lines of live.jsonl that a trial makes of the generator's lines."""
    telling = Seconds(spec.to_json(), "server1", ["client1"])
    rows = {"server1": SERVER, "client1": CLIENT}
    told = [telling.line(line, rows, ahead_s=0.0, left_s=left_s) for line in lines]
    return [line for line in told if line is not None]
