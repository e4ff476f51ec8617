"""Whatever the interval, the scheduler and the clock do, ticks do not repeat and the missed ones add up."""

from __future__ import annotations

import itertools

from hypothesis import example, given, settings
from hypothesis import strategies as st

from collect.sampler.ticks import SECOND_NS, STEP_NS, Schedule, Tick, Ticker

intervals = st.one_of(
    st.sampled_from([0.1, 0.2, 0.25, 0.5, 1.0, 10.0]),
    st.integers(100, 10_000).map(lambda milliseconds: milliseconds / 1000),
)
starts = st.integers(1_600_000_000 * SECOND_NS, 2_000_000_000 * SECOND_NS)
# From reading to reading: how much time passes, and by how much the wall clock is set meanwhile.
passing = st.integers(0, 25 * SECOND_NS)
steps = st.one_of(
    st.just(0),
    st.integers(-STEP_NS // 2, STEP_NS // 2),
    st.integers(-3 * SECOND_NS, 3 * SECOND_NS),
    st.integers(-10_000 * SECOND_NS, 10_000 * SECOND_NS),
)
readings = st.lists(st.tuples(passing, steps), min_size=1, max_size=60)


def run(interval_s: float, start: int, moves: list[tuple[int, int]]) -> list[Tick]:
    schedule = Schedule(interval_s)
    wall, mono = start, 5 * SECOND_NS
    assert schedule.due(wall, mono) is None
    ticks = []
    for passed, step in moves:
        wall, mono = wall + passed + step, mono + passed
        tick = schedule.due(wall, mono)
        if tick:
            ticks.append(tick)
    return ticks


@settings(deadline=None)
@given(intervals, starts, readings)
@example(0.123, 1889599310719490304, [(109509696, 0), (0, -159397061), (6714578, 159396900)])
def test_ticks_are_multiples_at_or_before_now_and_never_two_the_same(
    interval_s: float, start: int, moves: list[tuple[int, int]]
) -> None:
    interval = round(interval_s * SECOND_NS)
    ticks = run(interval_s, start, moves)
    for tick in ticks:
        assert tick.scheduled_ns % interval == 0
        assert 0 <= tick.wall_ns - tick.scheduled_ns < interval
        assert tick.missed >= 0
    for earlier, later in itertools.pairwise(ticks):
        assert later.scheduled_ns != earlier.scheduled_ns
        assert later.mono_ns >= earlier.mono_ns
        if later.step_ns >= 0:
            assert later.scheduled_ns > earlier.scheduled_ns


@settings(deadline=None)
@given(intervals, starts, readings)
def test_what_was_missed_and_what_the_clock_skipped_add_up(
    interval_s: float, start: int, moves: list[tuple[int, int]]
) -> None:
    interval = round(interval_s * SECOND_NS)
    for earlier, later in itertools.pairwise(run(interval_s, start, moves)):
        assert later.scheduled_ns - earlier.scheduled_ns == (1 + later.missed + later.shift) * interval
        if later.step_ns == 0:
            assert later.shift == 0


@settings(deadline=None)
@given(intervals, starts, st.lists(passing, min_size=1, max_size=60))
def test_with_a_steady_clock_missed_ticks_are_exactly_those_slept_through(
    interval_s: float, start: int, passes: list[int]
) -> None:
    interval = round(interval_s * SECOND_NS)
    ticks = run(interval_s, start, [(passed, 0) for passed in passes])
    end = start + sum(passes)
    assert len(ticks) + sum(tick.missed for tick in ticks) == (
        ticks[-1].scheduled_ns // interval - start // interval if ticks else 0
    )
    assert (ticks[-1].scheduled_ns if ticks else start // interval * interval) == end // interval * interval
    assert {(tick.step_ns, tick.shift) for tick in ticks} <= {(0, 0)}


@settings(deadline=None)
@given(intervals, starts, st.integers(-10_000 * SECOND_NS, 10_000 * SECOND_NS))
def test_a_step_of_the_clock_never_stops_the_ticks(interval_s: float, start: int, step: int) -> None:
    """However far the clock is set, the next tick comes within two intervals of real time."""
    clocks = {"wall": start, "mono": 0}

    def wait(seconds: float) -> bool:
        passed = round(seconds * SECOND_NS) + 1000 if seconds else 0
        clocks["wall"] += passed
        clocks["mono"] += passed
        return False

    ticker = Ticker(interval_s, wait, lambda: clocks["wall"], lambda: clocks["mono"])
    before = ticker.next()
    clocks["wall"] += step
    after = ticker.next()
    assert before
    assert after
    assert after.mono_ns - before.mono_ns <= 2 * round(interval_s * SECOND_NS) + SECOND_NS // 10
