"""Which window, which distance and which outcome tell two cells apart best: the noise of sealed runs, cut and paired.

Usage: .venv/bin/python -m benchmarks.noise [--page] [--windows SECONDS ...] ENTRY ...

Each trial's window is cut into parts of the lengths asked for. Of each part the log of its rate and of the CPU that a
request cost app, generator and Redis is taken, less the mean of its cell in that run, so that noise is left. The table
has the deviation of the difference of two parts by how far apart they began (the variogram of Matheron (1963),
"Principles of geostatistics", Economic Geology 58): a pair of trials that stand side by side has the noise of its own
distance and of all shorter ones, and none of the longer. From it: the minutes until 2 % are found with power 0.9, for
pairs of neighbours. CPU is counted in ticks of 10 ms, 0.6 % of a part of 1 s, and read once a second, so shorter parts
have a rate only. With --page the tables go into docs/accuracy.md. Measures nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.page import give, machine, table
from collect.archive.query import Database, open_run
from collect.archive.store import Archive
from collect.archive.validity import INVALID
from collect.plan import CELL
from collect.statistics.covariates import fitted_slope
from collect.statistics.power import pairs_for

WINDOWS_S = (0.1, 1.0, 3.0, 6.0)
DISTANCES_S = (0, 20, 60, 200, math.inf)
"""Borders of the distances between parts of different trials that are not neighbours."""
SLOWDOWN, POWER = 0.02, 0.9
LEAST_PAIRS = 20
STEPS = 60
UNITS = ("app", "generator", "redis")
COMPARED = (
    ("rps", None),
    ("rps", "generator"),
    ("rps", "redis"),
    ("app", None),
    ("app", "generator"),
    ("app", "redis"),
)
"""What is compared, and the covariate whose difference is taken off."""
TITLES = {
    "rps": "RPS", "app": "app's CPU s per request", "generator": "generator's", "redis": "Redis' own",
}  # fmt: skip
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """All parts of one length of a run, in the order of time."""

    length_s: float
    at_s: Floats
    """When each began, unix seconds."""
    trial: Ints
    """Its trial's place among the trials that can be used; neighbours differ by 1."""
    noise: Mapping[str, Floats]
    """By figure: the log less its cell's mean, widened by what the mean itself has taken; NaN where it is not known."""


@dataclass(frozen=True)
class Run:
    """A sealed run, as far as noise goes."""

    parts: Sequence[Parts]
    trial_s: float
    """Wall seconds from a trial's begin to the next one's."""
    window_s: float


def read_run(entry: Path, windows_s: Sequence[float]) -> Run:
    """Cut a sealed run's trials into parts of each length; lengths beyond its window are left out."""
    archive = Archive(entry.resolve().parent)
    with open_run(archive, entry.resolve().name) as database:
        trials = database.rows(
            "SELECT trial_id, cell, window_s, epoch(window_start_at) AS at_s, epoch(started_at) AS started_s"
            f" FROM trials WHERE kind = '{CELL}' AND validity <> '{INVALID}' AND rps > 0 ORDER BY ordinal"
        )
        used = _cpu(database)
        shortest = min(trial["window_s"] for trial in trials)
        lengths = [length for length in windows_s if length < shortest + 0.1]
        parts = [_parts(trials, used, _counts(database, length), length) for length in lengths]
    begun = [trial["started_s"] for trial in trials]
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    return Run(parts, statistics.median(gaps), shortest)


def _counts(database: Database, length_s: float) -> dict[tuple[str, int], int]:
    """Return the right answers by trial and part."""
    rows = database.rows(
        "SELECT trial_id, CAST(floor((start_us + latency_us) / ?) AS INTEGER) AS part, count(*) AS answers"
        " FROM requests WHERE phase = 'window' AND outcome = 'ok' GROUP BY ALL",
        [1e6 * length_s],
    )
    return {(row["trial_id"], row["part"]): row["answers"] for row in rows}


