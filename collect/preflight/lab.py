"""The hosts of an inventory as preflight has looked at them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from collect.preflight.findings import Found

MASTER_PORT = 5557
"""On the first client, where Locust's master waits for the workers of the others (collect/trial/watching.py)."""


@dataclass(frozen=True)
class Host:
    """A host: what the inventory says of it, what the module ``probe`` told, and what the module ``machine`` did."""

    name: str
    load_address: str
    load_interface: str
    cpus: str
    probe: Mapping[str, Any]
    machine: Mapping[str, Any]

    @property
    def link(self) -> Mapping[str, Any]:
        """Return its link on the load network, empty where there is none."""
        return self.machine.get("link") or {}

    @property
    def ways(self) -> Sequence[Mapping[str, Any]]:
        """Return its ways to the others."""
        return self.machine.get("ways") or ()

    @property
    def system(self) -> Mapping[str, Any]:
        """Return what is known of its system."""
        return self.machine.get("system") or {}


@dataclass(frozen=True)
class Lab:
    """All hosts that could be looked at, and what is asked of them.

    ``libc`` is the C library that the Python which is carried to them needs; ``tuned`` names what is set for trials, so
    that it need not be so before: governor, turbo, smt.
    """

    hosts: Mapping[str, Host]
    server: str
    limits: Mapping[str, Any]
    needs: Sequence[str] = ()
    services: Mapping[str, int] = field(default_factory=dict)
    same_host: bool = False
    libc: str = ""
    tuned: Sequence[str] = ()

    @property
    def first_client(self) -> str:
        """Return the client that has the generator's master; hosts come in the order of the inventory."""
        return next((name for name in self.hosts if name != self.server), "")

    def limit(self, name: str) -> float:
        """Return a limit as a number."""
        return float(self.limits[name])

    def port(self, name: str) -> int:
        """Return a limit that is a port, or a number of them."""
        return int(self.limits[name])

    def others(self, host: Host) -> list[Host]:
        """Return all hosts but this one."""
        return [other for name, other in self.hosts.items() if name != host.name]

    def called(self, name: str) -> str:
        """Return a host as it is called in a sentence."""
        return "the server" if name == self.server else name


Check = Callable[[Host, Lab], Found]


def peers(
    host: str, server: str, clients: Iterable[str], addresses: Mapping[str, str], first_port: int, last_port: int
) -> list[dict[str, Any]]:
    """Return what a host is to try of the others: ``host``, ``address``, ``ports``, and whether to send ``pings``.

    Clients try the server's ports and, but for the first, the one of Locust's master; the server looks at its routes
    back. Hosts without an address are left out.
    """
    ordered = list(clients)
    wanted: list[tuple[str, list[int]]]
    if host == server:
        wanted = [(name, []) for name in ordered if name != server]
    else:
        wanted = [(server, [first_port, last_port])]
        if ordered and host != ordered[0]:
            wanted.append((ordered[0], [MASTER_PORT]))
    return [
        {"host": name, "address": addresses[name], "ports": ports, "pings": bool(ports)}
        for name, ports in wanted
        if addresses.get(name)
    ]
