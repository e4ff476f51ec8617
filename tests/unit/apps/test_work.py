from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from apps.work import BITS_KEY, burn, count_bits, count_bits_async, slowed


class Kept:
    """As much of a Redis client as is needed: one string, of which the length counts."""

    def __init__(self, length: int = 0) -> None:
        self.length, self.made, self.counted = length, 0, (0, 0)

    def strlen(self, key: str) -> int:
        assert key == BITS_KEY
        return self.length

    def setbit(self, key: str, bit: int, value: int) -> None:
        self.length, self.made = max(self.length, bit // 8 + 1), self.made + 1

    def bitcount(self, key: str, first: int, last: int) -> None:
        self.counted = (first, last)


class AsyncKept(Kept):
    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in ("strlen", "setbit", "bitcount"):
            return found

        async def answer(*arguments: Any) -> Any:
            return found(*arguments)

        return answer


@pytest.mark.parametrize(("mib", "size_bytes"), [(1, 2**20), (0.5, 2**19), (1e-9, 1)])
@pytest.mark.parametrize("there", [0, 10, 2**21])
def test_a_string_of_the_size_is_counted_and_made_once(mib: float, size_bytes: int, there: int) -> None:
    client = Kept(there)
    for _ in range(3):
        count_bits(client, mib)
    assert client.counted == (0, size_bytes - 1)
    assert client.made == (there < size_bytes)
    assert client.length == max(there, size_bytes)


def test_the_asynchronous_client_does_the_same() -> None:
    client = AsyncKept()
    asyncio.run(count_bits_async(client, 1))
    assert (client.counted, client.made) == ((0, 2**20 - 1), 1)


def test_what_is_burnt_is_cpu_of_the_own_thread_however_many_want_it() -> None:
    used: list[float] = []

    def thread() -> None:
        began = time.thread_time()
        burn(30)
        used.append(time.thread_time() - began)

    threads = [threading.Thread(target=thread) for _ in range(3)]
    began = time.perf_counter()
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert all(0.030 <= each < 0.036 for each in used), used
    assert time.perf_counter() - began > 0.085, "one at a time, as the GIL has it"


def test_nothing_is_burnt_where_nothing_is_wanted() -> None:
    began = time.thread_time()
    burn(0)
    assert time.thread_time() - began < 0.001


@pytest.mark.parametrize("busy_us", [10, 50, 200])
def test_a_slowdown_is_what_was_asked_for_its_own_call_included(busy_us: int) -> None:
    counted: list[None] = []

    def cost_us(call: Callable[[], object], calls: int = 500) -> float:
        began = time.thread_time_ns()
        for _ in range(calls):
            call()
        return (time.thread_time_ns() - began) / calls / 1000

    def count() -> None:
        counted.append(None)

    slow = slowed(count, busy_us)
    extra = min(cost_us(slow) - cost_us(count) for _ in range(5))
    assert extra == pytest.approx(busy_us, abs=1 + 0.01 * busy_us)
    assert len(counted) == 2 * 5 * 500, "it still counts each"


def test_without_a_slowdown_nothing_is_added() -> None:
    def count() -> None:
        pass

    assert slowed(count, 0) is count
