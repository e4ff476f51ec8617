"""What a lab has wrong is told in one line with its remedy, and the machines are left as they were."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.checkout import Checkout, Played
from tests.support.lab_hosts import INVENTORY, LAB_S, NAMES, LabHosts
from tests.support.lab_image import BUSY_PORT, REDIS_PORT, USER

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(LAB_S)]

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


def test_a_wrong_password_for_sudo(lab: LabHosts, lab_checkout: Checkout, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not the word\n")
    played = lab_checkout.play(BENCH, "-i", INVENTORY, f"--become-password-file={wrong}", fails=True)
    line = told(played, "its sudo refuses the password (")
    assert "--ask-become-pass" in line
    assert "not the word" not in played.output


def test_no_password_for_sudo(lab_checkout: Checkout) -> None:
    played = lab_checkout.play(BENCH, "-i", INVENTORY, fails=True)
    assert "--ask-become-pass" in told(played, "its sudo asks for a password (")


def test_a_user_that_is_not_known_there(lab: LabHosts, lab_checkout: Checkout) -> None:
    played = lab.play(lab_checkout, BENCH, "-e", "ansible_user=nobody-here", fails=True)
    told(played, "it refuses the SSH key (", "authorized_keys")


def test_ports_that_are_somebody_elses_and_a_full_disk(lab: LabHosts, lab_checkout: Checkout) -> None:
    """All that forbids it is told at once, of each machine."""
    lab.on("client1", "mount -t tmpfs -o size=10m tmpfs /opt")
    try:
        given = ("-e", f"redis_port={REDIS_PORT}", "-e", f"app_port_base={BUSY_PORT - 10}")
        played = lab.play(lab_checkout, BENCH, *given, fails=True)
    finally:
        lab.on("client1", "umount /opt")
    told(played, f"port {REDIS_PORT}", "redis-server.service", "server1", "redis_port")
    told(played, "somebodys.service", "server1", "app_port_base")
    told(played, "of disk are free at /opt", "(client1)", "make room there")


def test_the_load_network_does_not_reach(lab: LabHosts, lab_checkout: Checkout) -> None:
    lab.network.cut("client1")
    try:
        played = lab.play(lab_checkout, BENCH, fails=True)
    finally:
        lab.network.cut("client1", up=True)
    told(played, "client1", "cable")


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


def test_a_machine_that_is_off(lab: LabHosts, lab_checkout: Checkout) -> None:
    lab.pull_the_plug("client1")
    try:
        played = lab.play(lab_checkout, BENCH, fails=True)
    finally:
        lab.boot("client1")
    told(played, "the host does not answer", "(client1)")


def test_machines_behind_a_bastion_are_looked_at_through_it(lab: LabHosts, lab_checkout: Checkout) -> None:
    bastion = f"{USER}@{lab.network.address('client2')}"
    given = {"ansible_ssh_common_args": f"-F {lab.ssh_config} -o ProxyJump={bastion} -o ControlPath=none"}
    lab.play(lab_checkout, BENCH, "--tags", "preflight", "-e", json.dumps(given))
    came = lab.on("server1", "journalctl --quiet --output=cat --unit=ssh | grep 'Accepted publickey' | tail -n 1")
    assert f"from {lab.network.address('client2')} " in came
