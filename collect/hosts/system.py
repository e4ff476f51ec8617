"""A host's system: which one it is, what its kernel allows, what it has left."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from pathlib import Path
from typing import Any, Iterable

from .reading import number, text

MIB = 1024 * 1024
LIMITS = (
    "fs.nr_open",
    "fs.file-max",
    "kernel.pid_max",
    "kernel.threads-max",
    "net.core.somaxconn",
    "net.netfilter.nf_conntrack_max",
    "vm.swappiness",
)


def system(root: Path = Path("/")) -> dict[str, Any]:
    """Return what is read of a host's system; None for what is not told."""
    clock = root / "sys/devices/system/clocksource/clocksource0"
    return {
        "distribution": distribution(root),
        "libc": "-".join(platform.libc_ver()),
        "python": platform.python_version(),
        "python38": shutil.which("python3.8"),
        "machine_id": machine(root),
        "hypervisor": bool(re.search(r"^flags\s*:.*\bhypervisor\b", text(root / "proc/cpuinfo") or "", re.MULTILINE)),
        "container": text(root / "run/systemd/container"),
        "clock_source": text(clock / "current_clocksource"),
        "clock_sources": (text(clock / "available_clocksource") or "").split(),
        "swap": swap(root),
        "limits": {name: number(root / "proc/sys" / name.replace(".", "/")) for name in LIMITS},
        "selinux": {"1": "enforcing", "0": "permissive"}.get(text(root / "sys/fs/selinux/enforce") or ""),
        "apparmor": (text(root / "sys/module/apparmor/parameters/enabled") or "").upper() == "Y",
    }


def distribution(root: Path = Path("/")) -> dict[str, str | None]:
    """Return ``id``, ``version`` and ``name`` of the distribution."""
    said: dict[str, str] = {}
    for name in ("etc/os-release", "usr/lib/os-release"):
        lines = (text(root / name) or "").splitlines()
        said = {key: value.strip("\"'") for key, _, value in (line.partition("=") for line in lines) if value}
        if said:
            break
    return {"id": said.get("ID"), "version": said.get("VERSION_ID"), "name": said.get("PRETTY_NAME")}


def machine(root: Path = Path("/")) -> str | None:
    """Return what is the same only for the same machine: this boot of its kernel, and its first process' namespace.

    Not /etc/machine-id, which clones share; and containers share the boot.
    """
    boot = text(root / "proc/sys/kernel/random/boot_id")
    try:
        space = os.readlink(str(root / "proc/self/ns/pid"))
    except OSError:
        space = ""
    return f"{boot} {space}" if boot else None


def swap(root: Path = Path("/")) -> dict[str, int]:
    """Return ``total_mib`` and ``used_mib``."""
    kib = {
        found[1]: int(found[2])
        for found in re.finditer(r"^(SwapTotal|SwapFree):\s+(\d+) kB", text(root / "proc/meminfo") or "", re.MULTILINE)
    }
    total, free = kib.get("SwapTotal", 0), kib.get("SwapFree", 0)
    return {"total_mib": total // 1024, "used_mib": (total - free) // 1024}


def disks(paths: Iterable[str]) -> dict[str, int]:
    """Return the free MiB at each path, or where that is not there yet at what is above it."""
    found = {}
    for path in paths:
        there = Path(path)
        while not there.exists() and there != there.parent:
            there = there.parent
        found[path] = shutil.disk_usage(str(there)).free // MIB
    return found


def usable_cpus() -> list[int] | None:
    """Return the CPUs that this host may use: those of its first process, as a container may have but some."""
    if sys.platform != "linux":
        return None
    try:
        return sorted(os.sched_getaffinity(1))
    except OSError:
        return None
