"""What would help: two apps that are up at the same time and asked in turn, so that both meet the same machine.

Usage: .venv/bin/python -m benchmarks.side_by_side [--variant NAME] [--shares 0 0.01 ...] [--rounds N] [--seconds S]

Not by the playbooks: a round starts the variant twice on the loopback, the second time slowed down by a share of the
CPU that a request costs the app, both on one CPU, and asks one after the other from another CPU, a request each by
turns, for some seconds. It compares the CPU s per request that the kernel charged to each, and the time until the
answer, the inverse of the rate of a user alone. A round is a pair as a block's two trials are; its processes are fresh,
as some are faster than others for as long as they live. With --page the table goes into docs/accuracy.md.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import math
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.outcomes import US, Effect
from benchmarks.page import give, table
from benchmarks.sureness_page import WANTED_POWER, WANTED_SHARE
from collect.catalog import load_catalog
from collect.paths import CHECKOUT
from collect.serving import PYTHONS, python_of
from collect.statistics.intervals import ratio_over_blocks
from collect.statistics.power import pairs_for, share_interval
from collect.trial.server import app_environment
from tests.support.venv38 import python38_with

CATALOG = load_catalog()
ALONE = [
    name
    for name, entry in CATALOG.variants.items()
    if entry["processes"] == 1
    and python_of(entry) == PYTHONS[0]
    and entry["server"] in ("werkzeug", "uvicorn", "uvicorn-uvloop", "aiohttp")
]
"""What serves from the process that is started, so that its CPU is all there is; on the article's Python."""
PORT = 19_000
START_S, WARM_UP_S = 15.0, 0.3
EXPERIMENT_ROUNDS = 5
OUTCOMES = ("app's CPU s per request", "time until the answer")


@dataclass(frozen=True)
class Round:
    """What one round measured, of the unchanged app and of the slowed one."""

    cpu_s: tuple[float, float]
    """Per request."""
    answer_s: tuple[float, float]
    took_s: float
    """Wall seconds, start of the processes included."""


