"""Put every check to a host."""

from __future__ import annotations

from collections.abc import Mapping

from collect.preflight import hardware, network, others, system
from collect.preflight.findings import LEVELS, Finding, finding
from collect.preflight.lab import Check, Host, Lab

CHECKS: tuple[Check, ...] = (*system.CHECKS, *hardware.CHECKS, *network.CHECKS, *others.CHECKS)


def look(host: Host, lab: Lab, levels: Mapping[str, str] | None = None) -> list[Finding]:
    """Return all that is found of a host, the worst first; ``levels`` has those that the user wants otherwise."""
    found = [finding(name, host.name, values, levels or {}) for check in CHECKS for name, values in check(host, lab)]
    return sorted(found, key=lambda each: LEVELS.index(each.level))
