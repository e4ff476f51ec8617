"""Networks of plain machines: one for SSH, which this machine reaches, and one for the load, which it does not.

Both are bridges in a network namespace of their own, each machine is in another. The addresses for SSH are a block of
198.18.192.0/18 that nobody here uses; hosts made by the role local_hosts have theirs elsewhere.
"""

from __future__ import annotations

import fcntl
import hashlib
import ipaddress
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BLOCKS = ipaddress.IPv4Network("198.18.192.0/18")
BLOCK_PREFIX = 27
LOAD = ipaddress.IPv4Network("198.18.64.0/24")
"""Joined with nothing, so that several labs may have the same."""
FIRST = 11
"""The last number of the first machine's address, as in inventory/lab."""
MANAGEMENT_NIC, LOAD_NIC = "eno1", "enp1s0"
NETNS = Path("/run/netns")


class Network:
    """The two networks of a lab; ``name`` (at most 9 letters) begins whatever is made here."""

    def __init__(self, name: str, machines: Sequence[str]) -> None:
        self.name, self.machines = name, list(machines)
        self.switch, self.outside = f"{name}-switch", f"{name}-up"
        self.block = ipaddress.IPv4Network("0.0.0.0/32")

    def namespace(self, machine: str) -> str:
        return f"{self.name}-{machine}"

    def address(self, machine: str) -> str:
        """Return where SSH reaches a machine."""
        return str(self.block[FIRST + self.machines.index(machine)])

    def load_address(self, machine: str) -> str:
        return str(LOAD[FIRST + self.machines.index(machine)])

    def build(self) -> None:
        """Make both, without machines; other labs wait, so that none chooses the same block."""
        with _alone():
            self.block = free_block(self.name)
            _ip("netns", "add", self.switch)
            for bridge in ("management", "load"):
                _ip("-n", self.switch, "link", "add", "name", bridge, "type", "bridge")
                _ip("-n", self.switch, "link", "set", bridge, "up")
            _ip("link", "add", self.outside, "type", "veth", "peer", "name", "uplink", "netns", self.switch)
            _ip("-n", self.switch, "link", "set", "uplink", "master", "management", "up")
            _ip("address", "add", f"{self.block[1]}/{BLOCK_PREFIX}", "dev", self.outside)
            _ip("link", "set", self.outside, "up")

    def attach(self, machine: str, cpus: Sequence[int]) -> None:
        """Give a machine that does not run a new namespace, with a NIC on each network; nothing of its last one stays.

        But for the NICs' own addresses, as a machine keeps them: else others send to the old ones for half a minute.
        What comes in is worked on by the machine's own ``cpus``, as it is on one with a NIC of its own.
        """
        self.detach(machine)
        there = self.namespace(machine)
        _ip("netns", "add", there)
        _ip("-n", there, "link", "set", "lo", "up")
        addresses = {
            MANAGEMENT_NIC: ("management", f"{self.address(machine)}/{BLOCK_PREFIX}"),
            LOAD_NIC: ("load", f"{self.load_address(machine)}/{LOAD.prefixlen}"),
        }
        for nic, (bridge, address) in addresses.items():
            port, card = f"{machine}-{bridge[:1]}", self._card(machine, bridge)
            peer = ("name", nic, "address", card, "netns", there)
            _ip("-n", self.switch, "link", "add", "name", port, "type", "veth", "peer", *peer)
            _ip("-n", self.switch, "link", "set", port, "master", bridge, "up")
            _ip("-n", there, "address", "add", address, "dev", nic)
            _ip("-n", there, "link", "set", nic, "up")
        write = f"mount -o remount,rw /sys; echo {_mask(cpus)} >/sys/class/net/{LOAD_NIC}/queues/rx-0/rps_cpus"
        _ip("netns", "exec", there, "sh", "-ec", write)

    def _card(self, machine: str, bridge: str) -> str:
        """Return the MAC of a machine's NIC on a network: one of those that anybody may give."""
        return "02:" + hashlib.sha256(f"{self.name} {machine} {bridge}".encode()).digest()[:5].hex(":")

    def detach(self, machine: str) -> None:
        """Take a machine's NICs and namespace away, if it has any."""
        if (NETNS / self.namespace(machine)).exists():
            _ip("netns", "delete", self.namespace(machine))
        for port in (f"{machine}-m", f"{machine}-l"):
            # The pair goes with its namespace, in the kernel's own time.
            subprocess.run(["ip", "-n", self.switch, "link", "delete", port], capture_output=True, check=False)

    def cut(self, machine: str, *, up: bool = False) -> None:
        """Pull a machine's cable out of the load network, or put it in again."""
        _ip("-n", self.switch, "link", "set", f"{machine}-l", "up" if up else "down")

    def remove(self) -> None:
        for machine in self.machines:
            self.detach(machine)
        subprocess.run(["ip", "link", "delete", self.outside], capture_output=True, check=False)
        if (NETNS / self.switch).exists():
            _ip("netns", "delete", self.switch)

    def left_behind(self) -> list[str]:
        """Return what there still is of the networks."""
        links = [link["ifname"] for link in _told("link", "show") if link.get("ifname", "").startswith(f"{self.name}-")]
        return [*(f"interface {name}" for name in links), *map(str, NETNS.glob(f"{self.name}-*"))]


def free_block(name: str) -> ipaddress.IPv4Network:
    """Return a block that no address and no route of this machine touches, from where the name points to."""
    taken = [
        f"{each['local']}/{each['prefixlen']}"
        for link in _told("address", "show")
        for each in link.get("addr_info", ())
        if each["family"] == "inet"
    ]
    taken += [route["dst"] for route in _told("-4", "route", "show", "table", "all") if route["dst"] != "default"]
    used = [ipaddress.IPv4Interface(address).network for address in taken]
    blocks = list(BLOCKS.subnets(new_prefix=BLOCK_PREFIX))
    first = int(hashlib.sha256(name.encode()).hexdigest(), 16) % len(blocks)
    for block in blocks[first:] + blocks[:first]:
        if not any(block.overlaps(network) for network in used):
            return block
    raise AssertionError(f"no block of {BLOCKS} is free")


def _mask(cpus: Sequence[int]) -> str:
    """Return a set of CPUs as the kernel reads it: 32 of them a word, in hexadecimal, the highest first."""
    digits = f"{sum(1 << cpu for cpu in cpus):x}"
    digits = digits.zfill(-(-len(digits) // 8) * 8)
    return ",".join(digits[start : start + 8] for start in range(0, len(digits), 8))


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"


def _told(*words: str) -> list[dict[str, Any]]:
    said = subprocess.run(["ip", "-json", *words], capture_output=True, text=True, check=True).stdout
    found: list[dict[str, Any]] = json.loads(said or "[]")
    return [each for each in found if each]


@contextmanager
def _alone() -> Iterator[None]:
    """Wait for others who choose addresses on this machine."""
    lock = os.open("/sys/class/net", os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
