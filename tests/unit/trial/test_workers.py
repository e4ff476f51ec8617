"""Workers go where there are CPUs for them."""

from __future__ import annotations

from typing import Any

import pytest

from collect.cpu_sets import facts_of
from collect.trial.workers import client_cpus, deal


@pytest.mark.parametrize(
    ("processes", "cpus", "expected"),
    [
        (1, {"a": 4}, [["primary"]]),
        (1, {"a": 1, "b": 8}, [["primary"], []]),
        (3, {"a": 4}, [["primary", "worker-1", "worker-2", "worker-3"]]),
        (2, {"a": 1, "b": 1}, [["primary", "worker-1"], ["worker-2"]]),
        (6, {"a": 4, "b": 2}, [["primary", "worker-1", "worker-2", "worker-4", "worker-5"], ["worker-3", "worker-6"]]),
        (2, {"a": 1, "b": 2}, [["primary"], ["worker-1", "worker-2"]]),
        (4, {"a": 1, "b": 0, "c": 2}, [["primary", "worker-3"], ["worker-4"], ["worker-1", "worker-2"]]),
    ],
)
def test_workers_go_to_the_client_with_most_room(
    processes: int, cpus: dict[str, int], expected: list[list[str]]
) -> None:
    dealt = deal(processes, cpus)
    assert list(dealt) == list(cpus)
    assert list(dealt.values()) == expected


@pytest.mark.parametrize(
    ("sessions", "expected"),
    [
        ([], {"a": 1, "b": 1}),
        ([{"facts": {"a": {"cpu_set": [0, 1, 2]}, "b": {"cpu_set": [4]}, "server": {}}}], {"a": 3, "b": 1}),
        # The host was given other CPUs before the run went on.
        ([{"facts": {"a": {"cpu_set": [0, 1]}}}, {"facts": {"a": {"cpu_set": [0]}}}, {}], {"a": 1, "b": 1}),
        ([{"facts": {"a": {"cpu_set": "0"}, "b": None}}], {"a": 1, "b": 1}),
    ],
)
def test_the_cpus_are_those_that_the_collectors_told(sessions: list[Any], expected: dict[str, int]) -> None:
    assert client_cpus(facts_of({"sessions": sessions}), ["a", "b"]) == expected
    assert client_cpus(facts_of({}), ["a", "b"]) == {"a": 1, "b": 1}
