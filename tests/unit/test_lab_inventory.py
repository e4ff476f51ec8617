"""inventory/lab: an example that is whole, keeps to itself, and names only variables that there are."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from collect.manual.variables import ROLES_DIR, entry_points, known, options
from collect.paths import CHECKOUT

FOLDER = CHECKOUT / "inventory" / "lab"
TEXT = (FOLDER / "hosts.yml").read_text()
CONTENT = yaml.safe_load(TEXT)["all"]
LAB = CONTENT["children"]["lab"]
NOT_SET = re.compile(r"^ *# ([a-z]\w+): \S", re.MULTILINE)
"""A variable that stands there as a comment."""
ANSIBLES = re.compile(
    r"ansible_(host|port|user|become(_password)?|python_interpreter|ssh_(common_args|private_key_file))$"
)


def hosts() -> dict[str, dict[str, Any]]:
    return {name: each for group in LAB["children"].values() for name, each in group["hosts"].items()}


def names() -> Iterator[str]:
    """Give every variable that the file sets or shows."""
    for each in hosts().values():
        yield from each
    yield from LAB["vars"]
    yield from CONTENT["vars"]
    yield from NOT_SET.findall(TEXT)


def test_there_is_one_server_and_a_client() -> None:
    assert set(LAB["children"]) == {"server", "clients"}
    assert len(LAB["children"]["server"]["hosts"]) == 1
    assert len(LAB["children"]["clients"]["hosts"]) == 1


def test_each_host_has_two_addresses_of_its_own_that_belong_to_nobody() -> None:
    keys = ("ansible_host", "bench_load_address")
    found = [ipaddress.ip_address(each[key]) for each in hosts().values() for key in keys]
    assert len(set(found)) == len(found) == 2 * len(hosts())
    # Set aside for documents by RFC 5737: an example that was not changed reaches nobody.
    documents = [ipaddress.ip_network(block) for block in ("192.0.2.0/24", "198.51.100.0/24")]
    assert all(any(address in block for block in documents) for address in found)


def test_load_and_management_are_two_networks() -> None:
    management = {ipaddress.ip_network(f"{each['ansible_host']}/24", strict=False) for each in hosts().values()}
    load = {ipaddress.ip_network(f"{each['bench_load_address']}/24", strict=False) for each in hosts().values()}
    assert len(management) == len(load) == 1
    assert management != load


def test_nothing_that_is_for_the_machines_reaches_the_control_node() -> None:
    """What holds for all holds for localhost, too: it would become root there by the machines' password."""
    assert [name for name in CONTENT["vars"] if name.startswith("ansible_")] == []
    assert set(CONTENT["children"]) == {"lab"}


def test_the_shared_variables_come_along() -> None:
    assert (FOLDER / "group_vars").is_symlink()
    assert (FOLDER / "group_vars").resolve() == CHECKOUT / "inventory" / "group_vars"


def test_its_ports_are_apart_and_not_those_of_others() -> None:
    ports = [CONTENT["vars"][name] for name in ("redis_port", "relay_port", "database_port")]
    assert len(set(ports)) == 3
    assert not {6379, 6380, 3306, 8000} & set(ports)
    assert all(1024 < port < 20000 or 21000 <= port < 32768 for port in ports), "not among those of the trials"


@pytest.mark.parametrize("name", sorted(set(names())))
def test_each_variable_is_one_that_there_is(name: str) -> None:
    of_roles = {option for role in ROLES_DIR.iterdir() if role.is_dir() for option in options(entry_points(role))}
    machines = {"client2"}
    assert name in {*known()["bench"], *known()["inventory"], *of_roles, *machines} or ANSIBLES.match(name)


def test_the_second_client_fits_once_it_is_no_comment() -> None:
    begin = TEXT.index("            # client2:")
    block = TEXT[begin : TEXT.index("      vars:")]
    shown = TEXT.replace(block, re.sub(r"^( *)# ", r"\1", block, flags=re.MULTILINE))
    clients = yaml.safe_load(shown)["all"]["children"]["lab"]["children"]["clients"]["hosts"]
    assert set(clients) == {"client1", "client2"}
    assert set(clients["client2"]) == set(clients["client1"])
