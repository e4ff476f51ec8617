"""Hosts as preflight sees them: a server and a client that are as they should be, and what may be wrong with them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from collect.preflight.lab import Host, Lab
from tests.support.checkout import ORIGINAL

ROLE = ORIGINAL / "roles" / "preflight"
SERVER, CLIENT, SECOND = "198.51.100.11", "198.51.100.12", "198.51.100.13"
ADDRESSES = {"server1": SERVER, "client1": CLIENT, "client2": SECOND}


def limits() -> dict[str, Any]:
    """Return the limits that the role gives, as they are by default."""
    defaults: dict[str, Any] = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    names = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["__preflight_limits"]
    found = {name: defaults[f"preflight_{name}"] for name in names}
    return {**found, "app_port_base": 20000}


def probe(**other: Any) -> dict[str, Any]:
    """Return what the module ``probe`` tells."""
    told = {
        "time": 1.0, "root": True, "system": "Linux", "machine": "x86_64", "systemd": 252, "units_in_cgroups": True,
        "memory_mib": 16000, "has_load_address": True, "source_address": "", "ephemeral_ports": [32768, 60999],
        "max_tw_buckets": 65536, "ports": {}, "clock_offset_s": 0.0,
    }  # fmt: skip
    return {**told, **other}


def link(**other: Any) -> dict[str, Any]:
    """Return a link as collect/hosts/links.py has it."""
    told = {
        "name": "enp1s0", "up": True, "state": "up", "speed_mbit": 1000, "duplex": "full", "mtu": 1500,
        "driver": "e1000e", "wireless": False, "virtual": False, "offloads": {"gro": True},
    }  # fmt: skip
    return {**told, **other}


def ping(**other: Any) -> dict[str, Any]:
    """Return what pings tell."""
    told = {"sent": 40, "lost": 0, "rtt_ms": 0.2, "rtt_max_ms": 0.4, "whole": True, "packets_per_s": 50000}
    return {**told, **other}


def way(host: str, **other: Any) -> dict[str, Any]:
    """Return a way to another host."""
    route = {"interface": "enp1s0", "source": "", "gateway": None, "local": False}
    told = {"host": host, "address": ADDRESSES[host], "route": route, "asked": True, "unreachable": [], "ping": ping()}
    return {**told, **other}


def machine(name: str, **other: Any) -> dict[str, Any]:
    """Return what the module ``machine`` tells; ``system`` is merged."""
    system = {
        "distribution": {"id": "debian", "version": "12", "name": "Debian GNU/Linux 12 (bookworm)"},
        "libc": "glibc-2.36", "python": "3.11.2", "python38": None, "machine_id": f"boot of {name}",
        "hypervisor": False,
        "container": None, "clock_source": "tsc", "clock_sources": ["tsc"], "swap": {"total_mib": 0, "used_mib": 0},
        "limits": {"fs.nr_open": 1048576, "net.netfilter.nf_conntrack_max": None}, "selinux": None, "apparmor": False,
        **other.pop("system", {}),
    }  # fmt: skip
    told = {
        "cpus": {"online": "0-11", "nodes": {"0": "0-11"}, "smt": False}, "cpu_set": "0-11", "cpu_problem": "",
        "shared_threads": "", "slow_cpus": "", "throttled": {"core_events": 0, "package_events": 0, "cpus": ""},
        "frequency": {"driver": "intel_pstate", "governors": {"performance": "0-11"}, "turbo": False},
        "addresses": [{"interface": "enp1s0", "address": ADDRESSES[name], "prefix": 24}], "load_interface": "enp1s0",
        "interfaces": ["enp1s0", "enp2s0"], "link": link(), "disks": {"/": 9000, "/opt/bench": 9000}, "people": [],
        "busy": {"cores": 0.0, "by": []}, "ways": [] if name == "server1" else [way("server1")],
    }  # fmt: skip
    return {**told, "system": system, **other}


def host(
    name: str,
    *,
    probed: Mapping[str, Any] | None = None,
    told: Mapping[str, Any] | None = None,
    interface: str = "enp1s0",
    cpus: str = "performance",
) -> Host:
    """Return a host that is as it should be, but for what is given."""
    given = probe(**{"source_address": ADDRESSES[name], **(probed or {})})
    return Host(name, ADDRESSES[name], interface, cpus, given, machine(name, **copy.deepcopy(dict(told or {}))))


def lab(hosts: Sequence[Host] = (), **other: Any) -> Lab:
    """Return a lab of the given hosts, and of a server and a client that are as they should be where they are not."""
    known = {"server1": host("server1"), "client1": host("client1"), **{each.name: each for each in hosts}}
    given = {"limits": limits(), "services": {"redis": 6379}, **other}
    return Lab(hosts=known, server="server1", **given)
