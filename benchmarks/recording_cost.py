"""What it costs to keep every request: real Locust on the loopback, its recorder switched on and off by turns.

Usage: .venv/bin/python -m benchmarks.recording_cost [--slices 480] [--seconds 0.25]

A trivial responder answers from one CPU, Locust loads it from another with 10 users without a pause. In one process,
slices with and without the recorder follow one another; two neighbours are a pair, and the ratio of a pair cancels
whatever drifts more slowly. As the machine's noise may still be of the order of the cost that is looked for, the cost
is counted directly, too: nanoseconds of the recorder's own calls against the microseconds that a request takes. Exit
code 1 if the direct count is 1 % or more, or the interval of the measured ratio lies wholly below 0.99.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from collect.statistics.intervals import Estimate, ratio_over_blocks
from tests.support.responder import Responder
from tests.support.venv38 import CHECKOUT, python38_with

LIMIT = 0.01
SIDES = {"off": False, "on": True}
Slice = dict[str, Any]


def respond(pipe: Connection, cpu: int) -> None:
    """Answer requests until the other end of the pipe is closed; a process of its own."""
    os.sched_setaffinity(0, {cpu})
    with Responder() as responder:
        pipe.send(responder.host)
        with contextlib.suppress(EOFError):
            pipe.recv()


@contextlib.contextmanager
def responder_on(cpu: int) -> Iterator[str]:
    """Run the responder; the value is its address."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=respond, args=(there, cpu), daemon=True)
    process.start()
    there.close()
    try:
        yield here.recv()
    finally:
        here.close()
        process.join(5)


def run_slices(python: Path, user_class: str, slices: int, seconds: float) -> list[Slice]:
    """Load the responder for as many slices and return them in order."""
    cpus = os.sched_getaffinity(0)
    with responder_on(max(cpus)) as host, tempfile.TemporaryDirectory() as folder:
        told = {
            "BENCH_USER_CLASS": user_class, "SLICES": str(slices), "SLICE_S": str(seconds),
            "SLICES_OUT": f"{folder}/slices", "LOCUST_HOST": host, "LOCUST_USERS": "10", "LOCUST_SPAWN_RATE": "10",
            "LOCUST_HEADLESS": "true", "LOCUST_ONLY_SUMMARY": "true", "LOCUST_LOGLEVEL": "ERROR",
        }  # fmt: skip
        command = ["taskset", "--cpu-list", str(min(cpus)), str(python), "-m", "locust", "-f"]
        subprocess.run(
            [*command, f"{CHECKOUT}/benchmarks/recorder_slices.py"], env={**os.environ, **told},
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60 + 2 * slices * seconds, check=True,
        )  # fmt: skip
        return [json.loads(line) for line in Path(folder, "slices").read_text().splitlines()]


def ratio(slices: list[Slice], per: str) -> Estimate:
    """Return the rate with the recorder over the rate without, per second of wall or CPU time."""
    rates = {
        side: {number // 2: each["requests"] / each[per] for number, each in enumerate(slices) if each["on"] == on}
        for side, on in SIDES.items()
    }
    estimate = ratio_over_blocks(rates["on"], rates["off"])
    assert estimate is not None
    return estimate


def direct_count(python: Path, user_class: str) -> dict[str, float]:
    """Return the nanoseconds that a request costs the recorder, by part."""
    cpu = str(min(os.sched_getaffinity(0)))
    call = ["taskset", "--cpu-list", cpu, str(python), f"{CHECKOUT}/benchmarks/recorder_call.py", user_class]
    parts: dict[str, float] = json.loads(subprocess.run(call, capture_output=True, check=True).stdout)
    return parts


def measure(python: Path, user_class: str, slices: int, seconds: float) -> bool:
    """Measure and print one user class; say whether the recorder stays within its limit."""
    measured = run_slices(python, user_class, slices, seconds)
    ratios = {per: ratio(measured, per) for per in ("wall_s", "cpu_s")}
    for per, estimate in ratios.items():
        what = "requests per second" if per == "wall_s" else "requests per CPU second of Locust"
        print(
            f"{user_class}: {what} with / without the recorder: {estimate.value:.4f}"
            f" (95 %: {estimate.low:.4f} to {estimate.high:.4f}; {estimate.blocks} pairs)"
        )
    parts = direct_count(python, user_class)
    own_ns = sum(parts.values())
    request_us = min(each["cpu_s"] / each["requests"] * 1e6 for each in measured if not each["on"])
    share = own_ns / 1000 / request_us
    told = ", ".join(f"{name} {part:.0f}" for name, part in parts.items())
    print(f"{user_class}: direct count: {own_ns:.0f} ns ({told}) of {request_us:.0f} µs a request: {share:.2%}")
    return share < LIMIT and all((estimate.high or 1) >= 1 - LIMIT for estimate in ratios.values())


def main() -> int:
    """Measure both user classes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=480, help="half of them with the recorder (%(default)s)")
    parser.add_argument("--seconds", type=float, default=0.25, help="of a slice (%(default)s)")
    options = parser.parse_args()
    if options.slices < 8 or options.seconds <= 0:
        parser.error("at least 8 slices of more than 0 seconds")
    python = python38_with(CHECKOUT / "collect" / "load" / "requirements.lock")
    within = [measure(python, name, options.slices, options.seconds) for name in ("HttpUser", "FastHttpUser")]
    return 0 if all(within) else 1


if __name__ == "__main__":
    sys.exit(main())
