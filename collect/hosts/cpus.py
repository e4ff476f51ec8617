"""Which CPUs a host has: their cores, threads and nodes, and which of them are the fast ones of a hybrid processor."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable

from .reading import cpus_at, number, parse_cpus, show_cpus, text

PERFORMANCE, ALL = "performance", "all"
"""What may stand for a list of CPUs."""

ALIKE = 0.85
"""Cores whose capacity or highest frequency is at least this share of the best one's are of one kind.

Favoured cores of one kind differ by some 2 % (Turbo Boost Max) to 10 %, efficiency cores run at three quarters or less.
"""


class Topology:
    """The CPUs below a root folder, as sysfs has them."""

    def __init__(self, root: Path = Path("/"), usable: Iterable[int] | None = None) -> None:
        """Read which CPUs are online; only ``usable`` ones count where they are given (a container has but some)."""
        self._devices = root / "sys/devices"
        self._folder = self._devices / "system/cpu"
        folders = {int(path.name[3:]) for path in self._folder.glob("cpu[0-9]*") if path.name[3:].isdigit()}
        online = cpus_at(self._folder / "online")
        there = set(folders if online is None else online)
        allowed = there if usable is None else (there & set(usable) or set(usable))
        self.online = tuple(sorted(allowed))
        self.offline = tuple(sorted(folders - there))

    def siblings(self, cpu: int) -> tuple[int, ...]:
        """Return the online threads of a CPU's core, itself among them."""
        for name in ("core_cpus_list", "thread_siblings_list"):
            found = cpus_at(self._folder / f"cpu{cpu}/topology/{name}")
            if found:
                return found
        return (cpu,)

    def cores(self, cpus: Iterable[int]) -> int:
        """Return how many cores the CPUs belong to."""
        return len({self.siblings(cpu) for cpu in cpus})

    def shared(self, cpus: Iterable[int]) -> tuple[int, ...]:
        """Return the other threads of these CPUs' cores: those that are online and not among them."""
        chosen = set(cpus)
        around = {thread for cpu in chosen for thread in self.siblings(cpu)}
        return tuple(sorted(around & set(self.online) - chosen))

    def performance_cpus(self) -> tuple[int, ...]:
        """Return all threads of the performance cores; all CPUs where there is one kind only.

        The kernel names the kinds of a hybrid Intel processor; elsewhere its capacities tell them apart, or else the
        highest frequencies.
        """
        return self._by_kind() or self._by("cpu_capacity") or self._by("cpufreq/cpuinfo_max_freq") or self.online

    def efficiency_cpus(self) -> tuple[int, ...]:
        """Return what is no performance core."""
        return tuple(sorted(set(self.online) - set(self.performance_cpus())))

    def _by_kind(self) -> tuple[int, ...]:
        fast, slow = (cpus_at(self._devices / name / "cpus") for name in ("cpu_core", "cpu_atom"))
        return tuple(cpu for cpu in self.online if cpu in fast) if fast and slow else ()

    def _by(self, name: str) -> tuple[int, ...]:
        """Return the CPUs near the best by a figure; none where it is not known of all, or they are all alike."""
        figures = {cpu: number(self._folder / f"cpu{cpu}/{name}") for cpu in self.online}
        known = {cpu: figure for cpu, figure in figures.items() if figure}
        if not known or len(known) < len(figures):
            return ()
        least = ALIKE * max(known.values())
        found = tuple(cpu for cpu, figure in known.items() if figure >= least)
        return found if len(found) < len(known) else ()

    def choose(self, wanted: str) -> tuple[int, ...]:
        """Return the CPUs that ``performance``, ``all`` or a list such as ``0-3`` means; raises ValueError in words."""
        if wanted == PERFORMANCE:
            return self.performance_cpus()
        if wanted == ALL:
            return self.online
        cpus = parse_cpus(wanted)
        if not cpus:
            raise ValueError(f'"{wanted}" is no list of CPUs such as 0-3,6')
        missing = set(cpus) - set(self.online)
        if missing:
            raise ValueError(f"there is no CPU {show_cpus(missing)}, those there are: {show_cpus(self.online)}")
        return cpus

    def nodes(self) -> dict[str, tuple[int, ...]]:
        """Return the online CPUs of each NUMA node."""
        found = {}
        for folder in sorted((self._devices / "system/node").glob("node[0-9]*")):
            cpus = set(cpus_at(folder / "cpulist") or ()) & set(self.online)
            if cpus:
                found[folder.name[4:]] = tuple(sorted(cpus))
        return found

    def smt(self) -> bool:
        """Say whether a core of these CPUs has two threads that are online."""
        return any(len(self.siblings(cpu)) > 1 for cpu in self.online)

    def describe(self) -> dict[str, Any]:
        """Return all of it as plain data, CPUs as lists such as ``0-3``."""
        return {
            "online": show_cpus(self.online),
            "offline": show_cpus(self.offline),
            "performance": show_cpus(self.performance_cpus()),
            "efficiency": show_cpus(self.efficiency_cpus()),
            "cores": self.cores(self.online),
            "smt": self.smt(),
            "smt_control": text(self._folder / "smt/control"),
            "nodes": {node: show_cpus(cpus) for node, cpus in self.nodes().items()},
        }
