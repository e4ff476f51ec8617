"""docs/lab.md and docs/hosts.md, as far as they can be held against the code without machines."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from collect.paths import CHECKOUT
from collect.plan import load_plan
from tests.support.followed import Block, blocks, changed, commands
from tests.support.lab_hosts import DOCUMENTED

LAB = (CHECKOUT / "docs" / "lab.md").read_text()
HOSTS = (CHECKOUT / "docs" / "hosts.md").read_text()
INVENTORY = (CHECKOUT / "inventory" / "lab" / "hosts.yml").read_text()
ADDRESS = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")
DOCUMENTS = [ipaddress.ip_network(block) for block in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]


def of_kind(text: str, kind: str) -> list[Block]:
    return [block for block in blocks(text) if block.kind == kind]


def told() -> list[str]:
    """Return the commands of the page on labs that a test runs."""
    return [command for block in of_kind(LAB, "console") for command, _ in commands(block)]


def test_the_second_client_is_put_in_force_as_the_page_says() -> None:
    (block,) = of_kind(LAB, "diff")
    groups = yaml.safe_load(changed(INVENTORY, block))["all"]["children"]["lab"]["children"]
    assert set(groups["clients"]["hosts"]) == {"client1", "client2"}
    assert groups["clients"]["hosts"]["client2"]["bench_load_address"] == DOCUMENTED["client2"]["bench_load_address"]


def test_the_first_plan_is_one(tmp_path: Path) -> None:
    (block,) = of_kind(LAB, "yaml")
    path = tmp_path / "mine.yml"
    path.write_text(block.text)
    plan = load_plan(str(path))
    assert {cell.workload for cell in plan.cells} == {"redis"}


def test_all_commands_are_about_the_copied_inventory_and_removal_comes_last() -> None:
    about = [command for command in told() if "-i " in command]
    assert len(about) >= 6
    assert all("-i inventory/mine" in command for command in about)
    assert "cp -a inventory/lab inventory/mine" in told()
    assert "playbooks/down.yml" in told()[-1]


def test_the_playbooks_are_there() -> None:
    named = set(re.findall(r"\bplaybooks/[a-z]+\.yml", LAB + HOSTS))
    assert {"playbooks/down.yml", "playbooks/restore.yml"} <= named
    assert [name for name in named if not (CHECKOUT / name).exists()] == []


@pytest.mark.parametrize("text", [LAB, HOSTS, INVENTORY], ids=["lab", "hosts", "inventory"])
def test_addresses_are_nobodys(text: str) -> None:
    found = {ipaddress.ip_address(address) for address in ADDRESS.findall(text)}
    assert found or text == HOSTS
    others = [address for address in found if not any(address in network for network in DOCUMENTS)]
    assert [address for address in others if not address.is_loopback] == []


def test_ports_of_the_page_are_those_of_the_inventory() -> None:
    ports = yaml.safe_load(INVENTORY)["all"]["vars"]
    (row,) = [line for line in LAB.splitlines() if "`redis_port`, `relay_port`, `database_port`" in line]
    assert list(map(int, re.findall(r"\b\d{4,5}\b", row))) == [
        ports[name] for name in ("redis_port", "relay_port", "database_port")
    ]


EXAMPLES = [yaml.safe_load(block.text) for block in of_kind(HOSTS, "yaml")]
PLUGINS = [example for example in EXAMPLES if "plugin" in example]
STATIC = [example["all"] for example in EXAMPLES if "all" in example]
FOUND: dict[str, list[dict[str, Any]]] = {
    "community.libvirt.libvirt": [{"inventory_hostname": "bench-server"}, {"inventory_hostname": "bench-client"}],
    "amazon.aws.aws_ec2": [
        {"public_ip_address": "203.0.113.5", "private_ip_address": "198.51.100.5", "tags": {"bench": "server"}},
        {"public_ip_address": "203.0.113.6", "private_ip_address": "198.51.100.6", "tags": {"bench": "clients"}},
    ],
}
"""What each plugin knows of a server and a client."""


def evaluated(expression: str, variables: dict[str, Any]) -> Any:
    """Return what an expression comes to, as Ansible's constructed inventories evaluate it."""
    return jinja2.Environment(undefined=jinja2.StrictUndefined).compile_expression(expression, undefined_to_none=False)(
        **variables
    )


def test_both_examples_say_that_they_were_not_run() -> None:
    assert len(PLUGINS) == len(STATIC) == len(FOUND)
    assert "have not been run here" in " ".join(HOSTS.split())


@pytest.mark.parametrize("example", PLUGINS, ids=[example["plugin"] for example in PLUGINS])
def test_what_a_plugin_finds_has_addresses_and_groups(example: dict[str, Any]) -> None:
    collection = example["plugin"].rpartition(".")[0]
    assert collection in HOSTS.split("```text", 1)[1].split("```", 1)[0], "it is installed before"
    groups = []
    for variables in FOUND[example["plugin"]]:
        composed = {name: evaluated(text, variables) for name, text in example["compose"].items()}
        assert composed["ansible_host"]
        groups += [name for name, text in example.get("groups", {}).items() if evaluated(text, variables)]
        for keyed in example.get("keyed_groups", ()):
            groups.append(f"{keyed['prefix']}{keyed['separator']}{evaluated(keyed['key'], variables)}")
    assert groups == ["server", "clients"]


@pytest.mark.parametrize("content", STATIC)
def test_what_is_for_the_hosts_does_not_reach_the_control_node(content: dict[str, Any]) -> None:
    assert "vars" not in content
    machines = content["children"]["machines"]
    assert set(machines["children"]) == {"server", "clients"}
    assert machines["vars"]["ansible_become"] is True


def test_each_host_gets_a_load_address_and_its_interface() -> None:
    for plugin, content in zip(PLUGINS, STATIC, strict=True):
        groups = (content["children"][group].get("hosts") or {} for group in ("server", "clients"))
        hosts = [each for group in groups for each in group.values()]
        said = [{**plugin["compose"], **each} for each in hosts] or [plugin["compose"]]
        for each in said:
            assert {"ansible_host", "bench_load_address", "bench_load_interface", "bench_cpus"} <= set(each)
