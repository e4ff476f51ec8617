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
