"""What a request to /work does besides answering: a known amount of a known resource."""

import math
import time
from typing import Any

BITS_KEY = "work:bits"
_ROUND = range(500)
"""About 5 us between two looks at the clock, so that next to all of the work is the interpreter's, not the kernel's."""


def burn(cpu_ms: float) -> None:
    """Use so many milliseconds of CPU of the thread that asks, however long it has to wait for the GIL or a core."""
    end_s = time.thread_time() + cpu_ms / 1000
    while time.thread_time() < end_s:
        for _ in _ROUND:
            pass


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
