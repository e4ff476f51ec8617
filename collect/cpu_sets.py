"""Which hosts have the same CPUs: containers made on one machine may, and what these did is to be counted once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

SAME_BOOT_S = 2.0
"""Containers reckon the boot of their one kernel from clocks that are set meanwhile."""

Facts = Mapping[str, Any]
"""What a host's collector says that it is (sampler.facts)."""


def by_cpu_set(hosts: Iterable[str], facts: Mapping[str, Facts]) -> list[list[str]]:
    """Return the hosts, those together that share their CPUs, by the ``facts`` of each; without them none do."""
    found: list[list[str]] = []
    for host in hosts:
        for group in found:
            if share_cpus(facts.get(group[0]) or {}, facts.get(host) or {}):
                group.append(host)
                break
        else:
            found.append([host])
    return found


def share_cpus(one: Facts, other: Facts) -> bool:
    """Say whether two hosts are containers of one kernel with the same CPU set."""
    if not (is_container(one) and is_container(other)):
        return False
    alike = all(one.get(key) == other.get(key) for key in ("cpu_set", "cpu_model", "kernel_build"))
    booted, again = one.get("boot_time"), other.get("boot_time")
    if not alike or not one.get("cpu_set") or booted is None or again is None:
        return False
    return abs(float(booted) - float(again)) <= SAME_BOOT_S


def is_container(facts: Facts) -> bool:
    """Say whether a host is a container, by its facts."""
    kinds = facts.get("virtualisation")
    return isinstance(kinds, Mapping) and kinds.get("container") not in (None, "none")


def facts_of(run: Mapping[str, Any]) -> dict[str, Facts]:
    """Return what the hosts of a run under way (run.json) said that they are, at the last session that asked them."""
    found: dict[str, Facts] = {}
    for session in run.get("sessions") or ():
        found |= {name: facts or {} for name, facts in (session.get("facts") or {}).items()}
    return found