def _cpu(database: Database) -> dict[tuple[str, str], list[tuple[Floats, Floats]]]:
    """Return by trial and unit the cumulative CPU seconds of each host that has it, and when each was read."""
    rows = database.rows(
        "SELECT trial_id, name, host, list(at_s ORDER BY at_s) AS at_s,"
        " list(cpu_user_s + cpu_system_s ORDER BY at_s) AS cpu_s FROM samples"
        f" WHERE scope = 'unit' AND name IN {UNITS} GROUP BY ALL"
    )
    found: dict[tuple[str, str], list[tuple[Floats, Floats]]] = {}
    for row in rows:
        found.setdefault((row["trial_id"], row["name"]), []).append((np.array(row["at_s"]), np.array(row["cpu_s"])))
    return found


def _parts(
    trials: Sequence[Mapping[str, Any]],
    used: Mapping[tuple[str, str], list[tuple[Floats, Floats]]],
    counts: Mapping[tuple[str, int], int],
    length_s: float,
) -> Parts:
    at, index, cells = [], [], []
    values: dict[str, list[float]] = {"rps": [], **{unit: [] for unit in UNITS}}
    for number, trial in enumerate(trials):
        for part in range(int(trial["window_s"] / length_s + 0.1)):
            answers = counts.get((trial["trial_id"], part), 0)
            edges = np.array([part, part + 1]) * length_s
            at.append(trial["at_s"] + edges[0])
            index.append(number)
            cells.append(trial["cell"])
            values["rps"].append(_log(answers / length_s))
            for unit in UNITS:
                series = used.get((trial["trial_id"], unit), [])
                spent = sum(_spent(t, cpu, edges) for t, cpu in series)
                values[unit].append(_log(spent / answers if answers else 0.0))
    grouped = np.unique(np.array(cells), return_inverse=True)[1]
    trial_of = np.array(index)
    noise = {name: _noise(np.array(logs), grouped, trial_of) for name, logs in values.items()}
    return Parts(length_s, np.array(at), trial_of, noise)


def _spent(t: Floats, cpu_s: Floats, edges: Floats) -> float:
    """Return the CPU between two moments; NaN where they are closer than the ticks, so that it would be made up."""
    if len(t) < 2 or edges[1] - edges[0] < 0.9 * float(np.median(np.diff(t))):
        return math.nan
    return float(np.diff(np.interp(edges, t, cpu_s))[0])


def _log(value: float) -> float:
    return math.log(value) if value > 0 else math.nan


def _noise(logs: Floats, cells: Ints, trial: Ints) -> Floats:
    """Return the logs less their cell's mean, times sqrt(n / (n - 1)) for its n trials."""
    noise = np.full(len(logs), np.nan)
    for cell in np.unique(cells):
        mine = cells == cell
        count = len(np.unique(trial[mine]))
        if count > 1 and np.isfinite(logs[mine]).any():
            noise[mine] = (logs[mine] - np.nanmean(logs[mine])) * math.sqrt(count / (count - 1))
    return noise


def pairings(parts: Parts) -> dict[str, tuple[Ints, Ints]]:
    """Return pairs of parts by how far they are apart: earlier and later ones' places.

    All that follow one another, and all at some sixty further steps, which grow: enough of each distance, and quick.
    """
    count = len(parts.at_s)
    steps = np.unique(np.geomspace(1, max(count - 1, 1), STEPS).astype(np.int64))
    earlier = np.concatenate([np.arange(count - step) for step in steps])
    later = np.concatenate([np.arange(step, count) for step in steps])
    apart_s = parts.at_s[later] - parts.at_s[earlier]
    trials = parts.trial[later] - parts.trial[earlier]
    last = np.append(np.diff(parts.trial) > 0, True)[earlier]
    first = np.insert(np.diff(parts.trial) > 0, 0, True)[later]
    found = {
        "same trial": (trials == 0) & (apart_s < 1.5 * parts.length_s),
        "neighbours": (trials == 1) & last & first & (apart_s < 60),
    }
    for least, most in pairwise(DISTANCES_S):
        name = f"beyond {least} s" if most == math.inf else f"{least} to {most} s"
        found[name] = (trials > 1) & (apart_s >= least) & (apart_s < most)
    return {name: (earlier[chosen], later[chosen]) for name, chosen in found.items()}


