"""How a machine's CPUs are shared out among the hosts made on it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PLUGIN = Path(__file__).parents[2] / "inventory" / "plugins" / "local_hosts.py"


@pytest.fixture(scope="module")
def plugin() -> ModuleType:
    spec = importlib.util.spec_from_file_location("local_hosts_inventory", PLUGIN)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("cores", "clients", "shares"),
    [
        ([[0]], 1, ["0", "0"]),
        ([[0], [1]], 1, ["0", "1"]),
        ([[0], [1]], 2, ["0", "1", "1"]),
        ([[0], [1], [2], [3]], 1, ["0,1", "2,3"]),
        ([[0], [1], [2], [3]], 2, ["0,1", "2", "3"]),
        ([[0], [1], [2]], 1, ["0", "1,2"]),
        ([[0, 4], [1, 5], [2, 6], [3, 7]], 1, ["0,4,1,5", "2,6,3,7"]),
        ([[0, 4], [1, 5], [2, 6], [3, 7]], 3, ["0,4,1,5", "2,6", "3,7", "2,6"]),
    ],
)
def test_server_has_the_first_half_of_the_cores_and_clients_share_the_rest(
    plugin: ModuleType, cores: list[list[int]], clients: int, shares: list[str]
) -> None:
    assert plugin.split_cpus(cores, clients) == shares


def test_threads_of_one_core_are_shared_out_only_where_there_is_no_other(plugin: ModuleType) -> None:
    cores = plugin.physical_cores()
    assert len(cores) > 1 or len(cores[0]) == 1
    assert len({cpu for core in cores for cpu in core}) == sum(map(len, cores))


@pytest.mark.parametrize(("value", "count"), [(1, 1), ("3", 3), (0, 1), (99, 7), ("two", 1), (None, 1)])
def test_a_wrong_number_of_clients_leaves_an_inventory(plugin: ModuleType, value: Any, count: int) -> None:
    assert plugin.client_count(value) == count


NAMES, CPUS = ("server1", "client1"), (0, 1)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (None, {}),
        ({}, {}),
        ({"server1": "0,1", "client1": "1"}, {"server1": "0,1", "client1": "1"}),
        ({"server1": "1,0,1"}, {"server1": "0,1"}),
        ({"client1": 0}, {"client1": "0"}),
    ],
)
def test_hosts_get_the_cpus_that_are_asked_for(plugin: ModuleType, asked: Any, found: dict[str, str]) -> None:
    assert plugin.asked_cpus(asked, NAMES, CPUS) == (found, "")


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"server1": "0,2,3"}, "no CPU 2, 3 on this machine (local_cpus: server1): choose from 0, 1"),
        ({"server2": "0"}, 'no host "server2" (local_cpus): name one of server1, client1'),
        ({"client1": "all"}, '"all" is no list of CPUs (local_cpus: client1): give one as in "0,1"'),
        ({"client1": [0, 1]}, '"[0, 1]" is no list of CPUs (local_cpus: client1): give one as in "0,1"'),
        ({"client1": ""}, '"" is no list of CPUs (local_cpus: client1): give one as in "0,1"'),
        ("0,1", "'0,1' is no CPU sets by host (local_cpus)"),
    ],
)
def test_cpus_that_cannot_be_are_told_in_one_line(plugin: ModuleType, asked: Any, problem: str) -> None:
    found, said = plugin.asked_cpus(asked, NAMES, CPUS)
    assert found == {}
    assert said.startswith(problem)
    assert "\n" not in said
