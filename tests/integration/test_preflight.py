"""Preflight on real hosts: it reads only, finds what is made wrong, and says all of it at once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from collect.hosts.reading import parse_cpus
from tests.support.checkout import Checkout, Played

pytestmark = pytest.mark.hosts

SITE = "playbooks/site.yml"
ALONE = ("--tags", "preflight")
OTHERS = "baseline,tools,python,tuning,redis,relay,database,app,load,collector"
# Files with owner, mode, size and time, and what the kernel is set to; not what a running system changes by itself.
STATE = (
    "find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/tmp"
    " -o -path /var/log -o -path /var/lib/systemd -o -path /var/lib/bench/samples \\) -prune"
    " -o -printf '%p %y %m %U %G %s %T@\\n' | sort;"
    " find /proc/sys/net /proc/sys/kernel /proc/sys/vm -type f -perm /222 2>/dev/null"
    " | grep -v 'random\\|ns_last_pid\\|conntrack_count\\|drop_caches\\|compact_memory\\|flush' | sort"
    " | xargs grep -asH '' || true"
)


def lines(played: Played, kind: str) -> list[str]:
    """Return what was found of a kind: error, warning or note."""
    return [line for line in played.output.splitlines() if line.startswith(f"{kind}: ")]


def state(checkout: Checkout, host: str) -> list[str]:
    return checkout.on(host, STATE, timeout_s=120).splitlines()


@pytest.fixture(scope="module")
def alone(provisioned: Checkout) -> tuple[Played, dict[str, list[str]]]:
    """Preflight by itself, and what it has changed on each host."""
    before = {host: state(provisioned, host) for host in ("server1", "client1")}
    played = provisioned.play(SITE, *ALONE)
    return played, {host: sorted(set(lines) ^ set(state(provisioned, host))) for host, lines in before.items()}


def test_alone_it_changes_nothing(alone: tuple[Played, dict[str, list[str]]]) -> None:
    played, changed = alone
    assert played.changed == 0
    assert changed == {"server1": [], "client1": []}


def test_notes_are_for_who_asks(provisioned: Checkout, alone: tuple[Played, dict[str, list[str]]]) -> None:
    # On a machine that is busy with other tests it may be a warning that there are few.
    found = [line for kind in ("note", "warning") for line in lines(alone[0], kind)]
    (way,) = [line for line in found if "small packets a second" in line]
    assert "(client1): " in way
    warnings, notes = (len(lines(alone[0], kind)) for kind in ("warning", "note"))
    assert f"nothing forbids a bench on server1, client1 (warnings: {warnings}, notes: {notes})" in alone[0].output
    assert lines(provisioned.play(SITE, "--skip-tags", OTHERS), "note") == []


def measured_on(checkout: Checkout, host: str) -> tuple[int, ...]:
    return parse_cpus(json.loads(checkout.on(host, "cat /etc/bench/collector.json"))["cpus"])


def test_words_for_cpus_mean_those_that_a_host_has(provisioned: Checkout) -> None:
    """A container has but some of the machine's: these are what it was given already."""
    before = {host: measured_on(provisioned, host) for host in ("server1", "client1")}
    try:
        for word in ("performance", "all"):
            provisioned.play(SITE, "--tags", "collector", "-e", f"bench_cpus={word}")
            assert {host: measured_on(provisioned, host) for host in before} == before
    finally:
        provisioned.play(SITE, "--tags", "collector")  # the same CPUs, listed as the inventory lists them


@pytest.mark.parametrize(
    ("cpus", "said"),
    [("0-999", "bench_cpus is 0-999: there is no CPU "), ("fastest", "bench_cpus is fastest (")],
)
def test_cpus_that_are_none(provisioned: Checkout, cpus: str, said: str) -> None:
    found = lines(provisioned.play(SITE, "-e", f"bench_cpus={cpus}", fails=True), "error")
    assert found
    assert all(said in line for line in found)


