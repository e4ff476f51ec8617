"""How often the CPUs were too hot since the host was booted, as the kernel counts it (x86 from Intel)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .cpus import Topology
from .reading import number, show_cpus


def throttled(topology: Topology, root: Path = Path("/")) -> dict[str, Any] | None:
    """Return the events of cores and packages and for how long; None where nobody counts.

    ``core_events`` is the sum over cores: each thread of one counts the same events, so the larger of them is taken.
    ``package_events`` likewise over packages. ``cpus`` lists those whose core was throttled, ``core_ms`` is the longest
    that one core was, in milliseconds (0 where the kernel does not tell).
    """
    folder = root / "sys/devices/system/cpu"
    cores: dict[tuple[int, ...], int] = {}
    packages: dict[int, int] = {}
    hot: list[int] = []
    longest_ms, counted = 0, False
    for cpu in topology.online:
        here = folder / f"cpu{cpu}"
        core, package = (number(here / f"thermal_throttle/{kind}_throttle_count") for kind in ("core", "package"))
        counted = counted or core is not None or package is not None
        of_core, of_package = topology.siblings(cpu), number(here / "topology/physical_package_id") or 0
        cores[of_core] = max(cores.get(of_core, 0), core or 0)
        packages[of_package] = max(packages.get(of_package, 0), package or 0)
        if core:
            hot.append(cpu)
            longest_ms = max(longest_ms, number(here / "thermal_throttle/core_throttle_total_time_ms") or 0)
    if not counted:
        return None
    return {
        "core_events": sum(cores.values()),
        "package_events": sum(packages.values()),
        "core_ms": longest_ms,
        "cpus": show_cpus(hot),
    }
