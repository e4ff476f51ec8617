"""What it costs to keep every request: plain Locust against collect/load, pair by pair, on the loopback.

Usage: .venv/bin/python -m benchmarks.recording_cost [--pairs 12] [--seconds 5]

A trivial responder answers from one CPU, Locust loads it from another with 10 users without a pause. The two sides of a
pair follow one another in an order that alternates; the rate is counted by the responder, the CPU time by the kernel.
The ratio of a pair cancels what drifts more slowly than that. As the machine's noise is of the order of the cost that
is looked for, the cost is also counted directly: nanoseconds of the recorder's own calls against the microseconds that
a request takes. Exit code 1 if the direct count is 1 % or more.
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
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from collect.statistics.intervals import MIN_BLOCKS, Estimate, ratio_over_blocks
from tests.support.responder import Responder
from tests.support.venv38 import CHECKOUT, python38_with

LIMIT = 0.01
WARM_UP_S = 1.0
START_TIMEOUT_S = 30.0
SIDES = ("plain", "recorded")


@dataclass(frozen=True)
class Rate:
    """Requests per second of wall time, and per second of the generator's CPU time."""

    per_s: float
    per_cpu_s: float


def respond(pipe: Connection, cpu: int) -> None:
    """Answer requests until the other side of the pipe is gone; a process of its own."""
    os.sched_setaffinity(0, {cpu})
    with Responder() as responder:
        pipe.send(responder.host)
        with contextlib.suppress(EOFError):
            while pipe.recv():
                pipe.send((time.monotonic(), responder.answered))


@contextlib.contextmanager
def responder_on(cpu: int) -> Iterator[Connection]:
    """Run the responder; the pipe gives its address, then the time and the count for every word."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=respond, args=(there, cpu), daemon=True)
    process.start()
    there.close()
    try:
        yield here
    finally:
        here.close()
        process.join(5)


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process so far, to the nanosecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def measure(python: Path, side: str, user_class: str, cpu: int, seconds: float) -> Rate:
    """Load a fresh responder from a fresh process and return its rate once it is warm."""
    responder_cpu = max(os.sched_getaffinity(0) - {cpu}, default=cpu)
    with responder_on(responder_cpu) as responder, tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        host = responder.recv()

        def count() -> tuple[float, int]:
            responder.send("count")
            told: tuple[float, int] = responder.recv()
            return told

        plain = ["-m", "locust", "-f", f"{CHECKOUT}/benchmarks/plain_locustfile.py"]
        command = plain if side == "plain" else [f"{CHECKOUT}/collect/load"]
        variables = {
            "LOCUST_HOST": host, "LOCUST_USERS": "10", "LOCUST_SPAWN_RATE": "100", "LOCUST_HEADLESS": "true",
            "LOCUST_ONLY_SUMMARY": "true", "LOCUST_LOGLEVEL": "ERROR", "LOCUST_CSV": f"{folder}/locust",
            "BENCH_USER_CLASS": user_class, "BENCH_PATH": "/user", "BENCH_WARMUP_S": "0",
            "BENCH_WINDOW_S": str(seconds + 2 * WARM_UP_S + START_TIMEOUT_S), "BENCH_OUT_DIR": folder,
            "BENCH_EXPECT": json.dumps({"status": 200, "type": "text/html", "body": "hello"}),
        }  # fmt: skip
        locust = subprocess.Popen(
            [python, *command], env={**os.environ, **variables}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
        )  # fmt: skip
        try:
            deadline = time.monotonic() + START_TIMEOUT_S
            while count()[1] < 100:
                if time.monotonic() > deadline or locust.poll() is not None:
                    sys.exit(f"error: the {side} load does not start (recording_cost.py): run it by hand")
                time.sleep(0.05)
            time.sleep(WARM_UP_S)
            (began, first), cpu_first = count(), cpu_s(locust.pid)
            time.sleep(seconds)
            (ended, last), cpu_last = count(), cpu_s(locust.pid)
        finally:
            locust.terminate()
            locust.wait()
    return Rate((last - first) / (ended - began), (last - first) / (cpu_last - cpu_first))


def compare(python: Path, user_class: str, pairs: int, seconds: float) -> float:
    """Measure and print one user class; return the share of a request that the recorder takes by direct count."""
    generator_cpu = min(os.sched_getaffinity(0))
    rates: dict[str, dict[int, Rate]] = {side: {} for side in SIDES}
    for pair in range(pairs):
        for side in SIDES if pair % 2 == 0 else SIDES[::-1]:
            rates[side][pair] = measure(python, side, user_class, generator_cpu, seconds)
        print(
            f"{user_class} pair {pair + 1:>2}: "
            + ", ".join(f"{side} {rates[side][pair].per_s:7.1f}/s" for side in SIDES),
            flush=True,
        )
    print_ratio(f"{user_class} rate", {s: {p: r.per_s for p, r in each.items()} for s, each in rates.items()})
    print_ratio(f"{user_class} per CPU s", {s: {p: r.per_cpu_s for p, r in each.items()} for s, each in rates.items()})

    call = ["taskset", "--cpu-list", str(generator_cpu), str(python), f"{CHECKOUT}/benchmarks/recorder_call.py"]
    output = subprocess.run([*call, user_class], capture_output=True, check=True).stdout
    parts: dict[str, float] = json.loads(output)
    own_ns = sum(parts.values())
    request_us = min(1e6 / rate.per_cpu_s for rate in rates["plain"].values())
    share = own_ns / 1000 / request_us
    told = ", ".join(f"{name} {part:.0f}" for name, part in parts.items())
    print(f"{user_class} direct count: {own_ns:.0f} ns ({told}) of {request_us:.0f} µs a request: {share:.3%}\n")
    return share


def print_ratio(title: str, values: dict[str, dict[int, float]]) -> None:
    """Print recorded against plain with its confidence interval."""
    estimate: Estimate | None = ratio_over_blocks(values["recorded"], values["plain"])
    assert estimate is not None
    print(f"{title}: recorded / plain = {estimate.value:.4f}, 95 % interval {estimate.low:.4f} to {estimate.high:.4f}")


def main() -> int:
    """Measure both user classes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=12, help="of a plain and a recorded run each (%(default)s)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each run that are counted (%(default)s)")
    options = parser.parse_args()
    if options.pairs < MIN_BLOCKS:
        parser.error(f"an interval needs {MIN_BLOCKS} pairs or more")
    python = python38_with(CHECKOUT / "collect" / "load" / "requirements.lock")
    shares = [compare(python, name, options.pairs, options.seconds) for name in ("HttpUser", "FastHttpUser")]
    return int(max(shares) >= LIMIT)


if __name__ == "__main__":
    sys.exit(main())