def in_network_of(checkout: Checkout, host: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of this machine in a host's network."""
    enter = ["nsenter", "--target", str(checkout.init(host)), "--net", *command]
    return subprocess.run(enter, capture_output=True, text=True, check=False)


@contextmanager
def no_tcp(checkout: Checkout) -> Iterator[None]:
    """Have the server answer nothing by TCP over the load network, as behind a firewall that lets pings through."""
    client = checkout.addresses()["client1"]["bench_load_address"]
    rule = ("ipproto", "tcp", "to", client, "blackhole")
    made = in_network_of(checkout, "server1", "ip", "rule", "add", *rule)
    assert made.returncode == 0, made.stderr
    try:
        yield
    finally:
        in_network_of(checkout, "server1", "ip", "rule", "del", *rule)


LATE = "/root/late"
LATE_PYTHON = (
    f"mkdir -p {LATE} && cd {LATE}"
    " && printf 'import time\\nnow = time.time\\ntime.time = lambda: now() - 300\\n' >sitecustomize.py"
    f" && printf '#!/bin/sh\\nexec env PYTHONPATH={LATE} /usr/bin/python3 \"$@\"\\n' >python && chmod +x python"
)
"""A Python by whose clock it is five minutes earlier: hosts on one machine share the clock itself."""


def test_all_that_forbids_it_is_told_of_all_hosts_at_once(provisioned: Checkout) -> None:
    """Too little memory and clocks that are five minutes off on both hosts, a full disk and a firewall on one."""
    hosts = ("server1", "client1")
    for host in hosts:
        provisioned.on(host, LATE_PYTHON)
    provisioned.on("client1", "mount -t tmpfs -o size=9m none /opt/bench")
    given = {"preflight_memory_mib": 99999999, "ansible_python_interpreter": f"{LATE}/python"}
    try:
        with no_tcp(provisioned):
            found = lines(provisioned.play(SITE, "-e", json.dumps(given), fails=True), "error")
    finally:
        provisioned.on("client1", "umount /opt/bench")
        for host in hosts:
            provisioned.on(host, f"rm -r {LATE}")
    told = [f"of memory are available, 99999999 are needed ({host}): " for host in hosts]
    told += [f"(5 minutes) ({host}): let NTP or chrony set it" for host in hosts]
    told += [
        " MiB of disk are free at /opt/bench, 1024 are needed (client1): make room there",
        "port 20000 of the server cannot be reached from here, timed out, though it answers pings (client1): ",
    ]
    assert [len([line for line in found if each in line]) for each in told] == [1] * len(told), found
    assert len(found) == len(told), found
    assert [line for line in found if "ports 20000 to 20999" in line], "a firewall is told from a cable"


def test_what_is_wrong_with_levels_is_told(provisioned: Checkout) -> None:
    wrong = ["-e", '{"preflight_levels": {"memry": "warn"}}']
    found = lines(provisioned.play(SITE, *ALONE, *wrong, fails=True), "error")
    assert found
    assert all('did you mean "memory"?' in line for line in found)


def test_what_forbids_nothing_is_a_warning_and_levels_are_the_users(provisioned: Checkout) -> None:
    """People and their work, an MTU that differs, and too little memory where the user has that be a warning."""
    session = "USER=eve\\nSTATE=active\\nCLASS=user\\nSERVICE=sshd\\nREMOTE_HOST=192.0.2.9\\n"
    interface = provisioned.addresses()["client1"]["bench_load_interface"]
    mtu = int(provisioned.on("client1", f"cat /sys/class/net/{interface}/mtu"))
    provisioned.on("client1", f"ip link set {interface} mtu {mtu - 100}")
    provisioned.on("client1", f"mkdir -p /run/systemd/sessions; printf '{session}' >/run/systemd/sessions/c99")
    provisioned.on("client1", "systemd-run --quiet --unit=somebodys python3 -c 'while True: pass'")
    # Where other tests take the CPU, too, somebody's program gets but some of it.
    given: dict[str, Any] = {"preflight_busy_s": 2, "preflight_foreign_load_cores": 0.01}
    given |= {"preflight_memory_mib": 99999999, "preflight_levels": {"memory": "warn"}}
    try:
        found = lines(provisioned.play(SITE, *ALONE, "-e", json.dumps(given)), "warning")
    finally:
        provisioned.on("client1", "systemctl stop somebodys.service; rm /run/systemd/sessions/c99")
        provisioned.on("client1", f"ip link set {interface} mtu {mtu}")
    assert [line for line in found if "logged in: eve (sshd, from 192.0.2.9) (client1): " in line], found
    (busy,) = [line for line in found if "others take" in line and "(client1)" in line]
    assert "somebodys.service" in busy
    told = f"the MTU of {interface} is {mtu - 100}, the server's is {mtu} (client1): "
    assert [line for line in found if told in line], found
    assert len([line for line in found if "of memory are available" in line]) == 2
