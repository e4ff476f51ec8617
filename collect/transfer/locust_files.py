"""A trial's requests as the files that Locust 2.15.1 writes, with its columns: for what reads those.

They are of the window, and count as Locust does: failures are requests, too, and their times count. Times are exact
(milliseconds, nearest rank), where Locust's are rounded to about two digits. The archive does not hold what answers
weighed, so "Average Content Size" stays empty. The history has a row for each second of the window; its percentiles are
of all requests so far, as Locust's are, its rates of that second (Locust: of the last ten).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from collect.archive.store import Archive
from collect.errors import BenchError
from collect.statistics.percentiles import percentile
from collect.transfer.csv_text import guarded
from collect.transfer.views import Rows, by_trial, plain_texts

PERCENTILES = ("50%", "66%", "75%", "80%", "90%", "95%", "98%", "99%", "99.9%", "99.99%", "100%")
SHARES = (0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999, 1.0)
TIMES = ("Median Response Time", "Average Response Time", "Min Response Time", "Max Response Time")
SIZE = "Average Content Size"
RATES = ("Requests/s", "Failures/s")
STATS = ("Type", "Name", "Request Count", "Failure Count", *TIMES, SIZE, *RATES, *PERCENTILES)
TOTALS = tuple(f"Total {name}" for name in ("Request Count", "Failure Count", *TIMES, SIZE))
HISTORY = ("Timestamp", "User Count", "Type", "Name", *RATES, *PERCENTILES, *TOTALS)
FAILURES = ("Method", "Name", "Error", "Occurrences")
TRIAL_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
OK = "ok"

Ints = NDArray[np.int64]
Row = Sequence[object]


def write_locust(archive: Archive, run_ids: Sequence[str], folder: Path) -> None:
    """Write ``<run id>/<trial id>_stats.csv``, ``_stats_history.csv`` and ``_failures.csv`` into a new folder.

    BenchError when a run cannot be read, or a trial's name cannot be a file's.
    """
    folder.mkdir()
    for run_id in run_ids:
        (folder / run_id).mkdir()
        rows = Rows(archive, run_id)
        workloads = archive.manifest(run_id)["catalog"]["workloads"]
        trials = {row["trial_id"]: row for table in rows.tables("trials", _COLUMNS) for row in table.to_pylist()}
        for trial_id, table in by_trial(rows.tables("requests", ("trial_id", "phase", *_REQUEST))):
            if not TRIAL_ID.fullmatch(trial_id) or trial_id not in trials:
                remedy = f"see `collect verify {run_id}`"
                raise BenchError(f'"{trial_id[:80]}" is no name of a trial', run_id, remedy)
            trial = trials[trial_id]
            asked = workloads.get(trial["workload"], {})
            window = _Window(trial, str(asked.get("method", "GET")), str(asked.get("path", "")), table)
            prefix = folder / run_id / trial_id
            _write(prefix.with_name(f"{trial_id}_stats.csv"), STATS, window.stats())
            _write(prefix.with_name(f"{trial_id}_stats_history.csv"), HISTORY, window.history())
            _write(prefix.with_name(f"{trial_id}_failures.csv"), FAILURES, window.failures())


_COLUMNS = ("trial_id", "workload", "users", "window_start_at", "window_s")
_REQUEST = ("start_us", "latency_us", "outcome")


class _Window:
    """The requests of a trial's window, in the order of their answers."""

    def __init__(self, trial: Mapping[str, Any], method: str, path: str, table: Any) -> None:
        inside = table.filter(pc.equal(plain_texts(table.column("phase")), "window"))
        latency = inside.column("latency_us").to_numpy().astype(np.int64)
        end = inside.column("start_us").to_numpy() + latency
        outcomes = plain_texts(inside.column("outcome"))
        order = np.argsort(end, kind="stable")
        self._end_us: Ints = end[order]
        self._latency_us: Ints = latency[order]
        self._failed = pc.not_equal(outcomes, OK).to_numpy()[order]
        self._outcomes = outcomes
        self._window_s = float(trial["window_s"])
        self._users = int(trial["users"])
        self._begin_s = trial["window_start_at"].timestamp()
        self._asked = (guarded(method), guarded(path))

    def stats(self) -> Iterator[Row]:
        """Yield what was asked for, and the same as the sum of all."""
        count, failed = len(self._end_us), int(self._failed.sum())
        ordered = np.sort(self._latency_us)
        rates = (count / self._window_s, failed / self._window_s)
        for name in (self._asked, ("", "Aggregated")):
            yield (*name, count, failed, *_times(ordered), "", *rates, *_percentiles(ordered))

    def history(self) -> Iterator[Row]:
        """Yield a row for each second of the window, at its end; the last is as long as the window makes it."""
        ordered: Ints = np.empty(0, dtype=np.int64)
        done = failed = 0
        seconds = max(1, round(self._window_s))
        for second in range(seconds):
            last = second == seconds - 1
            until_s = self._window_s if last else second + 1.0
            # The last one takes what is left, should rounding have put an answer behind the end.
            upto = len(self._end_us) if last else int(np.searchsorted(self._end_us, until_s * 1e6, side="right"))
            failures = int(self._failed[done:upto].sum())
            length_s = until_s - second
            rates = (f"{(upto - done) / length_s:f}", f"{failures / length_s:f}")
            # Two sorted runs are merged, which takes no new sorting.
            ordered = np.sort(np.concatenate([ordered, np.sort(self._latency_us[done:upto])]), kind="stable")
            done, failed = upto, failed + failures
            head = (int(self._begin_s + until_s), self._users, "", "Aggregated")
            yield (*head, *rates, *_percentiles(ordered), done, failed, *_times(ordered), "")

    def failures(self) -> Iterator[Row]:
        """Yield each way in which requests failed, and how often."""
        for each in sorted(self._outcomes.value_counts().to_pylist(), key=lambda each: str(each["values"])):
            if each["values"] != OK:
                yield (*self._asked, guarded(str(each["values"])), each["counts"])


def _times(ordered: Ints) -> tuple[object, ...]:
    """Return the median, the mean, the least and the most of sorted times, in milliseconds; zeros for none."""
    if not len(ordered):
        return 0, 0.0, 0, 0
    return _ms(percentile(ordered, 0.5)), float(ordered.mean()) / 1000, _ms(ordered[0]), _ms(ordered[-1])


def _percentiles(ordered: Ints) -> tuple[object, ...]:
    if not len(ordered):
        return ("N/A",) * len(SHARES)
    return tuple(_ms(percentile(ordered, share)) for share in SHARES)


def _ms(latency_us: Any) -> float:
    return int(latency_us) / 1000


def _write(path: Path, head: Sequence[str], rows: Iterator[Row]) -> None:
    with path.open("x", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)
