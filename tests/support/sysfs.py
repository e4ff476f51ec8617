"""Folders such as /sys and /proc, written out from what is in tests/data/sysfs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from collect.hosts.reading import cpus_at, parse_cpus, show_cpus
from tests.support.checkout import ORIGINAL

DATA = ORIGINAL / "tests" / "data" / "sysfs"
CPU = "sys/devices/system/cpu"


def write(root: Path, files: Mapping[str, str]) -> None:
    """Write files below a root, each with the end of line that the kernel gives it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")


def machine(root: Path, name: str) -> Path:
    """Write the machine of tests/data/sysfs/<name>.yml below a root; return that."""
    told: Mapping[str, Any] = yaml.safe_load((DATA / f"{name}.yml").read_text())
    write(root, told["files"])
    for core in told["cores"]:
        for cpu in parse_cpus(core["threads"]):
            topology = {
                "topology/core_id": str(core["id"]),
                "topology/physical_package_id": "0",
                "topology/core_cpus_list": core["threads"],
                "topology/thread_siblings_list": core["threads"],
            }
            files = {**topology, **told["each"], **core.get("files", {})}
            write(root, {f"{CPU}/cpu{cpu}/{path}": text for path, text in files.items()})
    return root


def switch_off(root: Path, *cpus: int) -> None:
    """Take CPUs off, as ``echo 0 >cpuN/online`` does: the lists of the others no longer have them."""
    nodes = root.glob("sys/devices/system/node/*/cpulist")
    lists = [root / CPU / "online", *root.glob("sys/devices/cpu_*/cpus"), *nodes]
    for path in [*lists, *root.glob(f"{CPU}/cpu*/topology/*_list")]:
        left = set(cpus_at(path) or ()) - set(cpus)
        path.write_text(show_cpus(left) + "\n")