def deviations(runs: Sequence[Run], length_s: float, compared: tuple[str, str | None]) -> dict[str, float]:
    """Return the deviation of the difference of two parts by distance, over all runs; NaN for too few pairs."""
    figure, covariate = compared
    differences: dict[str, list[tuple[Floats, Floats]]] = {}
    for parts in (parts for run in runs for parts in run.parts if parts.length_s == length_s):
        for name, (earlier, later) in pairings(parts).items():
            ys = parts.noise[figure][later] - parts.noise[figure][earlier]
            xs = np.zeros(len(ys))
            if covariate:
                xs = parts.noise[covariate][later] - parts.noise[covariate][earlier]
            known = ~np.isnan(ys + xs)
            differences.setdefault(name, []).append((ys[known], xs[known]))
    return {name: _deviation(each) for name, each in differences.items()}


def _deviation(groups: Sequence[tuple[Floats, Floats]]) -> float:
    ys, xs = (np.concatenate(side) for side in zip(*groups, strict=True))
    if len(ys) < LEAST_PAIRS:
        return math.nan
    slope = fitted_slope([ys.tolist()], [xs.tolist()]) or 0.0
    return float(np.sqrt(np.mean((ys - slope * xs) ** 2)))


def page(runs: Sequence[Run]) -> list[str]:
    """Return the lines of both tables."""
    lengths = sorted({parts.length_s for run in runs for parts in run.parts})
    names = list(pairings(runs[0].parts[0]))
    beside_s = statistics.median(run.trial_s - run.window_s for run in runs)
    rows, best = [], []
    for compared in COMPARED:
        title = TITLES[compared[0]] + (f", {TITLES[compared[1]]} taken off" if compared[1] else "")
        minutes = []
        for length_s in lengths:
            found = deviations(runs, length_s, compared)
            rows.append([title, f"{length_s:g} s", *(_per_cent(found.get(name, math.nan)) for name in names)])
            minutes.append(_minutes(found["neighbours"], length_s + beside_s))
        best.append([title, *minutes])
    head = ["outcome", "window", *names]
    return [
        "Deviation of the difference of two windows, by their distance:",
        "",
        *table(head, rows, left=2),
        "",
        f"Minutes until a difference of {SLOWDOWN:.0%} in the outcome is found with power {POWER:g} by pairs of "
        f"neighbours, with {beside_s:.1f} s beside each window:",
        "",
        *table(["outcome", *(f"windows of {length_s:g} s" for length_s in lengths)], best),
    ]


def _per_cent(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1%}"


def _minutes(deviation: float, trial_s: float) -> str:
    count = None if math.isnan(deviation) else pairs_for(math.log1p(SLOWDOWN), deviation, POWER)
    return "–" if count is None else f"{count * 2 * trial_s / 60:.0f}"


def main() -> int:
    """Read, pair, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("entries", nargs="+", type=Path, metavar="ENTRY", help="sealed runs")
    parser.add_argument("--windows", nargs="+", type=float, default=WINDOWS_S, metavar="SECONDS", help="(%(default)s)")
    parser.add_argument("--page", action="store_true", help="write the tables into docs/accuracy.md")
    options = parser.parse_args()
    if min(options.windows) <= 0:
        parser.error("windows of more than 0 s")
    manifests = [json.loads((entry / "manifest.json").read_bytes()) for entry in options.entries]
    runs = [read_run(entry, options.windows) for entry in options.entries]
    told = ", ".join(f"{manifest['run_id']} ({manifest['plan']['name']})" for manifest in manifests)
    text = "\n".join([f"From {told}. {machine(manifests)}", "", *page(runs)])
    give(text, __file__, write=options.page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
