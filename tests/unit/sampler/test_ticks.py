"""When samples are due: exact multiples, late and missed ones, a clock that is set."""

from __future__ import annotations

import pytest

from collect.sampler.ticks import LONGEST_WAIT_S, SECOND_NS, Schedule, Tick, Ticker

START = 1_700_000_000 * SECOND_NS + 123_456_789


class Machine:
    """Two clocks that only sleeping moves; ``late_ns`` is how long the scheduler takes to wake us."""

    def __init__(self, late_ns: int = 200_000) -> None:
        self.wall, self.mono, self.late_ns = START, 77 * SECOND_NS, late_ns
        self.steps: dict[int, int] = {}  # wait number -> step of the wall clock during it
        self.waits: list[float] = []

    def wait(self, seconds: float) -> bool:
        if seconds:
            passed = round(seconds * SECOND_NS) + self.late_ns
            self.wall += passed + self.steps.get(len(self.waits), 0)
            self.mono += passed
            self.waits.append(seconds)
        return False

    def ticker(self, interval_s: float) -> Ticker:
        return Ticker(interval_s, self.wait, lambda: self.wall, lambda: self.mono)


def take(ticker: Ticker, count: int) -> list[Tick]:
    ticks = [ticker.next() for _ in range(count)]
    assert None not in ticks
    return [tick for tick in ticks if tick]


@pytest.mark.parametrize("interval_s", [0.1, 0.25, 0.3, 1.0, 10.0])
def test_ticks_are_consecutive_multiples_of_the_interval(interval_s: float) -> None:
    ticks = take(Machine().ticker(interval_s), 50)
    indexes = [tick.scheduled_ns / (interval_s * SECOND_NS) for tick in ticks]
    first = round(indexes[0])
    assert indexes == pytest.approx(list(range(first, first + 50)), abs=1e-6)
    assert {(tick.missed, tick.step_ns, tick.shift) for tick in ticks} == {(0, 0, 0)}
    assert all(0 <= tick.wall_ns - tick.scheduled_ns < 1_000_000 for tick in ticks)
    assert ticks[0].scheduled_ns - START <= interval_s * SECOND_NS


def test_a_tick_of_a_tenth_of_a_second_is_that_number() -> None:
    tick = take(Machine().ticker(0.1), 2)[1]
    assert tick.scheduled_ns / SECOND_NS == 1_700_000_000.3


def test_what_is_slept_through_is_counted_as_missed() -> None:
    machine = Machine()
    ticker = machine.ticker(1.0)
    first = take(ticker, 1)[0]
    machine.wall += 3_500_000_000
    machine.mono += 3_500_000_000
    late = take(ticker, 1)[0]
    assert late.scheduled_ns - first.scheduled_ns == 3 * SECOND_NS
    assert (late.missed, late.step_ns) == (2, 0)


@pytest.mark.parametrize("step_s", [3600, 10, 2.5, -2.5, -10, -3600])
def test_a_clock_that_is_set_is_followed_and_misses_nothing(step_s: float) -> None:
    machine = Machine()
    ticker = machine.ticker(1.0)
    before = take(ticker, 3)[-1]
    machine.steps[len(machine.waits)] = round(step_s * SECOND_NS)
    after = take(ticker, 3)
    assert [tick.missed for tick in after] == [0, 0, 0]
    assert [tick.step_ns for tick in after] == [round(step_s * SECOND_NS), 0, 0]
    assert after[0].mono_ns - before.mono_ns < 2.1 * SECOND_NS
    shift = after[0].scheduled_ns - before.scheduled_ns
    assert shift == (1 + after[0].shift) * SECOND_NS
    assert abs(shift - step_s * SECOND_NS) <= 2 * SECOND_NS


def test_a_clock_set_back_a_little_makes_no_tick_twice() -> None:
    machine = Machine()
    ticker = machine.ticker(1.0)
    before = take(ticker, 1)[0]
    machine.steps[len(machine.waits)] = -300_000_000
    after = take(ticker, 2)
    assert [tick.scheduled_ns for tick in after] == [
        before.scheduled_ns + SECOND_NS,
        before.scheduled_ns + 2 * SECOND_NS,
    ]
    assert (after[0].step_ns, after[0].shift, after[0].missed) == (-300_000_000, 0, 0)


def test_a_clock_that_is_slewed_was_not_set() -> None:
    machine = Machine()
    ticker = machine.ticker(1.0)
    for number in range(100):
        machine.steps[number] = 500_000  # 500 ppm, the most that NTP does
    assert {(tick.missed, tick.step_ns) for tick in take(ticker, 50)} == {(0, 0)}


def test_long_intervals_are_slept_in_pieces() -> None:
    machine = Machine()
    take(machine.ticker(10.0), 2)
    assert max(machine.waits) == LONGEST_WAIT_S


def test_being_told_to_stop_ends_it_before_the_next_sample() -> None:
    ticker = Ticker(1.0, lambda seconds: True)
    assert ticker.next() is None
    machine = Machine()
    stopped = Ticker(
        1.0, lambda seconds: machine.wait(seconds) or seconds == 0, lambda: machine.wall, lambda: machine.mono
    )
    assert stopped.next() is None


def test_the_first_reading_begins_the_count() -> None:
    schedule = Schedule(1.0)
    assert schedule.due(START, 0) is None
    assert schedule.due(START + 1, 1) is None
