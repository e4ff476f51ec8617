#!/usr/bin/python
"""Make the networks of local hosts: a shaped one for the load, and one to reach each host by SSH."""

from __future__ import annotations

import fcntl
import hashlib
import ipaddress
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.local_hosts import NETNS, HostsError, booted, run, unit_name, working

DOCUMENTATION = """
module: local_network
short_description: Make the networks of local hosts
description:
  - Each host has a network namespace. In a further one a bridge joins their links for the load; tbf shapes each link in
    both directions. A pair of interfaces with a /30 joins each host with this machine.
  - The addresses are a block of this checkout's own, kept in O(state_dir)/network.json with what the inventory needs.
options:
  checkout_id: {description: Goes into the names of namespaces and interfaces., type: str, required: true}
  state_dir: {description: Folder of the local hosts' state., type: path, required: true}
  began: {description: Unix time when the playbook began., type: float, required: true}
  hosts:
    description: Hosts, the server first.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: Name of the host., type: str, required: true}
      cpus: {description: CPUs of the host that handle what its interfaces receive., type: str, required: true}
  load_network: {description: Network of the load., type: str, required: true}
  management_network: {description: Network that the checkout's block is taken from., type: str, required: true}
  rate_mbit: {description: Rate of each link for the load in Mbit/s; 0 is unshaped., type: int, required: true}
"""

BLOCK_PREFIX = 27
LOAD, MANAGEMENT, BRIDGE = "lan0", "mgmt0", "bridge"
# What a link lets through at once, and how long its queue gets: a switch port's few milliseconds.
BURST_S, LATENCY_MS, MIN_BURST_BYTES = 0.002, 10, 16_384

Network = ipaddress.IPv4Network
Interfaces = dict[str, tuple[bool, tuple[str, ...]]]
"""By name: whether the interface is up, and its IPv4 addresses."""


@dataclass(frozen=True)
class Link:
    """The links of one host: its namespace, interface names outside, and addresses."""

    host: str
    cpus: str
    namespace: str
    outside: str
    load: ipaddress.IPv4Interface
    control: ipaddress.IPv4Interface
    management: ipaddress.IPv4Interface

    @property
    def card(self) -> str:
        """The hardware address on the load network: if it changed, others would send to a card that is gone."""
        return ":".join(f"{byte:02x}" for byte in (0x02, 0, *self.load.ip.packed))  # 02: locally administered

    def variables(self) -> dict[str, str]:
        """Return what the inventory says of this host."""
        return {
            "ansible_host": str(self.management.ip),
            "bench_load_address": str(self.load.ip),
            "bench_load_interface": LOAD,
        }


