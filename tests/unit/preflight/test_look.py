"""Each thing that may be wrong with a lab is found, on the host that has it, in its words; nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import yaml

from collect.preflight.findings import NOTE, REFUSE, rules
from collect.preflight.lab import MASTER_PORT, Lab, peers
from collect.preflight.look import look
from collect.trial import watching
from tests.support.looked import CLIENT, ROLE, SECOND, SERVER, host, lab, link, ping, way

FAR = {"interface": "enp9s0", "source": CLIENT, "gateway": "192.0.2.1", "local": False}
LOCAL = {"interface": "lo", "source": CLIENT, "gateway": None, "local": True}
SHUT = [{"port": 20000, "error": "timed out"}, {"port": 20999, "error": "timed out"}]
ONE_MACHINE = {"system": {"machine_id": "one"}, "ways": [way("server1", route=LOCAL)]}

# What is wrong, by rule: of the client unless it says otherwise, and words of what is said.
PROBED: dict[str, tuple[dict[str, Any], str]] = {
    "root": ({"root": False}, "is not root"),
    "system": ({"machine": "aarch64"}, "the host is Linux on aarch64"),
    "systemd": ({"systemd": 0}, "the host runs systemd (none), 240 or newer is needed"),
    "units_in_cgroups": ({"units_in_cgroups": False}, "of which systemd unit a process is"),
    "memory": ({"memory_mib": 100}, "100 MiB of memory are available, 512 are needed"),
    "ephemeral_ports": ({"ephemeral_ports": [1024, 60999]}, "the trials' ports from 20000 lie among those"),
    "tw_buckets": ({"max_tw_buckets": 4096}, "no more than 4096 sockets in TIME_WAIT"),
    "clock": ({"clock_offset_s": 300.4}, "the clock is off by at least 300 s (5 minutes)"),
    "load_address": ({"has_load_address": False}, f"{CLIENT} is no address of the host"),
    "source_address": ({"source_address": "192.0.2.12"}, f"would leave from 192.0.2.12, not from {CLIENT}"),
    "redis_port": ({"ports": {"6379": "valkey.service"}}, "port 6379, for Redis, is taken by valkey.service"),
    "app_ports": ({"ports": {"20003": "java (pid 7)", "20004": "java (pid 7)"}}, "are taken: java (pid 7)"),
    "master_port": ({"ports": {"5557": "java (pid 7)"}}, "port 5557, for the generator's master, is taken by java"),
}
TOLD: dict[str, tuple[dict[str, Any], str]] = {
    "distribution": (
        {"system": {"distribution": {"id": "fedora", "version": "41", "name": "Fedora Linux 41"}}},
        "Fedora Linux 41 was not tried; those that were: debian 12",
    ),
    "libc_differs": ({"system": {"libc": "glibc-2.41"}}, "it has glibc-2.41, the server has glibc-2.36"),
    "python38": ({"system": {"python38": "/usr/bin/python3.8"}}, "(/usr/bin/python3.8)"),
    "selinux": ({"system": {"selinux": "enforcing"}}, "SELinux is enforcing"),
    "apparmor": ({"system": {"apparmor": True}}, "AppArmor is on"),
    "same_machine": ({"system": {"machine_id": "boot of server1"}}, "server1 is the same machine"),
    "disk": ({"disks": {"/": 9000, "/opt/bench": 12}}, "12 MiB of disk are free at /opt/bench, 1024 are needed"),
    "swap_used": ({"system": {"swap": {"total_mib": 2048, "used_mib": 700}}}, "700 MiB are swapped out"),
    "swap": ({"system": {"swap": {"total_mib": 2048, "used_mib": 0}}}, "2048 MiB of swap"),
    "open_files": ({"system": {"limits": {"fs.nr_open": 4096}}}, "no more than 4096 open files"),
    "conntrack": ({"system": {"limits": {"net.netfilter.nf_conntrack_max": 65536}}}, "no more than 65536 connections"),
    "clock_source": ({"system": {"clock_source": "hpet"}}, "the kernel's clock is hpet"),
    "cpus": ({"cpu_problem": "there is no CPU 20, those there are: 0-11", "cpu_set": ""}, "there is no CPU 20"),
    "slow_cpus": ({"slow_cpus": "16-17", "cpu_set": "0-3,16-17"}, "CPUs 16-17 of bench_cpus are efficiency cores"),
    "shared_threads": ({"shared_threads": "6"}, "CPUs 6 are the other threads"),
    "nodes": ({"cpus": {"nodes": {"0": "0-5", "1": "6-11"}, "smt": False}}, "of 2 NUMA nodes"),
    "governor": (
        {"frequency": {"governors": {"performance": "0-5", "powersave": "6-11"}, "turbo": False}},
        "the governor of CPUs 6-11 is powersave",
    ),
    "frequency_unknown": ({"frequency": {"governors": {}, "turbo": None}}, "how fast the CPUs run"),
    "turbo": ({"frequency": {"governors": {"performance": "0-11"}, "turbo": True}}, "turbo is on"),
    "smt": ({"cpus": {"nodes": {}, "smt": True}}, "two threads"),
    "throttled": (
        {"throttled": {"core_events": 43, "package_events": 57, "cpus": "2,5,8,11"}},
        "too hot 100 times since it was booted (cores 43, package 57)",
    ),
    "hypervisor": ({"system": {"hypervisor": True}}, "virtual machine"),
    "link_down": ({"link": link(up=False, state="down", speed_mbit=None)}, "enp1s0 on the load network is down (down)"),
    "wireless": ({"link": link(wireless=True)}, "over Wi-Fi (enp1s0)"),
    "duplex": ({"link": link(duplex="half")}, "enp1s0 runs at half duplex"),
    "link_unknown": ({"link": link(speed_mbit=None)}, "the speed of enp1s0 is not told"),
    "link_speed_differs": ({"link": link(speed_mbit=2500)}, "2500 Mbit/s, the server's link at 1000"),
    "mtu_differs": ({"link": link(mtu=9000)}, "the MTU of enp1s0 is 9000, the server's is 1500"),
    "offloads": ({"link": link(offloads={"tso": False, "gro": False, "gso": True})}, "leaves gro, tso to the CPU"),
    "no_route": ({"ways": [way("server1", route=None)]}, f"no route to the server at {SERVER}"),
    "route": ({"ways": [way("server1", route=FAR)]}, "to the server would leave by enp9s0, not by enp1s0"),
    "subnet": (
        {"addresses": [{"interface": "enp1s0", "address": CLIENT, "prefix": 32}]},
        f"the server's load address {SERVER} is not in this host's subnet {CLIENT}/32",
    ),
    "reach": (
        {"ways": [way("server1", unreachable=SHUT, ping={"sent": 3, "lost": 3})]},
        "port 20000 of the server cannot be reached from here, timed out",
    ),
    "firewall": (
        {"ways": [way("server1", unreachable=SHUT[1:])]},
        "port 20999 of the server cannot be reached from here, timed out, though it answers pings",
    ),
    "ping_silent": ({"ways": [way("server1", ping={"sent": 3, "lost": 3})]}, "the server answers no pings"),
    "ping_lost": ({"ways": [way("server1", ping=ping(lost=4))]}, "4 of 40 pings to the server were lost"),
    "ping_slow": ({"ways": [way("server1", ping=ping(rtt_ms=7.5))]}, "takes 7.5 ms (median; 0.4 at most)"),
    "packet_rate": ({"ways": [way("server1", ping=ping(packets_per_s=900))]}, "no more than 900 small packets"),
    "whole_packets": ({"ways": [way("server1", ping=ping(whole=False))]}, "packets of 1500 bytes do not come through"),
    "people": ({"people": ["alice (tty2)", "bob (ssh, from 192.0.2.9)"]}, "alice (tty2), bob (ssh, from 192.0.2.9)"),
    "foreign_load": (
        {"busy": {"cores": 1.24, "by": [["postgresql.service", 0.75], ["make", 0.49]]}},
        "others take 1.24 of a core there: postgresql.service 0.75, make 0.49",
    ),
}
ELSEWHERE = {
    "systemd_quota", "libc", "same_machine_allowed", "swapped", "interface", "link_speed", "same_port", "relay_port",
    "database_port", "way", "same_client",
}  # fmt: skip
"""What has a test of its own below."""


def names(lab: Lab, name: str = "client1") -> set[str]:
    """Return what is found of a host, without the note that the way is good."""
    return {each.name for each in look(lab.hosts[name], lab)} - {"way"}


def said(lab: Lab, rule: str, name: str = "client1") -> str:
    (found,) = [each for each in look(lab.hosts[name], lab) if each.name == rule]
    return found.line()


def test_a_lab_as_it_should_be_has_nothing_but_the_figures_of_its_network() -> None:
    good = lab()
    assert [each.name for each in look(good.hosts["server1"], good)] == []
    (found,) = look(good.hosts["client1"], good)
    assert (found.name, found.level) == ("way", NOTE)
    assert "takes 0.2 ms (median), 50000 small packets a second" in found.what


@pytest.mark.parametrize("rule", PROBED)
def test_what_the_probe_tells(rule: str) -> None:
    probed, words = PROBED[rule]
    wrong = lab([host("client1", probed=probed)])
    assert names(wrong) == {rule}
    assert words in said(wrong, rule)
    assert names(wrong, "server1") == set(), "no other host is blamed"


@pytest.mark.parametrize("rule", TOLD)
def test_what_the_machine_tells(rule: str) -> None:
    told, words = TOLD[rule]
    wrong = lab([host("client1", told=told)])
    assert names(wrong) == {rule}
    assert words in said(wrong, rule)
    assert names(wrong, "server1") == set(), "no other host is blamed"


def test_every_rule_is_tried_here() -> None:
    assert {*PROBED, *TOLD, *ELSEWHERE} == set(rules())


def test_all_of_a_host_is_gathered_the_worst_first() -> None:
    system = {"hypervisor": True, "swap": {"total_mib": 9, "used_mib": 9}}
    told = {"system": system, "cpu_problem": "none", "cpu_set": ""}
    wrong = lab([host("client1", told=told, probed={"root": False})])
    found = look(wrong.hosts["client1"], wrong)
    assert [each.level for each in found] == ["refuse", "refuse", "warn", "note", "note"]
    assert look(wrong.hosts["client1"], wrong, {"swap_used": "refuse"})[2].level == REFUSE


def test_swapped_addresses_name_the_other_host() -> None:
    of = {"server1": CLIENT, "client1": SERVER}
    told = {name: [{"interface": "enp1s0", "address": address, "prefix": 24}] for name, address in of.items()}
    gone = {"has_load_address": False}
    swapped = [host(name, probed=gone, told={"addresses": addresses}) for name, addresses in told.items()]
    wrong = lab(swapped)
    assert names(wrong) == names(wrong, "server1") == {"swapped"}
    assert f"{CLIENT} is an address of server1, not of the host (client1): " in said(wrong, "swapped")


def test_an_interface_that_is_another() -> None:
    wrong = lab([host("client1", interface="enp2s0")])
    assert names(wrong) == {"interface"}
    assert "is on enp1s0, bench_load_interface says enp2s0 (client1): " in said(wrong, "interface")
    assert said(wrong, "interface").endswith("interfaces there: enp1s0, enp2s0")
    assert names(lab([host("client1", interface="")])) == set(), "it need not be named"


def test_a_slow_link_on_both() -> None:
    slow = lab([host(name, told={"link": link(speed_mbit=100)}) for name in ("server1", "client1")])
    assert names(slow) == names(slow, "server1") == {"link_speed"}
    assert "enp1s0 runs at 100 Mbit/s, 1000 are wanted" in said(slow, "link_speed")


def test_a_quota_needs_a_newer_systemd() -> None:
    hosts = [host("client1", probed={"systemd": 241})]
    assert names(lab(hosts)) == set()
    assert names(lab(hosts, needs=["cpu-quota"])) == {"systemd_quota"}


@pytest.mark.parametrize(
    ("needed", "there", "found"),
    [
        ("glibc-2.38", "glibc-2.36", {"libc"}),
        ("glibc-2.36", "glibc-2.36", set()),
        ("glibc-2.9", "glibc-2.36", set()),
        ("", "glibc-2.36", set()),
        ("glibc-2.38", "-", set()),
    ],
)
def test_a_python_that_was_built_for_a_newer_system(needed: str, there: str, found: set[str]) -> None:
    hosts = [host(name, told={"system": {"libc": there}}) for name in ("server1", "client1")]
    assert names(lab(hosts, libc=needed)) == found


def test_one_machine_is_allowed_by_who_asks_for_it() -> None:
    server = host("server1", told={"system": {"machine_id": "one"}})
    hosts = [server, host("client1", told=ONE_MACHINE, probed={"source_address": SERVER})]
    assert names(lab(hosts)) == {"same_machine"}
    assert names(lab(hosts, same_host=True)) == {"same_machine_allowed"}
    assert names(lab(hosts), "server1") == set(), "each pair is told once"


@pytest.mark.parametrize("same_host", [False, True])
def test_two_clients_that_are_one_machine_are_allowed_to_nobody(same_host: bool) -> None:
    told = {"system": {"machine_id": "one"}}
    wrong = lab([host("client1", told=told), host("client2", told=told)], same_host=same_host)
    assert names(wrong, "client2") == {"same_client"}
    assert said(wrong, "same_client", "client2").startswith("client1 is the same machine, and ")
    assert names(wrong) == set(), "each pair is told once"


def test_one_machine_for_all_is_told_of_each_pair() -> None:
    told = {"system": {"machine_id": "one"}, "ways": []}
    hosts = [host(name, told=told) for name in ("server1", "client1", "client2")]
    assert names(lab(hosts, same_host=True)) == {"same_machine_allowed"}
    assert names(lab(hosts, same_host=True), "client2") == {"same_machine_allowed", "same_client"}


@pytest.mark.parametrize(
    ("ports", "services", "found"),
    [
        ({"6379": "bench-redis.service", "20001": "bench-app.service"}, {"redis": 6379}, set()),
        ({"6380": "bench-redis.service"}, {"redis": 6379, "relay": 6380}, set()),
        ({"6380": "nginx.service"}, {"redis": 6379, "relay": 6380}, {"relay_port"}),
        ({}, {"redis": 6379, "relay": 6379}, {"same_port"}),
        ({"3306": "mariadb.service"}, {"redis": 6379, "database": 3306}, {"database_port"}),
        ({"3306": "bench-database.service"}, {"redis": 6379, "database": 3306}, set()),
    ],
)
def test_ports_that_are_taken_on_the_server(ports: dict[str, str], services: dict[str, int], found: set[str]) -> None:
    assert names(lab([host("server1", probed={"ports": ports})], services=services), "server1") == found


def test_a_firewall_is_told_with_what_it_should_let_through() -> None:
    wrong = lab([host("client1", told={"ways": [way("server1", unreachable=SHUT)]})])
    line = said(wrong, "firewall")
    assert line.endswith(f"let the firewall there pass TCP from {CLIENT} to {SERVER}, ports 20000 to 20999")
    master = [{"port": 5557, "error": "[Errno 113] No route to host"}]
    ways = [way("server1"), way("client1", unreachable=master)]
    wrong = lab([host("client2", told={"ways": ways})])
    assert "port 5557 of client1 cannot be reached from here, [Errno 113]" in said(wrong, "firewall", "client2")
    assert said(wrong, "firewall", "client2").endswith(f"pass TCP from {SECOND} to {CLIENT}, ports 5557")


def test_all_cpus_being_slow_is_no_choice() -> None:
    told = {"cpu_set": "16-19", "slow_cpus": "16-19"}
    assert names(lab([host("client1", told=told)])) == set()


def test_a_client_is_looked_at_where_the_server_could_not_be() -> None:
    alone = Lab(hosts={"client1": host("client1")}, server="server1", limits=lab().limits, services={"redis": 6379})
    assert names(alone) == set()


def ports_of(host: str, clients: Sequence[str] = ("client1", "client2")) -> dict[str, tuple[list[int], bool]]:
    addresses = {"server1": SERVER, "client1": CLIENT, "client2": SECOND}
    found = peers(host, "server1", clients, addresses, 20000, 20999)
    return {each["host"]: (each["ports"], each["pings"]) for each in found}


def test_who_tries_what() -> None:
    assert ports_of("server1") == {"client1": ([], False), "client2": ([], False)}
    assert ports_of("client1") == {"server1": ([20000, 20999], True)}
    assert ports_of("client2") == {"server1": ([20000, 20999], True), "client1": ([5557], True)}
    assert peers("client1", "server1", ["client1"], {"client1": CLIENT}, 1, 2) == [], "it has no address"


def test_locusts_master_waits_where_trials_say() -> None:
    told = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
    assert MASTER_PORT == watching.MASTER_PORT == told["__preflight_master_port"]


def test_what_is_tuned_for_trials_need_not_be_so_before() -> None:
    told = {
        "frequency": {"governors": {"powersave": "0-11"}, "turbo": True},
        "cpus": {"nodes": {}, "smt": True},
        "shared_threads": "6-11",
    }
    hosts = [host("client1", told=told)]
    assert names(lab(hosts)) == {"governor", "turbo", "smt", "shared_threads"}
    assert names(lab(hosts, tuned=["governor", "turbo", "smt"])) == set()


def test_the_masters_port_matters_on_the_first_client_and_is_the_generators_own() -> None:
    taken = {"ports": {"5557": "java (pid 7)"}}
    second = lab([host("client2", probed=taken, told={"ways": [way("server1"), way("client1")]})])
    assert names(second, "client2") == set()
    own = {"ports": {"5557": "bench-load@primary.service"}}
    assert names(lab([host("client1", probed=own)])) == set()
