"""The window of a trial, and what grew within it.

The window runs from one tick of the server's collector to another, ``window_s`` later. At these two ticks Redis was
asked for its count of GETs (for a workload of the database alone: the database for its count of statements); the
requests answered between the two replies are the window's requests. So the generator's count and Redis' own are of one
and the same span, and differ by what is under way at its edges at most.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collect.archive.raw import DAMAGED, Floats, RawTrial, Sample, Series
from collect.catalog import needs_database
from collect.errors import BenchError

PHASES = ("ramp", "warmup", "window", "after")


@dataclass(frozen=True)
class Window:
    """The measured span: two ticks of the server (indices into its series), two moments on its clock (seconds)."""

    first: int
    last: int
    t1: float
    t2: float

    @property
    def length_s(self) -> float:
        """Its length."""
        return self.t2 - self.t1


def find_window(raw: RawTrial) -> Window:
    """Choose the two ticks; BenchError when the collector recorded no two of them under load.

    The first is the tick at the moment when the generator opened its own window; both lie on whole intervals. Where the
    hosts' clocks differ it is the last tick before that moment (the load is the same there, if not quite as warm),
    never one before all users were started. The last is ``window_s`` later, or the last one under load.
    """
    ticks, t = raw.server.tick, raw.server.t
    near = min(0.1, raw.server.interval_s / 4)
    opened, closed = raw.marks["window_start"], raw.marks["load_end"]
    before = np.flatnonzero((ticks <= opened + near) & (ticks >= raw.marks["ramp_end"]))
    after = np.flatnonzero(ticks > opened)
    if not len(before) and not len(after):
        raise BenchError("the server's collector recorded nothing under load", raw.spec.trial_id, DAMAGED)
    first = int(before[-1] if len(before) else after[0])
    fits = np.flatnonzero((ticks <= ticks[first] + raw.spec.window_s + near) & (t <= closed))
    last = int(fits[-1]) if len(fits) else first
    if last <= first:
        raise BenchError("the server's collector recorded no two ticks under load", raw.spec.trial_id, DAMAGED)
    workload = raw.spec.workload
    counter = "database" if needs_database(workload) and not workload["redis_gets"] else "redis"
    replied = raw.server.each(lambda sample: sample[counter]["t"])
    edges = [float(t[i] if np.isnan(replied[i]) else replied[i]) for i in (first, last)]
    return Window(first, last, edges[0], edges[1])


def phases(raw: RawTrial, window: Window) -> NDArray[np.int8]:
    """Return each request's phase, by the moment of its answer, as an index into PHASES."""
    end = raw.requests.end
    phase = np.full(len(end), PHASES.index("after"), dtype=np.int8)
    phase[end <= window.t2] = PHASES.index("window")
    phase[end <= window.t1] = PHASES.index("warmup")
    phase[end <= min(raw.marks["ramp_end"], window.t1)] = PHASES.index("ramp")
    return phase


def in_window(raw: RawTrial, window: Window) -> NDArray[np.bool_]:
    """Return which requests were answered in the window."""
    inside: NDArray[np.bool_] = (raw.requests.end > window.t1) & (raw.requests.end <= window.t2)
    return inside


def microseconds(seconds: Floats) -> NDArray[np.int64]:
    """Return whole microseconds, as the archive keeps times; finer than the clocks of the generator's Python are."""
    whole: NDArray[np.int64] = np.rint(seconds * 1e6).astype(np.int64)
    return whole


def growth(series: Series, pick: Callable[[Sample], float], first: float, last: float) -> float:
    """Return by how much a cumulative counter grew between two moments, interpolated between ticks; NaN if unknown.

    Where the host's own ticks begin a hair late or end a hair early, as those of two hosts at one moment do, the rate
    between them stands for the rest.
    """
    return float(rates(series, series.each(pick), np.array([first, last]))[0] * (last - first))


def rates(series: Series, values: Floats, edges: Floats) -> Floats:
    """Return by how much a cumulative counter, given by one value a sample, grew per second from edge to edge.

    As ``growth`` does it; NaN throughout where the samples do not reach from the first edge to the last.
    """
    known = ~np.isnan(values)
    t = series.t[known]
    if len(t) < 2 or not covers(t, series.interval_s, float(edges[0]), float(edges[-1])):
        return np.full(len(edges) - 1, np.nan)
    inside = np.clip(edges, t[0], t[-1])
    grown: Floats = np.diff(np.interp(inside, t, values[known])) / np.diff(inside)
    return grown


def covers(t: Floats, interval_s: float, first: float, last: float) -> bool:
    """Say whether ticks at ``t`` reach from one moment to another, but for a tick's jitter."""
    return bool(len(t) and t[0] <= first + interval_s / 4 and t[-1] >= last - interval_s / 4)


def missed_ticks(series: Series, first: float, last: float) -> int:
    """Return how many ticks between two moments are not there, from the gaps between those that are."""
    slack = series.interval_s / 2
    missed = 0
    for tick, gap in zip(series.tick[:-1], np.diff(series.tick), strict=True):
        absent = tick + series.interval_s * np.arange(1, int(np.rint(gap / series.interval_s)))
        missed += int(((absent > first - slack) & (absent < last + slack)).sum())
    return missed


def between(series: Series, first: float, last: float) -> list[Sample]:
    """Return the samples taken in [first, last], with a tick's jitter of slack."""
    slack = series.interval_s / 4
    return [s for s, t in zip(series.samples, series.t, strict=True) if first - slack <= t <= last + slack]
