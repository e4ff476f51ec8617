"""Network interfaces: speed, duplex, MTU and what the card does for the kernel."""

from __future__ import annotations

import array
import fcntl
import os
import socket
import struct
from pathlib import Path
from typing import Any, Callable

from .reading import number, text

SIOCETHTOOL = 0x8946
OFFLOADS = {
    "rx-checksum": 0x14, "tx-checksum": 0x16, "scatter-gather": 0x18, "tso": 0x1E, "gso": 0x23, "gro": 0x2B,
}  # fmt: skip
"""What can be asked for, by the names that ethtool has for it, and the commands of linux/ethtool.h."""
DOWN = ("down", "lowerlayerdown", "notpresent", "dormant")

Ask = Callable[[str, int], "int | None"]


def ethtool_value(name: str, command: int) -> int | None:
    """Ask the driver of an interface for a value; None where it does not know, or may not be asked."""
    value = array.array("I", [command, 0])
    request = struct.pack("16sP16x", name.encode()[:15], value.buffer_info()[0])
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket.fileno(), SIOCETHTOOL, request)
    except OSError:
        return None
    return int(value[1])


def names(root: Path = Path("/")) -> list[str]:
    """Return the interfaces of the host, without the loopback."""
    folder = root / "sys/class/net"
    return sorted(path.name for path in folder.iterdir() if path.name != "lo") if folder.is_dir() else []


def link(name: str, root: Path = Path("/"), ask: Ask = ethtool_value) -> dict[str, Any] | None:
    """Return what an interface is; None where there is none of that name.

    ``speed_mbit`` and ``duplex`` are None where the driver does not tell, as those of virtual machines. ``offloads``
    has only what the driver tells of.
    """
    folder = root / "sys/class/net" / name
    if not name or "/" in name or not folder.is_dir():
        return None
    speed, duplex, state = number(folder / "speed"), text(folder / "duplex"), text(folder / "operstate")
    asked = {offload: ask(name, command) for offload, command in OFFLOADS.items()}
    return {
        "name": name,
        "up": state not in DOWN and text(folder / "carrier") != "0",
        "state": state,
        "speed_mbit": speed if speed and speed > 0 else None,
        "duplex": duplex if duplex in ("full", "half") else None,
        "mtu": number(folder / "mtu"),
        "driver": _driver(folder),
        "wireless": (folder / "wireless").exists() or (folder / "phy80211").exists(),
        "virtual": not (folder / "device").exists(),
        "offloads": {offload: bool(value) for offload, value in asked.items() if value is not None},
    }


def _driver(folder: Path) -> str | None:
    try:
        return os.path.basename(os.readlink(str(folder / "device/driver")))  # noqa: PTH119
    except OSError:
        return None
