"""Inventory of the hosts that the role local_hosts makes on this machine.

Names, groups and CPU sets follow from the number of clients and this machine's cores. Addresses come from the file
that the role writes when it claims a network; before that the hosts have names only.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.plugins.inventory import BaseInventoryPlugin

DOCUMENTATION = """
name: local_hosts
short_description: Hosts made on this machine
description: One server and C(local_clients) clients, in the groups C(server), C(clients) and C(local_hosts).
options:
  plugin:
    description: Marks a file as this plugin's.
    required: true
    choices: [local_hosts]
  clients:
    description: Number of clients, 1 to 7; the extra variable C(local_clients) goes before it.
    default: 1
notes:
  - >-
    The extra variable C(local_cpus) gives hosts other CPUs than their share, by name, as in
    C(-e '{"local_cpus": {"server1": "0,1"}}'). Give it to each playbook of a bench. Sets may overlap.
"""

MAX_CLIENTS = 7
STATE_DIR = Path(__file__).resolve().parents[2] / ".state" / "local"


class InventoryModule(BaseInventoryPlugin):  # type: ignore[misc]
    """Fill the inventory from the number of clients and the claimed network."""

    NAME = "local_hosts"

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Add groups, hosts and their variables."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        clients = client_count(self._vars.get("local_clients", self.get_option("clients")))
        try:
            addresses = json.loads((STATE_DIR / "network.json").read_text())["hosts"]
        except FileNotFoundError:
            addresses = {}

        for group in ("server", "clients", "local_hosts"):
            inventory.add_group(group)
        names = ["server1", *(f"client{n}" for n in range(1, clients + 1))]
        cores = physical_cores()
        asked, problem = asked_cpus(self._vars.get("local_cpus"), names, [cpu for core in cores for cpu in core])
        for name, share in zip(names, split_cpus(cores, clients), strict=True):
            inventory.add_host(name, group="server" if name == "server1" else "clients")
            inventory.add_host(name, group="local_hosts")
            # A name that resolves nowhere ends an attempt to reach a host that was never made at once.
            cpus = asked.get(name, share)
            variables = {"bench_cpus": cpus, "ansible_host": f"{name}.not-made-yet.invalid", **addresses.get(name, {})}
            for key, value in variables.items():
                inventory.set_variable(name, key, value)
        for key, value in {**connection(), "local_cpus_problem": problem}.items():
            inventory.set_variable("local_hosts", key, value)


def client_count(value: Any) -> int:
    """Return the number of clients, 1 where it is none.

    An inventory that fails is reported by every parser in turn; the role says in one line what is wrong with a number.
    """
    try:
        count = int(value)
    except (TypeError, ValueError):
        return 1
    return min(max(count, 1), MAX_CLIENTS)


def physical_cores() -> list[list[int]]:
    """Return this machine's usable CPUs by core: the threads of a core belong to one host."""
    # What PID 1 may use is what the machine has: this process may itself be kept off the hosts' CPUs.
    usable = os.sched_getaffinity(1)
    cores: dict[str, list[int]] = {}
    for cpu in sorted(usable):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        cores.setdefault(siblings.read_text() if siblings.exists() else str(cpu), []).append(cpu)
    if len(cores) == 1:
        return [[cpu] for cpu in sorted(usable)]
    return list(cores.values())


def split_cpus(cores: Sequence[Sequence[int]], clients: int) -> list[str]:
    """Return a CPU list for the server (the first half of the cores) and for each client (shares of the second half).

    Clients share cores where there are more of them than cores.
    """
    half = max(1, len(cores) // 2)
    rest = cores[half:] or cores
    shares = [rest[n::clients] or [rest[n % len(rest)]] for n in range(clients)]
    return [",".join(str(cpu) for core in share for cpu in core) for share in (cores[:half], *shares)]


def asked_cpus(asked: Any, names: Sequence[str], usable: Sequence[int]) -> tuple[dict[str, str], str]:
    """Return the CPU lists asked for by host, or none and what is wrong with them in one line.

    As with the number of clients, it is the role that fails: an inventory that does is reported by every parser.
    """
    if asked is None:
        return {}, ""
    if not isinstance(asked, Mapping):
        return {}, f"{asked!r} is no CPU sets by host (local_cpus): give a mapping from hosts to lists of CPUs"
    found: dict[str, str] = {}
    for name, value in asked.items():
        if name not in names:
            return {}, f'no host "{name}" (local_cpus): name one of {", ".join(names)}'
        if not re.fullmatch(r"\d+(,\d+)*", str(value)):
            return {}, f'"{value}" is no list of CPUs (local_cpus: {name}): give one as in "0,1"'
        cpus = sorted({int(cpu) for cpu in str(value).split(",")})
        if missing := [str(cpu) for cpu in cpus if cpu not in usable]:
            known = ", ".join(map(str, sorted(usable)))
            return {}, f"no CPU {', '.join(missing)} on this machine (local_cpus: {name}): choose from {known}"
        found[name] = ",".join(map(str, cpus))
    return found, ""


def connection() -> dict[str, str]:
    """Return how Ansible reaches the hosts: by SSH, with host keys that the role itself wrote down."""
    known_hosts = STATE_DIR / "ssh" / "known_hosts"
    return {
        "ansible_user": "root",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_private_key_file": str(STATE_DIR / "ssh" / "id_ed25519"),
        "ansible_ssh_common_args": (
            f"-F none -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile='{known_hosts}'"
            " -o GlobalKnownHostsFile=none -o PreferredAuthentications=publickey -o BatchMode=yes -o Compression=no"
        ),
    }
