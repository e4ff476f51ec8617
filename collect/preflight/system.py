"""Checks of a host's system: rights, systemd, distribution, what it has left, kernel limits, clocks."""

from __future__ import annotations

import itertools
import re

from collect.preflight.findings import Found
from collect.preflight.lab import Check, Host, Lab

TW_BUCKETS = 32768
GOOD_CLOCKS = ("tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter")
MINUTE_S = 60


def rights(host: Host, lab: Lab) -> Found:
    """See what the testbed cannot do without."""
    probe = host.probe
    if not probe["root"]:
        yield "root", {}
    if (probe["system"], probe["machine"]) != ("Linux", "x86_64"):
        yield "system", {"system": probe["system"], "machine": probe["machine"]}
    version, least = int(probe["systemd"]), lab.port("systemd_min")
    quota_least = lab.port("systemd_quota_min")
    if version < least:
        yield "systemd", {"version": version or "(none)", "least": least}
    elif "cpu-quota" in lab.needs and version < quota_least:
        yield "systemd_quota", {"version": version, "least": quota_least}
    if version and not probe["units_in_cgroups"]:
        yield "units_in_cgroups", {}


def distribution(host: Host, lab: Lab) -> Found:
    """See whether the system was tried, and whether the Python that is carried there runs on it."""
    system = host.system
    said = system.get("distribution") or {}
    tried = [str(name) for name in lab.limits["distributions"]]
    known = f"{said.get('id')} {said.get('version')}"
    if not any(known == name or known.startswith(f"{name}.") for name in tried):
        yield "distribution", {"name": said.get("name") or "this distribution", "tried": ", ".join(tried)}
    needed, there = _version(lab.libc), _version(system.get("libc"))
    if needed and there and needed > there:
        yield "libc", {"needed": lab.libc, "there": system["libc"]}
    server = lab.hosts.get(lab.server, host)
    if system.get("libc") and server.system.get("libc") not in (None, system["libc"]):
        yield "libc_differs", {"here": system["libc"], "there": server.system["libc"]}
    if system.get("python38"):
        yield "python38", {"path": system["python38"]}
    if system.get("selinux") == "enforcing":
        yield "selinux", {}
    if system.get("apparmor"):
        yield "apparmor", {}


def _version(libc: object) -> tuple[int, ...]:
    """Return the version of a C library such as glibc-2.36 in numbers, none of another."""
    found = re.fullmatch(r"glibc-(\d+(?:\.\d+)*)", str(libc or ""))
    return tuple(map(int, found[1].split("."))) if found else ()


def same_as(host: Host, lab: Lab) -> list[str]:
    """Return the hosts before this one in the inventory that are the same machine."""
    own = host.system.get("machine_id")
    before = itertools.takewhile(lambda other: other.name != host.name, lab.hosts.values())
    return [other.name for other in before if own and other.system.get("machine_id") == own]


def sameness(host: Host, lab: Lab) -> Found:
    """See that no host before this one is the same machine, so that each pair is told once."""
    for other in same_as(host, lab):
        if other != lab.server:
            yield "same_client", {"other": other}
        else:
            yield "same_machine_allowed" if lab.same_host else "same_machine", {"other": other}


def room(host: Host, lab: Lab) -> Found:
    """See to disk, memory and swap."""
    needed = lab.port("disk_free_mib")
    full: dict[int, list[str]] = {}
    for path, free in (host.machine.get("disks") or {}).items():
        if free < needed:
            full.setdefault(free, []).append(path)
    for free, paths in full.items():  # paths with as much are most likely of one file system
        yield "disk", {"free": free, "path": paths[0], "needed": needed}
    available, wanted = host.probe["memory_mib"], lab.port("memory_mib")
    if available < wanted:
        yield "memory", {"available": available, "needed": wanted}
    swap = host.system.get("swap") or {}
    if swap.get("used_mib"):
        yield "swap_used", {"used": swap["used_mib"]}
    elif swap.get("total_mib"):
        yield "swap", {"total": swap["total_mib"]}


def kernel(host: Host, lab: Lab) -> Found:
    """See to the kernel's limits."""
    base, first = lab.port("app_port_base"), host.probe["ephemeral_ports"][0]
    if base + lab.port("app_ports") > first:
        yield "ephemeral_ports", {"base": base, "first": first}
    buckets = host.probe["max_tw_buckets"]
    if buckets < TW_BUCKETS:
        yield "tw_buckets", {"buckets": buckets, "needed": TW_BUCKETS}
    limits = host.system.get("limits") or {}
    for rule, name in (("open_files", "fs.nr_open"), ("conntrack", "net.netfilter.nf_conntrack_max")):
        needed = lab.port(rule)
        if limits.get(name) is not None and limits[name] < needed:
            yield rule, {"limit": limits[name], "needed": needed}


def clocks(host: Host, lab: Lab) -> Found:
    """See that the clock is right, and quick to read."""
    offset = float(host.probe["clock_offset_s"])
    if offset > lab.limit("clock_offset_s"):
        told = f"{offset:.1f} s" if offset < MINUTE_S else f"{offset:.0f} s ({offset / MINUTE_S:.0f} minutes)"
        yield "clock", {"offset": told}
    source = host.system.get("clock_source")
    if source and source not in GOOD_CLOCKS:
        yield "clock_source", {"source": source}


CHECKS: tuple[Check, ...] = (rights, distribution, sameness, room, kernel, clocks)
