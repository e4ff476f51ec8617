"""Tell what preflight asks of a host. Changes nothing."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import socket
import subprocess
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

LISTEN = "0A"


def read(path: str, default: str = "") -> str:
    """Return a file's text, or the default where it cannot be read."""
    try:
        return Path(path).read_text()
    except OSError:
        return default


def systemd_version() -> int:
    """Return the version of the systemd that runs the host, 0 where none does."""
    if not Path("/run/systemd/system").is_dir():
        return 0
    said = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"systemd (\d+)", said)
    return int(found[1]) if found else 0


def has_address(address: str) -> bool:
    """Say whether an address is one of the host's own."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def source_towards(address: str) -> str:
    """Return the own address from which packets to ``address`` would go, empty if there is no route."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""


def listeners() -> dict[int, str]:
    """Return the inode of the listening socket of each TCP port."""
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for fields in (line.split() for line in read(table).splitlines()[1:]):
            if fields[3] == LISTEN:
                found[int(fields[1].rpartition(":")[2], 16)] = fields[9]
    return found


def sockets(process: Path) -> set[str]:
    """Return what the descriptors of a process lead to, as far as it can be told."""
    found = set()
    with contextlib.suppress(OSError):
        for descriptor in list((process / "fd").iterdir()):
            with contextlib.suppress(OSError):
                found.add(str(descriptor.readlink()))
    return found


def holder(inode: str) -> str:
    """Return who has a socket: the systemd unit, else the name and pid of the process."""
    for process in Path("/proc").glob("[0-9]*"):
        if f"socket:[{inode}]" in sockets(process):
            unit = re.search(r"([^/\n]+\.service)$", read(f"{process}/cgroup"), re.M)
            return unit[1] if unit else f"{read(f'{process}/comm').strip()} (pid {process.name})"
    return "another process"


def ports(first: int, last: int, services: list[int]) -> dict[str, str]:
    """Return who listens on the ports ``services`` or on those from ``first`` to ``last``, by port."""
    taken = {port: inode for port, inode in listeners().items() if first <= port <= last or port in services}
    return {str(port): holder(inode) for port, inode in taken.items()}


def main() -> None:
    """Return the facts."""
    module = AnsibleModule(
        {
            "load_address": {"type": "str", "required": True},
            "server_address": {"type": "str", "required": True},
            "first_port": {"type": "int", "required": True},
            "last_port": {"type": "int", "required": True},
            "service_ports": {"type": "list", "elements": "int", "required": True},
            "client_ports": {"type": "list", "elements": "int", "default": []},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    memory = re.search(r"^MemAvailable:\s+(\d+) kB", read("/proc/meminfo"), re.M)
    is_server = wanted["load_address"] == wanted["server_address"]
    module.exit_json(
        changed=False,
        time=time.time(),
        root=os.geteuid() == 0,
        system=platform.system(),
        machine=platform.machine(),
        systemd=systemd_version(),
        units_in_cgroups=bool(re.search(r"\.(service|scope)\b", read("/proc/self/cgroup"))),
        memory_mib=int(memory[1]) // 1024 if memory else 0,
        has_load_address=has_address(wanted["load_address"]),
        source_address=source_towards(wanted["server_address"]),
        ephemeral_ports=[int(port) for port in read("/proc/sys/net/ipv4/ip_local_port_range", "0 0").split()],
        max_tw_buckets=int(read("/proc/sys/net/ipv4/tcp_max_tw_buckets", "0")),
        ports=(
            ports(wanted["first_port"], wanted["last_port"], wanted["service_ports"])
            if is_server
            else ports(1, 0, wanted["client_ports"])
        ),
    )


if __name__ == "__main__":
    main()
