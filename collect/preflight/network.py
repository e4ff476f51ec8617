"""Checks of the load network: addresses, links, and the ways between the hosts."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from collect.preflight.findings import Found
from collect.preflight.lab import Check, Host, Lab


def addresses(host: Host, lab: Lab) -> Found:
    """See that the load address is the host's own, and on the interface that the inventory names."""
    address = host.load_address
    if not host.probe["has_load_address"]:
        holder = next((other.name for other in lab.others(host) if address in _own(other)), None)
        if holder:
            yield "swapped", {"address": address, "other": holder}
        else:
            yield "load_address", {"address": address}
        return
    found, named = host.machine.get("load_interface"), host.load_interface
    if found and named and found != named:
        there = ", ".join(host.machine.get("interfaces") or ()) or "none"
        yield "interface", {"address": address, "found": found, "named": named, "interfaces": there}


def _own(host: Host) -> set[str]:
    """Return the addresses that a host has."""
    return {each["address"] for each in host.machine.get("addresses") or ()}


def link(host: Host, lab: Lab) -> Found:
    """See that the link is up, and how fast it is."""
    link = host.link
    if not link:
        return
    name, speed = link["name"], link["speed_mbit"]
    if not link["up"]:
        yield "link_down", {"name": name, "state": link["state"]}
        return
    if link["wireless"]:
        yield "wireless", {"name": name}
    if link["duplex"] == "half":
        yield "duplex", {"name": name}
    if speed is None and not link["wireless"]:
        yield "link_unknown", {"name": name}
    elif speed is not None and speed < lab.limit("link_speed_mbit"):
        yield "link_speed", {"name": name, "speed": speed, "needed": lab.port("link_speed_mbit")}
    off = sorted(offload for offload, is_on in link["offloads"].items() if not is_on)
    if off:
        yield "offloads", {"name": name, "off": ", ".join(off)}


def alike(host: Host, lab: Lab) -> Found:
    """See that a client's link is as the server's."""
    link, server = host.link, lab.hosts[lab.server].link if lab.server in lab.hosts else {}
    if not link or not server or not link["up"] or host.name == lab.server:
        return
    for rule, what, unit in (("mtu_differs", "mtu", "mtu"), ("link_speed_differs", "speed_mbit", "speed")):
        if link[what] and server[what] and link[what] != server[what]:
            yield rule, {"name": link["name"], unit: link[what], f"server_{unit}": server[what]}


def routes(host: Host, lab: Lab) -> Found:
    """See that packets leave by the load network, from the load address, and by no router."""
    if not host.probe["has_load_address"] or _is_down(host) or _is_server(host, lab):
        return
    source = host.probe["source_address"]
    if source != host.load_address:
        yield "source_address", {"source": source or "nowhere", "address": host.load_address}
        return
    for way in host.ways:
        yield from _route(host, lab, way)


def _is_down(host: Host) -> bool:
    return bool(host.link) and not host.link["up"]


def _is_server(host: Host, lab: Lab) -> bool:
    """Say whether a client is the very machine that the server is: then no packet leaves it."""
    server = lab.hosts.get(lab.server)
    own = host.system.get("machine_id")
    return bool(own and server and server.name != host.name and server.system.get("machine_id") == own)


def _route(host: Host, lab: Lab, way: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    route, peer = way["route"], lab.called(way["host"])
    if route is None:
        if way["asked"]:
            yield "no_route", {"peer": peer, "address": way["address"]}
        return
    if route["local"]:
        return  # one machine: said by itself
    own, leaves = host.machine.get("load_interface"), route["interface"]
    if own and leaves and own != leaves:
        yield "route", {"peer": peer, "interface": leaves, "load_interface": own}
        return
    network = _network(host)
    if network and ipaddress.ip_address(way["address"]) not in network:
        yield "subnet", {"peer": peer, "address": way["address"], "network": network}


def _network(host: Host) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return the subnet of the load address."""
    for each in host.machine.get("addresses") or ():
        if each["address"] == host.load_address:
            return ipaddress.ip_interface(f"{each['address']}/{each['prefix']}").network
    return None


def ports(host: Host, lab: Lab) -> Found:
    """See that what will listen on the others can be reached; of each other host the first port that cannot is told."""
    for way in host.ways:
        if not way["unreachable"] or not host.probe["has_load_address"]:
            continue
        first, peer = way["unreachable"][0], lab.called(way["host"])
        told = {"port": first["port"], "peer": peer, "error": first["error"]}
        if (way["ping"] or {}).get("rtt_ms") is None:
            yield "reach", told
            continue
        last = lab.port("app_port_base") + lab.port("app_ports") - 1
        wanted = f"{lab.port('app_port_base')} to {last}" if way["host"] == lab.server else str(first["port"])
        yield "firewall", {**told, "source": host.load_address, "address": way["address"], "ports": wanted}


def pings(host: Host, lab: Lab) -> Found:
    """See what pings tell of the way."""
    for way in host.ways:
        told, peer = way["ping"], lab.called(way["host"])
        if told is None or way["unreachable"]:
            continue
        if told.get("rtt_ms") is None:
            yield "ping_silent", {"peer": peer}
            continue
        rtt, rate = told["rtt_ms"], told["packets_per_s"]
        fine = True
        if told["lost"]:
            fine = False
            yield "ping_lost", {"peer": peer, "lost": told["lost"], "sent": told["sent"]}
        if rtt > lab.limit("ping_ms"):
            fine = False
            yield "ping_slow", {"peer": peer, "rtt": rtt, "most": told["rtt_max_ms"]}
        if told.get("whole") is False:
            yield "whole_packets", {"peer": peer, "mtu": host.link.get("mtu")}
        if rate < lab.limit("packets_per_s"):
            fine = False
            yield "packet_rate", {"peer": peer, "rate": rate}
        if fine:
            yield "way", {"peer": peer, "rtt": rtt, "rate": rate}


CHECKS: tuple[Check, ...] = (addresses, link, alike, routes, ports, pings)
