"""What is drawn of each trial, second by second, its requests and its hosts on one time axis: plain columns for a page.

All times are seconds since the window's begin on the server's clock. A second's answers are those that ended in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collect.archive.query import Database
from collect.report.figures import Row
from collect.report.host_series import HOSTS_SQL, UNITS_SQL, Host, Rows, ahead_s, host_columns, hosts_of, lines_of
from collect.report.thin import Columns, thinned

PER_DECADE = 10
"""Buckets of the latency from one power of ten to the next, in microseconds; each is 1.26 times as wide as the last."""
MOST_COLUMNS = 300
"""Columns of a heat map; a longer trial has wider ones."""
LONGEST_S = 7 * 86_400
"""Within so long a trial seconds without an answer are drawn as such; whatever claims to be longer gets none added."""
SHARES = ("p50_ms", "p95_ms", "p99_ms", "max_ms")
SECONDS_SQL = (
    "SELECT trial_id, CAST(floor((start_us + latency_us) / 1e6) AS INTEGER) AS second,"
    " count(*) FILTER (WHERE outcome = 'ok') AS ok, count(*) FILTER (WHERE outcome <> 'ok') AS failed,"
    " quantile_disc(latency_us, [0.5, 0.95, 0.99, 1.0]) FILTER (WHERE outcome = 'ok') AS latencies_us"
    " FROM requests WHERE trial_id = coalesce(?, trial_id) GROUP BY ALL"
)
# Ten buckets, as PER_DECADE says.
HEAT_SQL = (
    "SELECT trial_id, CAST(floor((start_us + latency_us) / 1e6) AS INTEGER) AS second,"
    " CAST(floor(log10(greatest(latency_us, 1)) * 10) AS INTEGER) AS bucket, count(*) AS answers"
    " FROM requests WHERE trial_id = coalesce(?, trial_id) AND outcome = 'ok' GROUP BY ALL"
)


@dataclass(frozen=True)
class TrialSeries:
    """One trial over time."""

    start_s: float
    """When its load began; below 0."""
    window_s: float
    width_s: int
    """Seconds to a column of the heat map."""
    thinned: bool
    sources: Mapping[str, Columns]
    """Columns by source: ramp, warmup, window, rate, heat, and of each host, by its place, host-0, cpus-0, ports-0."""

    def to_json(self) -> dict[str, Any]:
        """Return what a page needs of it."""
        return {
            "range": [round(self.start_s - 1, 2), round(self.window_s + 2, 2)],
            "window": [0, round(self.window_s, 2)],
            "width_s": self.width_s,
            "thinned": self.thinned,
            "sources": self.sources,
        }


@dataclass(frozen=True)
class Recorded:
    """All trials of a run over time."""

    hosts: Sequence[Host]
    """The server first."""
    trials: Mapping[str, TrialSeries]
    """By trial_id."""

    @property
    def buckets(self) -> tuple[int, int]:
        """The lowest and the highest bucket of any answer."""
        found = [bucket for trial in self.trials.values() for bucket in trial.sources["heat"]["bucket"]]
        return min(found, default=3 * PER_DECADE), max(found, default=4 * PER_DECADE)

    @property
    def most_answers(self) -> int:
        """The most answers in one place of any heat map."""
        return max((most for trial in self.trials.values() for most in trial.sources["heat"]["answers"]), default=1)


def recorded(database: Database, rows: Sequence[Row]) -> Recorded:
    """Read the requests and samples of trials, of one of them alone if it is one; what was not recorded is empty."""
    # Without a trial the SQL reads all: to look for each of hundreds in a list takes longer than to count them.
    asked = [str(rows[0]["trial_id"]) if len(rows) == 1 else None]
    seconds, heat = (_by_trial(database.rows(sql, asked)) for sql in (SECONDS_SQL, HEAT_SQL))
    ticks, units = (_by_trial_and_host(database.rows(sql, asked)) for sql in (HOSTS_SQL, UNITS_SQL))
    hosts = hosts_of(ticks, units)
    trials = {}
    for row in rows:
        trial_id = str(row["trial_id"])
        sources = _phases(row)
        sources["rate"], shortened = _rate(seconds.get(trial_id, []))
        sources["heat"], width_s = _heat(heat.get(trial_id, []))
        for place, host in enumerate(hosts):
            mine = ticks.get((trial_id, host.name), [])
            columns, short = host_columns(host, row, mine, units.get((trial_id, host.name), []))
            cpus, ports = lines_of(row, mine, columns)
            sources |= {f"host-{place}": columns, f"cpus-{place}": cpus, f"ports-{place}": ports}
            shortened = shortened or short
        trials[trial_id] = TrialSeries(-ahead_s(row), float(row["window_s"]), width_s, shortened, sources)
    return Recorded(hosts, trials)


def bucket_ms(bucket: int) -> tuple[float, float]:
    """Return from where to where a bucket of the latency goes, in milliseconds."""
    return 10 ** (bucket / PER_DECADE) / 1000, 10 ** ((bucket + 1) / PER_DECADE) / 1000


def _by_trial(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(str(row["trial_id"]), []).append(row)
    return found


def _by_trial_and_host(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((str(row["trial_id"]), str(row["host"])), []).append(row)
    return found


def _phases(row: Row) -> dict[str, Columns]:
    """Return from where to where each phase goes."""
    ramped = -float(row.get("warmup_s") or 0)
    ends = {"ramp": (-ahead_s(row), ramped), "warmup": (ramped, 0.0), "window": (0.0, float(row["window_s"]))}
    return {name: {"x0": [round(x0, 3)], "x1": [round(x1, 3)]} for name, (x0, x1) in ends.items()}


def _rate(rows: Rows) -> tuple[Columns, bool]:
    """Return each second's answers and latencies, and whether some had to be left out.

    The last second is cut off by the end of the load: what was answered in it has latencies, but is no rate.
    """
    columns: Columns = {name: [] for name in ("at_s", "ok", "failed", *SHARES)}
    by_second = {row["second"]: row for row in rows}
    known = sorted(by_second)
    fill = bool(known) and known[-1] - known[0] <= LONGEST_S
    seconds: Sequence[int] = range(known[0], known[-1] + 1) if fill else known
    for second in seconds:
        row = by_second.get(second, {})
        whole = second < seconds[-1]
        columns["at_s"].append(second + 0.5)
        columns["ok"].append(row.get("ok", 0) if whole else None)
        columns["failed"].append(row.get("failed", 0) if whole else None)
        latencies = row.get("latencies_us") or [None] * len(SHARES)
        for name, value in zip(SHARES, latencies, strict=True):
            columns[name].append(None if value is None else value / 1000)
    return thinned(columns)


def _heat(rows: Rows) -> tuple[Columns, int]:
    """Return the answers of each column of time and bucket of latency, and the seconds to a column."""
    seconds = [row["second"] for row in rows]
    width_s = max(1, math.ceil((max(seconds) - min(seconds) + 1) / MOST_COLUMNS)) if seconds else 1
    counts: dict[tuple[int, int], int] = {}
    for row in rows:
        place = (row["second"] // width_s * width_s, row["bucket"])
        counts[place] = counts.get(place, 0) + row["answers"]
    places = sorted(counts)
    columns: Columns = {
        "second": [second for second, _ in places],
        "bucket": [bucket for _, bucket in places],
        "answers": [counts[place] for place in places],
    }
    return columns, width_s
