"""What it costs to tell of each second, and to show it: ``.venv/bin/python -m benchmarks.live_cost [--seconds 5000]``.

Three things happen once a second on the control node, which may be the machine that is measured: a trial's worker puts
a line into live.jsonl, the terminal reads it, for which it looks several times a second, and draws it. Each is done as
often as asked for, one after the other as in a run, and its CPU time taken. Exit code 1 if all together take more than
the limit.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from collect.live.read import LIVE
from collect.live.screen import Screen
from collect.live.write import append
from collect.trial.live import Seconds
from tests.support.plans import small_plan
from tests.support.streamed import CLIENT, LOAD, SERVER

LIMIT_MS = 1.0
"""CPU a second: a thousandth of a core."""
COLUMNS, ROWS = 140, 40
LOOKS = 4
"""A second: callback_plugins/bench.py looks each 0.25 s whether there is something new."""


def cost_ms(seconds: int) -> dict[str, float]:
    """Return the milliseconds of CPU that each part takes a second."""
    spent = dict.fromkeys(("telling", "reading", "drawing"), 0.0)

    def timed(part: str, action: Callable[[], object]) -> None:
        began = time.process_time_ns()
        action()
        spent[part] += (time.process_time_ns() - began) / 1e6

    spec = small_plan().trials()[0].to_json()
    rows = {"server1": SERVER, "client1": CLIENT}
    with tempfile.TemporaryDirectory() as name, Path(os.devnull).open("wb") as nowhere:
        folder = Path(name)
        screen, told = Screen(folder / LIVE), Seconds(spec, "server1", ["client1"])

        def tell(load: dict[str, object]) -> None:
            line = told.line(load, rows, ahead_s=0.0, left_s=100.0)
            assert line is not None
            append(folder, line)

        def draw() -> None:
            os.write(nowhere.fileno(), screen.draw(COLUMNS, ROWS, colour=True).encode())

        for second in range(seconds):
            load = {**LOAD[5], "t": LOAD[5]["t"] + second}
            timed("telling", functools.partial(tell, load))
            for _ in range(LOOKS):
                timed("reading", screen.read)
            timed("drawing", draw)
    return {part: total / seconds for part, total in spent.items()}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5000, help="lines to tell (%(default)s)")
    options = parser.parse_args()
    if options.seconds < 1:
        parser.error("at least 1 second")
    parts = cost_ms(options.seconds)
    for part, each_ms in parts.items():
        print(f"{part:8} {1000 * each_ms:7.1f} µs of CPU a second")
    total_ms = sum(parts.values())
    print(f"{'all':8} {1000 * total_ms:7.1f} µs, {total_ms / 10:.3f} % of a core; limit {1000 * LIMIT_MS:.0f} µs")
    return 0 if total_ms <= LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
