"""What delay, threads and CPU allow."""

from __future__ import annotations

import pytest

from collect.designs.little import CPU, THREADS, USERS, bound, slots
from collect.plan import load_plan

VARIANTS = load_plan("map").catalog.variants
GTHREAD, LOOP = VARIANTS["flask-gthread-pool"], VARIANTS["starlette-loop-pool"]


def test_threads_are_a_limit_and_a_loop_has_none() -> None:
    assert slots(GTHREAD) == 10
    assert slots({**GTHREAD, "processes": 4}) == 40
    assert slots(LOOP) is None
    assert slots(VARIANTS["flask-werkzeug"]) is None
    assert slots({**VARIANTS["flask-production-sync"], "processes": 3}) == 3


@pytest.mark.parametrize(
    ("variant", "users", "allowed", "by"),
    [(GTHREAD, 1, 10, USERS), (GTHREAD, 10, 100, USERS), (GTHREAD, 1000, 100, THREADS), (LOOP, 1000, 10_000, USERS)],
)
def test_without_a_price_little_s_law_alone_decides(
    variant: dict[str, object], users: int, allowed: float, by: str
) -> None:
    told = bound(variant, users, wait_s=0.1, cpu_s=None, cpus=1)
    assert told.allowed_rps == pytest.approx(allowed)
    assert told.little_rps == pytest.approx(allowed)
    assert told.by == by


def test_the_cpu_is_a_limit_of_its_own() -> None:
    told = bound(LOOP, 1000, wait_s=0.1, cpu_s=0.001, cpus=1)
    assert told.allowed_rps == pytest.approx(1000)
    assert (told.by, told.text) == (CPU, "CPU")
    assert told.by_slots_rps == pytest.approx(1000 / 0.101)
    two = bound(GTHREAD, 1000, wait_s=0.1, cpu_s=0.001, cpus=2)
    assert two.allowed_rps == pytest.approx(10 / 0.101)
    assert two.text == "10 threads / 101 ms"


def test_without_a_delay_the_cpu_decides() -> None:
    told = bound(LOOP, 1, wait_s=0, cpu_s=0.002, cpus=1)
    assert told.little_rps is None
    assert told.allowed_rps == pytest.approx(500)
    assert bound(LOOP, 1, wait_s=0, cpu_s=None, cpus=1).allowed_rps is None