def interfaces(namespace: str | None) -> Interfaces:
    """Return the interfaces of a namespace, or of this machine."""
    where = ("-n", namespace) if namespace else ()
    found = json.loads(run("ip", *where, "-json", "address", "show"))
    return {
        link["ifname"]: (
            "UP" in link["flags"],
            tuple(f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"] if a["family"] == "inet"),
        )
        for link in found
        if "ifname" in link
    }


def taken(own_prefix: str) -> list[Network]:
    """Return the networks that other interfaces and routes of this machine use."""
    used = [
        ipaddress.ip_interface(address).network
        for name, (_, addresses) in interfaces(None).items()
        for address in addresses
        if not name.startswith(own_prefix)
    ]
    for route in json.loads(run("ip", "-json", "-4", "route", "show", "table", "all")):
        if route["dst"] != "default" and not route.get("dev", "").startswith(own_prefix):
            used.append(ipaddress.ip_network(route["dst"]))
    return [network for network in used if isinstance(network, Network)]


def choose_block(management: Network, checkout_id: str, kept: str | None) -> Network:
    """Return the block of this checkout: the one it had, else the first free one from where its id points to."""
    used = taken(unit_name(checkout_id, ""))
    blocks = list(management.subnets(new_prefix=BLOCK_PREFIX))
    first = int(hashlib.sha256(checkout_id.encode()).hexdigest(), 16) % len(blocks)
    candidates = blocks[first:] + blocks[:first]
    if kept and Network(kept) in blocks:
        candidates.insert(0, Network(kept))
    for block in candidates:
        if not any(block.overlaps(network) for network in used):
            return block
    raise HostsError(f"no free block of addresses ({management}): remove checkouts' hosts with playbooks/down.yml")


def plan_links(checkout_id: str, hosts: list[dict[str, str]], load: Network, block: Network) -> list[Link]:
    """Return the links of all hosts; the n-th host has the n-th /30 of the block."""
    links = []
    for number, (host, pair) in enumerate(zip(hosts, block.subnets(new_prefix=30), strict=False)):
        links.append(
            Link(
                host=host["name"],
                cpus=host["cpus"],
                namespace=unit_name(checkout_id, host["name"]),
                outside=unit_name(checkout_id, f"m{number}"),
                load=ipaddress.IPv4Interface(f"{load[number + 1]}/{load.prefixlen}"),
                control=ipaddress.IPv4Interface(f"{pair[1]}/30"),
                management=ipaddress.IPv4Interface(f"{pair[2]}/30"),
            )
        )
    return links


class Builder:
    """Brings the namespaces to what the links say, and counts what it had to change."""

    def __init__(self, links: list[Link], lan: str, rate_mbit: int, check_mode: bool) -> None:
        """Start with nothing changed."""
        self.links = links
        self.lan = lan
        self.rate_mbit = rate_mbit
        self.check_mode = check_mode
        self.changes: list[str] = []

    def change(self, what: str, *commands: tuple[str | Path, ...]) -> None:
        """Note a change, and make it unless this is a check."""
        self.changes.append(what)
        if not self.check_mode:
            for command in commands:
                run(*command)

    def namespace(self, name: str) -> bool:
        """Have a namespace whose loopback is up; say whether it is there."""
        path = NETNS / name
        if not os.path.ismount(path):
            # A file that is no mount is what is left of an `ip netns add` that was killed.
            leftover = [("ip", "netns", "delete", name)] if path.exists() else []
            self.change(f"namespace {name}", *leftover, ("ip", "netns", "add", name))
        if os.path.ismount(path) and not interfaces(name)["lo"][0]:
            self.change(f"loopback of {name}", ("ip", "-n", name, "link", "set", "lo", "up"))
        return os.path.ismount(path)

    def remove_strangers(self, prefix: str) -> None:
        """Remove links and namespaces of hosts that are no longer wanted; other networks are not touched."""
        wanted = {link.outside for link in self.links}
        for name in interfaces(None):
            if name.startswith(prefix) and name not in wanted:
                self.change(f"no {name}", ("ip", "link", "delete", name))
        wanted = {link.namespace for link in self.links} | {self.lan}
        for path in NETNS.glob(f"{prefix}*"):
            if path.name not in wanted:
                self.change(f"no namespace {path.name}", ("ip", "netns", "delete", path.name))

    def remove_orphans(self) -> None:
        """Remove the namespaces of hosts that died: what a trial had set there must not outlive its host."""
        for link in self.links:
            if not os.path.ismount(NETNS / link.namespace) or booted(link.namespace) is not None:
                continue
            ports = interfaces(self.lan) if os.path.ismount(NETNS / self.lan) else {}
            self.change(
                f"namespace of {link.host} anew",
                *[("ip", "link", "delete", link.outside)] * (link.outside in interfaces(None)),
                *[("ip", "-n", self.lan, "link", "delete", link.host)] * (link.host in ports),
                ("ip", "netns", "delete", link.namespace),
            )

    def build(self) -> None:
        """Make what is missing or different."""
        inside_lan = interfaces(self.lan) if self.namespace(self.lan) else {}
        if not inside_lan.get(BRIDGE, (False,))[0]:
            there = [("ip", "-n", self.lan, "link", "delete", BRIDGE)] if BRIDGE in inside_lan else []
            self.change(
                BRIDGE,
                *there,
                ("ip", "-n", self.lan, "link", "add", BRIDGE, "type", "bridge"),
                ("ip", "-n", self.lan, "link", "set", BRIDGE, "up"),
            )
        for link in self.links:
            inside = interfaces(link.namespace) if self.namespace(link.namespace) else {}
            self.management_link(link, inside)
            self.load_link(link, inside)

    def management_link(self, link: Link, inside: Interfaces) -> None:
        """Join the host with this machine."""
        here = interfaces(None).get(link.outside)
        if here == (True, (str(link.control),)) and inside.get(MANAGEMENT) == (True, (str(link.management),)):
            return
        add = ("ip", "link", "add", link.outside, "type", "veth")
        self.change(
            f"{MANAGEMENT} of {link.host}",
            *[("ip", "link", "delete", link.outside)] * (here is not None),
            *[("ip", "-n", link.namespace, "link", "delete", MANAGEMENT)] * (here is None and MANAGEMENT in inside),
            (*add, "peer", "name", MANAGEMENT, "netns", link.namespace),
            ("ip", "address", "add", str(link.control), "dev", link.outside),
            ("ip", "link", "set", link.outside, "up"),
            ("ip", "-n", link.namespace, "address", "add", str(link.management), "dev", MANAGEMENT),
            ("ip", "-n", link.namespace, "link", "set", MANAGEMENT, "up"),
        )

    def load_link(self, link: Link, inside: Interfaces) -> None:
        """Join the host with the load network, and shape both ends."""
        port = interfaces(self.lan).get(link.host) if os.path.ismount(NETNS / self.lan) else None
        if port != (True, ()) or inside.get(LOAD) != (True, (str(link.load),)):
            add = ("ip", "-n", self.lan, "link", "add", link.host, "type", "veth")
            self.change(
                f"{LOAD} of {link.host}",
                *[("ip", "-n", self.lan, "link", "delete", link.host)] * (port is not None),
                *[("ip", "-n", link.namespace, "link", "delete", LOAD)] * (port is None and LOAD in inside),
                (*add, "peer", "name", LOAD, "address", link.card, "netns", link.namespace),
                ("ip", "-n", self.lan, "link", "set", link.host, "master", BRIDGE, "up"),
                ("ip", "-n", link.namespace, "address", "add", str(link.load), "dev", LOAD),
                ("ip", "-n", link.namespace, "link", "set", LOAD, "up"),
            )
            if self.check_mode:
                return
        self.shape(self.lan, link.host)
        self.shape(link.namespace, LOAD)
        self.receive_on(link)

    def shape(self, namespace: str, interface: str) -> None:
        """Limit what an interface sends."""
        shown = json.loads(run("tc", "-n", namespace, "-json", "qdisc", "show", "dev", interface, "root") or "[]")
        now = shown[0] if shown and shown[0].get("kind") == "tbf" else None
        rate = self.rate_mbit * 1_000_000 // 8
        burst = max(int(rate * BURST_S), MIN_BURST_BYTES)
        if rate == (now["options"]["rate"] if now else 0):
            return
        tbf = ("tbf", "rate", f"{rate}bps", "burst", f"{burst}b", "latency", f"{LATENCY_MS}ms")
        self.change(
            f"{interface} at {self.rate_mbit} Mbit/s",
            ("tc", "-n", namespace, "qdisc", "replace" if rate else "del", "dev", interface, "root", *tbf * bool(rate)),
        )

    def receive_on(self, link: Link) -> None:
        """Handle what a host receives on its own CPUs; by default a pair's receiver works on the sender's CPU."""
        mask = f"{sum(1 << int(cpu) for cpu in link.cpus.split(',')):x}"
        # 32 bits a word, as the kernel reads and prints masks.
        mask = ",".join(reversed([mask[max(0, end - 8) : end] for end in range(len(mask), 0, -8)]))
        queue = f"/sys/class/net/{LOAD}/queues/rx-0/rps_cpus"
        now = run("ip", "netns", "exec", link.namespace, "cat", queue).strip()
        if now.lstrip("0,") != mask.lstrip("0,"):
            # A host that runs has made the file system of its network read-only; for itself it stays so.
            write = ("sh", "-ec", f"mount -o remount,rw /sys; echo {mask} >{queue}")
            self.change(f"{link.host} receives on CPU {link.cpus}", ("ip", "netns", "exec", link.namespace, *write))


def claim(module: AnsibleModule, state: Path) -> list[str]:
    """Choose the block and make the networks; other checkouts wait, so that none chooses the same."""
    params: dict[str, Any] = module.params
    kept = json.loads(state.read_text())["block"] if state.exists() else None
    lock = os.open("/sys/class/net", os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        block = choose_block(Network(params["management_network"]), params["checkout_id"], kept)
        links = plan_links(params["checkout_id"], params["hosts"], Network(params["load_network"]), block)
        builder = Builder(links, unit_name(params["checkout_id"], "lan"), params["rate_mbit"], module.check_mode)
        builder.remove_strangers(unit_name(params["checkout_id"], ""))
        builder.remove_orphans()
        builder.build()
    finally:
        os.close(lock)
    said = json.dumps({"block": str(block), "hosts": {link.host: link.variables() for link in links}}, indent=2) + "\n"
    if not state.exists() or state.read_text() != said:
        builder.changes.append("addresses")
        if not module.check_mode:
            written = state.with_suffix(".new")
            written.write_text(said)
            written.rename(state)
    return builder.changes


def main() -> None:
    """Make the networks."""
    module = AnsibleModule(
        argument_spec={
            "checkout_id": {"type": "str", "required": True},
            "state_dir": {"type": "path", "required": True},
            "began": {"type": "float", "required": True},
            "hosts": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "cpus": {"type": "str", "required": True},
                },
            },
            "load_network": {"type": "str", "required": True},
            "management_network": {"type": "str", "required": True},
            "rate_mbit": {"type": "int", "required": True},
        },
        supports_check_mode=True,
    )
    state_dir = Path(module.params["state_dir"])
    try:
        with working(state_dir, module.params["began"]):
            if not module.check_mode:
                state_dir.mkdir(parents=True, exist_ok=True)
            changes = claim(module, state_dir / "network.json")
    except HostsError as error:
        module.fail_json(msg=f"the networks were not made: {error}")
    module.exit_json(changed=bool(changes), changes=changes)


if __name__ == "__main__":
    main()