@contextlib.contextmanager
def serving(variant: str, busy_us: int, port: int, python: Path, cpu: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run an app on one CPU of this machine. Ends the script if it does not listen."""
    spec = {"variant": {**CATALOG.variants[variant], "busy_us": busy_us}, "port": port}
    spec |= {"workload": CATALOG.workloads["none"], "cell": {"workload": "none"}}
    values = {"APP_VALUES": json.dumps({name: CATALOG.workloads[name] for name in ("none", "redis")})}
    command = ["taskset", "--cpu-list", str(cpu), str(python), "-m", "apps.serve"]
    own = {**app_environment(spec), **values, "APP_HOST": "127.0.0.1", "PYTHONPATH": str(CHECKOUT)}
    quiet = subprocess.DEVNULL
    app = subprocess.Popen(command, cwd=CHECKOUT, env={**os.environ, **own}, stdout=quiet, stderr=quiet)
    try:
        deadline = time.monotonic() + START_S
        while True:
            with contextlib.suppress(OSError):
                ask(http.client.HTTPConnection("127.0.0.1", port, timeout=5))
                break
            if app.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"error: {variant} does not serve on port {port}: see what `apps.serve` says")
            time.sleep(0.02)
        yield app
    finally:
        app.terminate()
        app.wait(10)


def ask(connection: http.client.HTTPConnection) -> None:
    """Ask once, on the connection as long as the server keeps it."""
    connection.request("GET", CATALOG.workloads["none"]["path"])
    connection.getresponse().read()


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process, its dead threads included, to the nanosecond: as clock_getcpuclockid(3)."""
    return time.clock_gettime_ns((~pid << 3) | 2) / 1e9


def play(variant: str, busy_us: int, seconds: float, python: Path, cpu: int, port: int) -> Round:
    """Start both in random order, ask them by turns, and return what that took."""
    began = time.monotonic()
    order = random.sample([(0, 0), (1, busy_us)], 2)
    with contextlib.ExitStack() as stack:
        apps = {side: stack.enter_context(serving(variant, busy, port + side, python, cpu)) for side, busy in order}
        asked = {side: http.client.HTTPConnection("127.0.0.1", port + side, timeout=10) for side, _ in order}
        turns(asked, WARM_UP_S)
        before = {side: cpu_s(app.pid) for side, app in apps.items()}
        count, answer_s = turns(asked, seconds)
        spent = {side: (cpu_s(app.pid) - before[side]) / count for side, app in apps.items()}
    return Round((spent[0], spent[1]), (answer_s[0] / count, answer_s[1] / count), time.monotonic() - began)


def turns(asked: dict[int, http.client.HTTPConnection], seconds: float) -> tuple[int, dict[int, float]]:
    """Ask each in turn for some seconds; return how often, and the seconds that each took in all."""
    took_s, count = dict.fromkeys(asked, 0.0), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for side, connection in asked.items():
            began = time.perf_counter()
            ask(connection)
            took_s[side] += time.perf_counter() - began
        count += 1
    return count, took_s


def effects(rounds: Sequence[Round]) -> dict[str, Effect | None]:
    """Return the log ratio of each outcome, slowed over unchanged, with its interval over the rounds."""
    return {name: _effect([_sides(each, name) for each in rounds]) for name in OUTCOMES}


def _sides(each: Round, outcome: str) -> tuple[float, float]:
    return each.cpu_s if outcome == OUTCOMES[0] else each.answer_s


def _effect(pairs: Sequence[tuple[float, float]]) -> Effect | None:
    ratio = ratio_over_blocks(*(dict(enumerate(pair[side] for pair in pairs)) for side in (1, 0)))
    if ratio is None or ratio.low is None or ratio.high is None:
        return None
    return Effect(math.log(ratio.value), math.log(ratio.low), math.log(ratio.high))


def row(busy_us: int, rounds: Sequence[Round], outcome: str) -> list[str]:
    """Return a line of the table."""
    pairs = [_sides(each, outcome) for each in rounds]
    truth = statistics.fmean(math.log1p(busy_us * US / base) for base, _ in pairs)
    wanted = statistics.fmean(math.log1p(WANTED_SHARE * each.cpu_s[0] / _sides(each, outcome)[0]) for each in rounds)
    whole = _effect(pairs)
    assert whole is not None
    deviation = statistics.stdev(math.log(slow / base) for base, slow in pairs)
    parts = [pairs[i : i + EXPERIMENT_ROUNDS] for i in range(0, len(pairs) - EXPERIMENT_ROUNDS + 1, EXPERIMENT_ROUNDS)]
    single = [effect for part in parts if (effect := _effect(part))]
    needed = pairs_for(wanted, deviation, WANTED_POWER)
    round_s = statistics.median(each.took_s for each in rounds)
    found = sum(effect.found for effect in single)
    low, high = share_interval(found, len(single)) if single else (0.0, 1.0)
    return [
        f"{busy_us} µs" if busy_us else "the same",
        outcome,
        f"{math.expm1(truth):+.2%}",
        f"{math.expm1(whole.value):+.2%} ({math.expm1(whole.low):+.2%} to {math.expm1(whole.high):+.2%})",
        f"{found} of {len(single)} ({low:.0%} to {high:.0%})",
        f"{deviation:.2%}",
        "–" if needed is None else f"{needed} ({needed * round_s / 60:.1f} min)",
    ]


def main() -> int:
    """Play all rounds, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--variant", default="starlette-uvicorn", choices=ALONE, metavar="NAME", help=f"of {', '.join(ALONE)}"
    )
    parser.add_argument("--shares", nargs="+", type=float, default=[0, 0.01, 0.02, 0.05], help="(%(default)s)")
    parser.add_argument("--rounds", type=int, default=20, help="for each share (%(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a round (%(default)s)")
    parser.add_argument("--page", action="store_true", help="write the table into docs/accuracy.md")
    options = parser.parse_args()
    if options.rounds < EXPERIMENT_ROUNDS or options.seconds <= 0 or min(options.shares) < 0:
        parser.error(f"at least {EXPERIMENT_ROUNDS} rounds of more than 0 s, and no share below 0")
    python = python38_with(CHECKOUT / "apps" / "requirements.lock")
    cpus = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpus[-1]})
    first = play(options.variant, 0, options.seconds, python, cpus[0], PORT)
    doses = [round(share * first.cpu_s[0] / US) for share in options.shares]
    played: dict[int, list[Round]] = {busy_us: [] for busy_us in doses}
    for number in range(options.rounds):
        for place, busy_us in enumerate(random.sample(doses, len(doses))):
            port = PORT + 2 * (1 + number * len(doses) + place)
            played[busy_us].append(play(options.variant, busy_us, options.seconds, python, cpus[0], port))
    head = ["busy", "outcome", "true change", "estimate", f"found by {EXPERIMENT_ROUNDS} rounds"]
    head += ["deviation of a round", f"rounds to find {WANTED_SHARE:.0%}"]
    rows = [row(busy_us, rounds, outcome) for busy_us, rounds in played.items() for outcome in OUTCOMES]
    told = f"{options.variant}, {options.rounds} rounds of {options.seconds:g} s each; a request costs the app"
    text = "\n".join([f"{told} {first.cpu_s[0] / US:.0f} µs of CPU.", "", *table(head, rows, left=2)])
    give(text, __file__, write=options.page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
