"""What no testbed on this machine can be steadier than: the CPU time of one and the same work, again and again.

Usage: .venv/bin/python -m benchmarks.machine_noise [--seconds 60] [--page]

A loop of plain Python runs on two CPUs at the same time; each turn's CPU seconds are noted. The work never changes, so
all that they vary by is the machine: its frequency, its caches, its neighbours' use of them, time that a hypervisor
takes without saying so. Told is how much two neighbouring stretches differ, by their length, and how far the two CPUs
go together: as far as that, the one's figure can stand in for the other's speed. The table goes into docs/accuracy.md,
between its markers, with --page.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.page import give, table
from collect.statistics.power import pairs_for

LENGTHS_S = (0.001, 0.01, 0.1, 0.3, 1.0, 3.0)
SLOWDOWN = 0.02
LEAST_STRETCHES = 8
Floats = NDArray[np.float64]


def work() -> int:
    """Do what takes some 100 us."""
    total = 0
    for number in range(1500):
        total += number * number % 7
    return total


def turns(cpu: int, begin: float, seconds: float) -> Floats:
    """Return a row for each turn of the work on a CPU: when it ended, wall seconds from ``begin``, and its CPU s."""
    os.sched_setaffinity(0, {cpu})
    rows = []
    while time.time() < begin:
        pass
    while (now := time.time() - begin) < seconds:
        began = time.thread_time()
        work()
        rows.append((now, time.thread_time() - began))
    return np.array(rows)


def speeds(rows: Floats, length_s: float, seconds: float) -> Floats:
    """Return for each stretch of the wall clock the log of the mean CPU s of its turns; NaN where it has none."""
    place = (rows[:, 0] / length_s).astype(np.int64)
    stretches = int(seconds / length_s)
    inside = place < stretches
    count = np.bincount(place[inside], minlength=stretches)
    total = np.bincount(place[inside], weights=rows[inside, 1], minlength=stretches)
    mean = np.divide(total, count, out=np.full(stretches, np.nan), where=count > 0)
    logs: Floats = np.log(mean)
    return logs


def noise(series: Sequence[Floats], length_s: float, seconds: float) -> tuple[float, float] | None:
    """Return the deviation between neighbouring stretches, and the correlation of the CPUs'; None for too few."""
    logs = [speeds(rows, length_s, seconds) for rows in series]
    steps = [np.diff(each) for each in logs]
    known = ~np.isnan(np.sum(steps, axis=0))
    if known.sum() < LEAST_STRETCHES:
        return None
    steps = [each[known] for each in steps]
    deviation = math.sqrt(float(np.mean([np.mean(each**2) for each in steps])))
    together = float(np.asarray(np.corrcoef(np.stack(steps)))[0, 1]) if len(steps) == 2 else math.nan
    return deviation, together


def page(series: Sequence[Floats], seconds: float) -> list[str]:
    """Return the table's lines."""
    rows = []
    for length_s in LENGTHS_S:
        found = noise(series, length_s, seconds)
        if found is None:
            continue
        deviation, together = found
        pairs = pairs_for(math.log1p(SLOWDOWN), deviation)
        cost = "–" if pairs is None else f"{pairs} ({pairs * 2 * length_s:.3g} s)"
        rows.append(
            [f"{1000 * length_s:g} ms", f"{deviation:.1%}", "–" if math.isnan(together) else f"{together:.2f}", cost]
        )
    head = ["stretch", "deviation between neighbours", "correlation of the two CPUs", f"pairs to find {SLOWDOWN:.0%}"]
    return table(head, rows)


def main() -> int:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="(%(default)s)")
    parser.add_argument("--page", action="store_true", help="write the table into docs/accuracy.md")
    options = parser.parse_args()
    if options.seconds < 1:
        parser.error("1 s at least")
    cpus = sorted(os.sched_getaffinity(0))[:2]
    begin = time.time() + 1
    with multiprocessing.get_context("spawn").Pool(len(cpus)) as pool:
        series = pool.starmap(turns, [(cpu, begin, options.seconds) for cpu in cpus])
    text = "\n".join(page(series, options.seconds))
    give(text, __file__, write=options.page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
