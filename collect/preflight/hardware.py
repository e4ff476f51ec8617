"""Checks of a host's CPUs: which ones are measured on, how fast they run, and whether they were too hot."""

from __future__ import annotations

from collect.hosts.reading import parse_cpus
from collect.preflight.findings import Found
from collect.preflight.lab import Check, Host, Lab


def cpu_set(host: Host, lab: Lab) -> Found:
    """See that the CPUs that are asked for are there, fast, and of whole cores."""
    machine = host.machine
    if machine.get("cpu_problem"):
        yield "cpus", {"asked": host.cpus, "problem": machine["cpu_problem"]}
        return
    slow, shared = machine.get("slow_cpus"), machine.get("shared_threads")
    # Where there are none but slow ones, or all are asked for, nothing can be better by choosing.
    if slow and slow != machine.get("cpu_set"):
        yield "slow_cpus", {"cpus": slow}
    if shared and "smt" not in lab.tuned:
        yield "shared_threads", {"cpus": shared}
    cpus = machine.get("cpus") or {}
    chosen = set(parse_cpus(str(machine.get("cpu_set") or "")))
    nodes = [node for node, of in (cpus.get("nodes") or {}).items() if chosen & set(parse_cpus(of))]
    if len(nodes) > 1:
        yield "nodes", {"count": len(nodes)}


def speed(host: Host, lab: Lab) -> Found:
    """See what may change the CPUs' frequency, but for what is tuned for trials anyway."""
    frequency = host.machine.get("frequency") or {}
    governors = frequency.get("governors") or {}
    for governor, cpus in governors.items():
        if governor != "performance" and "governor" not in lab.tuned:
            yield "governor", {"governor": governor, "cpus": cpus}
    if not governors:
        yield "frequency_unknown", {}
    if frequency.get("turbo") and "turbo" not in lab.tuned:
        yield "turbo", {}
    if (host.machine.get("cpus") or {}).get("smt") and "smt" not in lab.tuned:
        yield "smt", {}
    if host.system.get("hypervisor"):
        yield "hypervisor", {}


def heat(host: Host, _lab: Lab) -> Found:
    """See whether the CPUs were throttled since the host was booted."""
    events = host.machine.get("throttled") or {}
    cores, packages = events.get("core_events", 0), events.get("package_events", 0)
    if cores or packages:
        told = {"core_events": cores, "package_events": packages, "cpus": events.get("cpus") or "of the package"}
        yield "throttled", {"events": cores + packages, **told}


CHECKS: tuple[Check, ...] = (cpu_set, speed, heat)
