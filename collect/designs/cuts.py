"""Shorter runs cut out of longer ones: what Locust would have shown, had it been stopped earlier."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collect.archive.query import Database

Floats = NDArray[np.float64]
MEAN, LATEST = "mean", "latest"
"""What is read off Locust at the end: its mean since the start, or its current RPS."""
LATEST_FROM_S, LATEST_TO_S = 12, 2
"""Before the end: the seconds whose mean is Locust's current RPS (locust.stats, StatsEntry.current_rps of 2.15)."""


@dataclass(frozen=True)
class Seconds:
    """A trial's right answers in each whole second of load, from the first user on or since all users are there."""

    counts: Floats
    """As far as the load went; what is left of a second at its end is not in there."""
    steady_from: int
    """From this second on all users are there."""

    def extended(self, length_s: int) -> Floats:
        """Return the counts of so many seconds.

        Those that were not measured are taken to be as those with all users were on average: only where nothing runs
        out over time may a short trial stand for a long run.
        """
        missing = length_s - len(self.counts)
        if missing <= 0:
            return self.counts[:length_s]
        return np.concatenate([self.counts, np.full(missing, self.counts[self.steady_from :].mean())])

    def rate(self, length_s: int, reading: str) -> float:
        """Return what Locust would show after so many seconds, in requests/s."""
        counts = self.extended(length_s)
        if reading == LATEST:
            counts = counts[max(0, length_s - LATEST_FROM_S) : length_s - LATEST_TO_S]
        return float(counts.mean())


def by_second(database: Database, *, ramp: bool) -> dict[str, Seconds]:
    """Return the seconds of all trials of the views, by trial, counted from their raw requests.

    ``ramp`` says whether they begin with the first user or with the last one. What was asked for within the ramp has
    used its port in either case.
    """
    spans = database.rows("SELECT trial_id, ramp_s, warmup_s, window_s FROM trials")
    counts, begins = {}, {}
    for span in spans:
        begins[span["trial_id"]] = math.ceil(span["ramp_s"]) if ramp else 0
        whole = int(span["warmup_s"] + span["window_s"] + (span["ramp_s"] if ramp else 0.0))
        counts[span["trial_id"]] = np.zeros(whole)
    ended = database.rows(
        "SELECT trial_id, floor((start_us + latency_us) / 1e6 + warmup_s + CASE WHEN ? THEN ramp_s ELSE 0 END)::INT AS"
        " second, count(*) AS answers FROM requests JOIN trials USING (trial_id) WHERE outcome = 'ok' GROUP BY ALL",
        [ramp],
    )
    for row in ended:
        if 0 <= row["second"] < len(counts[row["trial_id"]]):
            counts[row["trial_id"]][row["second"]] = row["answers"]
    return {trial: Seconds(each, begins[trial]) for trial, each in counts.items()}
