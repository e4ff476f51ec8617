"""Checks of what else is on a host: ports that are taken, people, load."""

from __future__ import annotations

from collect.preflight.findings import Found
from collect.preflight.lab import MASTER_PORT, Check, Host, Lab

OWN_APP = "bench-app.service"
OWN_LOAD = "bench-load@"
# Redis may still be there where the variables have just given that port to the relay.
OWN = {
    "redis": ("bench-redis.service",),
    "relay": ("bench-relay.service", "bench-redis.service"),
    "database": ("bench-database.service",),
}


def taken(host: Host, lab: Lab) -> Found:
    """See that the ports of services and trials are free, or the testbed's own already."""
    held: dict[str, str] = dict(host.probe["ports"])
    if host.name != lab.server:
        holder = held.pop(str(MASTER_PORT), None)
        if holder and not holder.startswith(OWN_LOAD) and host.name == lab.first_client:
            yield "master_port", {"port": MASTER_PORT, "holder": holder}
    services = {name: str(port) for name, port in lab.services.items()}
    if host.name == lab.server and services.get("relay", "") == services.get("redis"):
        yield "same_port", {"port": services["redis"]}
    for name, port in services.items():
        holder = held.get(port)
        if holder is not None and holder not in OWN[name]:
            yield f"{name}_port", {"port": port, "holder": holder}
    strangers = [holder for port, holder in held.items() if port not in services.values() and holder != OWN_APP]
    if strangers:
        yield "app_ports", {"holders": ", ".join(dict.fromkeys(strangers))}


def company(host: Host, lab: Lab) -> Found:
    """See who is logged in, and what takes CPU."""
    there = host.machine.get("people") or ()
    if there:
        yield "people", {"people": ", ".join(there), "count": len(there)}
    busy = host.machine.get("busy") or {}
    if busy.get("cores", 0) > lab.limit("foreign_load_cores"):
        by = ", ".join(f"{name} {cores:.2f}" for name, cores in busy["by"])
        yield "foreign_load", {"cores": f"{busy['cores']:.2f}", "by": by}


CHECKS: tuple[Check, ...] = (taken, company)
