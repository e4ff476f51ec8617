"""The lab that tests make, as far as it can be told without making it."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator

import pytest
import yaml

from tests.support import lab_network
from tests.support.checkout import ORIGINAL
from tests.support.lab_hosts import DOCUMENTED, INVENTORY, NAMES, LabHosts, cpus_of, with_second_client

TEXT = (ORIGINAL / INVENTORY / "hosts.yml").read_text()
BLOCK = ipaddress.IPv4Network("198.18.200.32/27")


@pytest.fixture
def lab() -> Iterator[LabHosts]:
    """One that is not up."""
    lab = LabHosts()
    lab.network.block = BLOCK
    yield lab
    lab.down()
    assert lab.left_behind() == []


def test_only_addresses_are_changed(lab: LabHosts) -> None:
    changed = lab.readdressed(TEXT)
    assert len(changed.splitlines()) == len(TEXT.splitlines())
    different = [(old, new) for old, new in zip(TEXT.splitlines(), changed.splitlines(), strict=True) if old != new]
    assert len(different) == 2 * len(NAMES)
    for old, new in different:
        assert old.split(":")[0] == new.split(":")[0]
        assert old.split(":")[0].strip(" #") in ("ansible_host", "bench_load_address")
    assert "192.0.2." not in changed
    assert "198.51.100." not in changed


def test_an_address_that_begins_like_another_is_left_alone(lab: LabHosts) -> None:
    assert lab.readdressed("192.0.2.11 192.0.2.110 192.0.2.12/24") == "198.18.200.43 192.0.2.110 198.18.200.44/24"


def test_the_documented_addresses_are_those_of_the_inventory() -> None:
    groups = yaml.safe_load(with_second_client(TEXT))["all"]["children"]["lab"]["children"]
    found = {**groups["server"]["hosts"], **groups["clients"]["hosts"]}
    assert {name: {key: found[name][key] for key in DOCUMENTED[name]} for name in found} == DOCUMENTED


def test_the_machines_nics_are_called_as_in_the_inventory() -> None:
    groups = yaml.safe_load(TEXT)["all"]["children"]["lab"]["children"].values()
    named = {each["bench_load_interface"] for group in groups for each in group["hosts"].values()}
    assert named == {lab_network.LOAD_NIC}


def test_addresses_stay_in_the_block(lab: LabHosts) -> None:
    addresses = [lab.addresses()[name] for name in NAMES]
    assert len({each["ansible_host"] for each in addresses}) == len(NAMES)
    assert all(ipaddress.ip_address(each["ansible_host"]) in BLOCK for each in addresses)
    assert all(ipaddress.ip_address(each["bench_load_address"]) in lab_network.LOAD for each in addresses)
    assert not lab_network.LOAD.overlaps(lab_network.BLOCKS)


def test_a_block_that_is_in_use_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    free = lab_network.free_block("lab")
    assert free.subnet_of(lab_network.BLOCKS)
    used = [{"addr_info": [{"family": "inet", "local": str(free[3]), "prefixlen": 32}]}]
    monkeypatch.setattr(lab_network, "_told", lambda *words: used if words[0] == "address" else [{"dst": "default"}])
    assert lab_network.free_block("lab") != free
    whole = [{"dst": "default"}, {"dst": str(lab_network.BLOCKS)}]
    monkeypatch.setattr(lab_network, "_told", lambda *words: [] if words[0] == "address" else whole)
    with pytest.raises(AssertionError, match="no block"):
        lab_network.free_block("lab")


@pytest.mark.parametrize(
    ("cpus", "mask"),
    [([0], "00000001"), ([0, 1, 31], "80000003"), ([1, 32], "00000001,00000002"), ([64], "00000001,00000000,00000000")],
)
def test_cpus_as_the_kernel_reads_them(cpus: list[int], mask: str) -> None:
    assert lab_network._mask(cpus) == mask


def test_server_and_clients_share_no_cpu_where_there_are_two() -> None:
    server, *clients = (set(cpus_of(name)) for name in NAMES)
    assert server
    assert all(clients)
    assert len(os.sched_getaffinity(1)) == 1 or not server & (clients[0] | clients[1])


def test_names_of_interfaces_fit_the_kernel(lab: LabHosts) -> None:
    ports = [f"{name}-{network}" for name in NAMES for network in "ml"]
    assert all(len(name) <= 15 for name in (*ports, lab.network.outside, lab_network.LOAD_NIC))
