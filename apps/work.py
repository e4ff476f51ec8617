"""What a request to /work does besides answering: a known amount of a known resource."""

import math
import time
from typing import Any, Callable

BITS_KEY = "work:bits"
_ROUND = range(500)
"""About 5 us between two looks at the clock, so that next to all of the work is the interpreter's, not the kernel's."""
_SPINS_NS = range(2_000, 6_000, 10)
"""Spins that are timed at the start, to know what one costs beyond what it is told; of many lengths, as its end depends
on where the last look falls."""


def burn(cpu_ms: float) -> None:
    """Use so many milliseconds of CPU of the thread that asks, however long it has to wait for the GIL or a core."""
    end_s = time.thread_time() + cpu_ms / 1000
    while time.thread_time() < end_s:
        for _ in _ROUND:
            pass


def spin(busy_ns: float) -> None:
    """Use so many nanoseconds of CPU of the thread that asks, looking at its clock all the time: exact to one look."""
    end_ns = time.thread_time_ns() + busy_ns
    while time.thread_time_ns() < end_ns:
        pass


def slowed(count: Callable[[], None], busy_us: int) -> Callable[[], None]:
    """Return ``count`` with so many microseconds of CPU before it, the call itself and its last look among them.

    What a spin costs beyond what it is told, a microsecond or so, is measured here, at the app's start: else it would
    be a tenth of a slowdown of 1 %. Without a slowdown it is ``count`` itself, so that nothing is added.
    """
    if not busy_us:
        return count
    told_ns = 1000 * busy_us - _beyond_ns()

    def slow() -> None:
        spin(told_ns)
        count()

    return slow


def _beyond_ns() -> float:
    """Return what a spin costs beyond what it is told: the median, so that a few that are disturbed do not count."""
    beyond = []
    for busy_ns in _SPINS_NS:
        began_ns = time.thread_time_ns()
        spin(busy_ns)
        beyond.append(time.thread_time_ns() - began_ns - busy_ns)
    return sorted(beyond)[len(beyond) // 2]


def count_bits(client: Any, redis_mib: float) -> None:
    """Have Redis count the bits of a string of so many MiB, which is made where there is none or a shorter one."""
    last = _last_byte(redis_mib)
    if client.strlen(BITS_KEY) <= last:
        client.setbit(BITS_KEY, 8 * last, 1)
    client.bitcount(BITS_KEY, 0, last)


async def count_bits_async(client: Any, redis_mib: float) -> None:
    """Do the same by an asynchronous client."""
    last = _last_byte(redis_mib)
    if await client.strlen(BITS_KEY) <= last:
        await client.setbit(BITS_KEY, 8 * last, 1)
    await client.bitcount(BITS_KEY, 0, last)


def _last_byte(redis_mib: float) -> int:
    return max(1, math.ceil(redis_mib * 2**20)) - 1
