"""What a lab has wrong is told in one line with its remedy, and the machines are left as they were."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator

import pytest

from tests.support.checkout import Checkout, Played
from tests.support.lab_hosts import INVENTORY, LAB_S, NAMES, LabHosts
from tests.support.lab_image import BUSY_PORT, REDIS_PORT, USER

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(LAB_S)]

CLIENTS = 2
BENCH = "bench.yml"
TRACES = (
    "ls -d /opt/bench /etc/bench /var/lib/bench /etc/systemd/system/bench-* /etc/tmpfiles.d/bench.conf 2>/dev/null;"
    " getent passwd | grep ^bench; true"
)


@pytest.fixture(autouse=True)
def untouched(lab: LabHosts) -> Iterator[None]:
    """After each test no machine has anything of ours."""
    yield
    assert {name: lab.on(name, TRACES) for name in NAMES} == dict.fromkeys(NAMES, "")


def told(played: Played, *parts: str) -> str:
    """Return the line that says what is wrong, and see that it says all of it and nothing frightens beside it."""
    assert played.exit_code != 0, played.output
    assert "Traceback" not in played.output
    lines = [line for line in played.output.splitlines() if line.startswith("error: ")]
    found = [line for line in lines if all(part in line for part in parts)]
    assert found, played.output
    return found[0]


@pytest.fixture
def of_one(lab_checkout: Checkout) -> Iterator[Callable[[str, str], None]]:
    """Give a variable to one machine of the inventory, a line of YAML; it is gone after the test."""
    folder = lab_checkout.path / INVENTORY / "host_vars"
    folder.mkdir()

    def give(name: str, line: str) -> None:
        (folder / f"{name}.yml").write_text(f"{line}\n")

    yield give
    shutil.rmtree(folder)


def test_machines_that_do_not_let_anybody_in(
    lab: LabHosts, lab_checkout: Checkout, of_one: Callable[[str, str], None]
) -> None:
    """A user that is not known there, and a machine that is off; no run is begun without them."""
    of_one("client1", "ansible_user: nobody-here")
    lab.pull_the_plug("client2")
    try:
        played = lab.play(lab_checkout, BENCH, fails=True)
    finally:
        lab.boot("client2")
    told(played, "it refuses the SSH key (", "(client1)", "authorized_keys")
    told(played, "the host does not answer", "(client2)")
    told(played, "the testbed is not whole without its hosts (playbooks/site.yml): ")
    assert played.output.count("error: ") == 3, played.output
    assert not list((lab_checkout.path / "archive").glob("*Z-*"))


def test_a_wrong_password_for_sudo_and_none(
    lab: LabHosts, lab_checkout: Checkout, of_one: Callable[[str, str], None]
) -> None:
    of_one("server1", "ansible_become_password: not the word")
    played = lab_checkout.play(BENCH, "-i", INVENTORY, fails=True)
    assert "--ask-become-pass" in told(played, "its sudo refuses the password (", "(server1)")
    assert "not the word" not in played.output
    for name in ("client1", "client2"):
        assert "--ask-become-pass" in told(played, "its sudo asks for a password (", f"({name})")


def test_ports_that_are_somebody_elses_a_cable_and_a_full_disk(lab: LabHosts, lab_checkout: Checkout) -> None:
    """All that forbids it is told at once, of each machine."""
    lab.network.cut("client1")
    lab.on("client2", "mount -t tmpfs -o size=10m tmpfs /opt")
    try:
        given = ("-e", f"redis_port={REDIS_PORT}", "-e", f"app_port_base={BUSY_PORT - 10}")
        played = lab.play(lab_checkout, BENCH, *given, fails=True)
    finally:
        lab.on("client2", "umount /opt")
        lab.network.cut("client1", up=True)
    told(played, f"port {REDIS_PORT}", "redis-server.service", "server1", "redis_port")
    told(played, "somebodys.service", "server1", "app_port_base")
    told(played, "client1", "cable")
    told(played, "of disk are free at /opt", "(client2)", "make room there")


@pytest.fixture
def another_inventory(lab: LabHosts, lab_checkout: Checkout) -> Iterator[Callable[[str, str], None]]:
    """Change a text of the inventory; it is as it was after the test."""
    path = lab_checkout.path / INVENTORY / "hosts.yml"
    before = path.read_text()

    def change(old: str, new: str) -> None:
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    yield change
    path.write_text(before)


def test_load_addresses_that_are_swapped(
    lab: LabHosts, lab_checkout: Checkout, another_inventory: Callable[[str, str], None]
) -> None:
    server, client = (lab.addresses()[name]["bench_load_address"] for name in ("server1", "client1"))
    another_inventory(server, "SERVER'S")
    another_inventory(client, server)
    another_inventory("SERVER'S", client)
    played = lab.play(lab_checkout, BENCH, fails=True)
    told(played, client, "server1", "bench_load_address")


def test_the_load_would_take_the_network_of_ssh(
    lab: LabHosts, lab_checkout: Checkout, another_inventory: Callable[[str, str], None]
) -> None:
    """The client is told to come from one network while the server is asked for in the other."""
    here = lab.addresses()["server1"]
    line = "bench_load_address: {}".format
    another_inventory(line(here["bench_load_address"]), line(here["ansible_host"]))
    played = lab.play(lab_checkout, BENCH, fails=True)
    told(played, "(client1)", "correct the routes there")


def test_machines_behind_a_bastion_are_looked_at_through_it(lab: LabHosts, lab_checkout: Checkout) -> None:
    """The bastion is client2, which is reached without one."""
    jump = f"-o ProxyJump={USER}@{lab.network.address('client2')}"
    through = f"{{{{ '' if inventory_hostname == 'client2' else '{jump}' }}}}"
    given = {"ansible_ssh_common_args": f"-F {lab.ssh_config} -o ControlPath=none {through}"}
    lab.play(lab_checkout, BENCH, "--tags", "preflight", "-e", json.dumps(given))
    came = lab.on("server1", "journalctl --quiet --output=cat --unit=ssh | grep 'Accepted publickey' | tail -n 1")
    assert f"from {lab.network.address('client2')} " in came
