"""A worker that is not heard of is lost within two seconds; nobody is lost because the master itself stood still."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from collect.load.heard import BEAT_S, LOST_AFTER_S, MIND_S, Heard

ALL = {"id-1", "id-2"}


@dataclass
class Time:
    """A clock that a test turns."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def two(clock: Time) -> Heard:
    heard = Heard(clock)
    heard.hello("worker-1", "id-1")
    heard.hello("worker-2", "id-2")
    return heard


def looked(heard: Heard, clock: Time, seconds: float, beating: set[str]) -> float | None:
    """Let time pass as the master has it; return after how long somebody was lost, None if nobody was."""
    began, beat = clock.now, clock.now
    while clock.now - began < seconds:
        clock.now += MIND_S
        if clock.now - beat >= BEAT_S:
            beat = clock.now
            for client_id in beating:
                heard.of(client_id)
        if heard.look(ALL):
            return clock.now - began
    return None


def test_who_beats_is_not_lost() -> None:
    clock = Time()
    assert looked(two(clock), clock, 60, ALL) is None


def test_who_falls_silent_is_lost_within_two_seconds() -> None:
    clock = Time()
    heard = two(clock)
    assert looked(heard, clock, 10, ALL) is None
    after_s = looked(heard, clock, 10, {"id-1"})
    assert after_s is not None
    assert LOST_AFTER_S - BEAT_S < after_s < 2
    assert heard.lost == {"worker-2"}


def test_who_comes_late_by_a_beat_or_two_is_not_lost() -> None:
    clock = Time()
    heard = two(clock)
    heard.look(ALL)
    for _ in range(7):
        clock.now += MIND_S
        assert heard.look(ALL) == set()
    heard.of("id-1")
    heard.of("id-2")
    clock.now += MIND_S
    assert heard.look(ALL) == set()


def test_who_says_that_it_goes_is_lost_at_once() -> None:
    heard = two(Time())
    assert heard.look({"id-2"}) == {"worker-1"}


@pytest.mark.parametrize("still_s", [1.0, 2.0, 30.0])
def test_a_master_that_stood_still_takes_nobody_for_lost(still_s: float) -> None:
    clock = Time()
    heard = two(clock)
    assert looked(heard, clock, 5, ALL) is None
    clock.now += still_s
    assert heard.look(ALL) == set(), "their words are not read yet"
    assert looked(heard, clock, 5, ALL) is None
    clock.now += still_s
    after_s = looked(heard, clock, 5, {"id-1"})
    assert after_s is not None, "but the silent one is found soon after"
    assert after_s < 2


def test_nobody_waits_for_the_end_of_a_worker_that_is_lost() -> None:
    heard = two(Time())
    assert heard.awaited(set()) == {"worker-1", "worker-2"}
    heard.look({"id-2"})
    assert heard.awaited(set()) == {"worker-2"}
    assert heard.awaited({"id-2"}) == set()


def test_a_worker_that_comes_again_takes_its_place() -> None:
    heard = two(Time())
    heard.hello("worker-2", "id-3")
    assert heard.names == {"worker-1", "worker-2"}
    assert heard.without({"id-1", "id-3"}) == set()
