"""When to sample: at the multiples of the interval on the wall clock, whatever the clock or the scheduler does.

All times are integer nanoseconds, so that multiples of 0.1 s are exact.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Callable

SECOND_NS = 1_000_000_000
STEP_NS = 20_000_000
"""Wall against monotonic clock: beyond this between two readings the wall clock was set, below it was slewed."""
LONGEST_WAIT_S = 1.0
"""So that a step of the clock in the middle of a long interval is noticed."""


@dataclass(frozen=True)
class Tick:
    """One time to sample.

    ``missed``: multiples of the interval since the last tick at which nothing was sampled. ``step_ns``: by how much the
    wall clock was set since the last tick, and ``shift`` how many multiples that skipped (or repeated, if negative), so
    that a tick's index is always the last one's + 1 + missed + shift.
    """

    scheduled_ns: int
    wall_ns: int
    mono_ns: int
    missed: int
    step_ns: int
    shift: int


class Schedule:
    """Which tick is due at a reading of the two clocks."""

    def __init__(self, interval_s: float) -> None:
        """Take the interval in seconds."""
        self.interval_ns = round(interval_s * SECOND_NS)
        self._last: int | None = None  # index of the last tick, in multiples of the interval on today's wall clock
        self._sampled: int | None = None  # index of the last tick that was given
        self._last_wall = 0
        self._offset = 0  # wall - monotonic at the last reading
        self._step = self._shift = 0

    def due(self, wall_ns: int, mono_ns: int) -> Tick | None:
        """Return the tick that is due now, if one is; the first reading only begins the count."""
        index = wall_ns // self.interval_ns
        if self._last is None:
            self._last, self._last_wall, self._offset = index, wall_ns, wall_ns - mono_ns
            return None
        self._follow_clock(wall_ns - mono_ns)
        if index <= self._last:
            return None
        if index == self._sampled:
            # The clock was set back and has come here again with no multiple sampled in between.
            self._shift += index - self._last
            self._last = index
            return None
        tick = Tick(index * self.interval_ns, wall_ns, mono_ns, index - self._last - 1, self._step, self._shift)
        self._last, self._last_wall, self._step, self._shift = index, wall_ns, 0, 0
        self._sampled = index
        return tick

    def wait_s(self, wall_ns: int) -> float:
        """Return the seconds until the next tick if the clock goes on as it does."""
        assert self._last is not None, "due() comes first"
        return max(0, (self._last + 1) * self.interval_ns - wall_ns) / SECOND_NS

    def _follow_clock(self, offset: int) -> None:
        step = offset - self._offset
        self._offset = offset
        if abs(step) < STEP_NS:
            return
        assert self._last is not None
        self._step += step
        self._last_wall += step
        moved = self._last_wall // self.interval_ns
        # A clock set back by less than an interval is waited out: its next multiple was sampled already. One set back
        # further is followed, since to wait might take hours; its ticks come a second time, and `step_ns` says so.
        if moved != self._last - 1:
            self._shift += moved - self._last
            self._last = moved


class Ticker:
    """Sleeps from tick to tick."""

    def __init__(
        self,
        interval_s: float,
        wait: Callable[[float], bool],
        wall_ns: Callable[[], int] = time.time_ns,
        mono_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """``wait(seconds)`` sleeps and returns whether to stop."""
        self._schedule = Schedule(interval_s)
        self._wait, self._wall_ns, self._mono_ns = wait, wall_ns, mono_ns

    def next(self) -> Tick | None:
        """Sleep until a tick is due and return it, or ``None`` when told to stop."""
        while True:
            wall_ns = self._wall_ns()
            tick = self._schedule.due(wall_ns, self._mono_ns())
            if tick is not None:
                # A stop that came during the last sample must not wait for one more.
                return None if self._wait(0) else tick
            if self._wait(min(self._schedule.wait_s(wall_ns), LONGEST_WAIT_S)):
                return None
