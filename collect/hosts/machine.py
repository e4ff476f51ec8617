"""All that preflight wants to know of a host, its hardware and its ways to the others, at once. Changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Sequence

from . import links, netlink
from .cpus import Topology
from .frequency import frequency
from .people import busy, people
from .reading import show_cpus
from .system import disks, system, usable_cpus
from .throttle import throttled
from .ways import ping, unreachable

ROOT = Path("/")


def hardware(wanted_cpus: str, root: Path = ROOT, usable: Sequence[int] | None = None) -> dict[str, Any]:
    """Return CPUs, frequencies and throttling.

    ``cpu_set`` is what ``wanted_cpus`` (``performance``, ``all``, a list) comes to, ``cpu_problem`` why to nothing;
    ``shared_threads`` are the other threads of its cores, ``slow_cpus`` its efficiency cores.
    """
    topology = Topology(root, usable)
    problem = ""
    chosen: tuple[int, ...] = ()
    try:
        chosen = topology.choose(wanted_cpus)
    except ValueError as error:
        problem = str(error)
    return {
        "cpus": topology.describe(),
        "cpu_set": show_cpus(chosen),
        "cpu_problem": problem,
        "shared_threads": show_cpus(topology.shared(chosen)),
        "slow_cpus": show_cpus(set(chosen) & set(topology.efficiency_cpus())),
        "frequency": frequency(chosen or topology.online, root),
        "throttled": throttled(topology, root),
    }


def network(load_address: str, load_interface: str) -> dict[str, Any]:
    """Return the host's addresses, and the link that has the load address (or is named)."""
    try:
        there = netlink.addresses()
    except OSError:
        there = []
    holding = next((each["interface"] for each in there if each["address"] == load_address), None)
    return {
        "addresses": there,
        "load_interface": holding,
        "interfaces": links.names(),
        "link": links.link(str(holding or load_interface)),
    }


def way(peer: Mapping[str, Any], mtu: int | None, *, pings: bool) -> dict[str, Any]:
    """Return the route to another host (``host``, ``address``, ``ports``), what of it cannot be reached, and pings."""
    address = str(peer["address"])
    try:
        told: dict[str, Any] = {"route": netlink.route(address), "asked": True}
    except OSError:
        told = {"route": None, "asked": False}
    told["unreachable"] = unreachable(address, map(int, peer["ports"]))
    return {**told, "host": peer["host"], "address": address, "ping": ping(address, mtu) if pings else None}


def look(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything.

    ``wanted``: ``cpus``, ``load_address``, ``load_interface``, ``peers`` (see ``way``; those with ``pings``), ``disks``
    (paths), ``busy_s`` (for how long to watch who takes CPU).
    """
    found: dict[str, Any] = {
        **hardware(wanted["cpus"], ROOT, usable_cpus()),
        **network(wanted["load_address"], wanted["load_interface"]),
        "system": system(),
        "disks": disks(wanted["disks"]),
        "people": people(),
        "busy": busy(float(wanted["busy_s"])),
    }
    mtu = found["link"]["mtu"] if found["link"] else None
    found["ways"] = [way(peer, mtu, pings=bool(peer["pings"])) for peer in wanted["peers"]]
    return found
