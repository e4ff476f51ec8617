"""What the testbed has on a host, by name, and the record of what was there before it came.

The record lies in the testbed's own folder and is written before anything else is. What had such a name before stays
when the testbed goes; packages stay, too, by default, and are told apart from the host's own by it.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SERVICES = (
    "app", "collector", "conditions", "database", "load@", "quota", "redis", "relay", "tuning", "tuning-restore",
)  # fmt: skip
UNITS = (*(f"bench-{name}.service" for name in SERVICES), "bench-measured.slice")
TRANSIENT = ("bench-ceilings.service",)
"""While it is measured what the network can do."""
DROP_INS = "bench-.service.d"
"""Of all services whose names begin so."""
USERS = ("bench-app", "bench-redis", "bench-relay", "bench-database", "bench-load", "bench-collector")
GROUPS = ("bench", *USERS)
FOLDERS = ("etc/bench", "var/lib/bench", "var/log/bench", "run/bench")
"""Beside the prefix."""
MARK = "etc/tmpfiles.d/bench.conf"
"""There from the beginning to the end; older testbeds have it and no record."""
RECORD = "before.json"
SYSTEMD = "etc/systemd/system"


class BelongingsError(Exception):
    """What is wrong, and what to do about it; the message says both, the place between them is the caller's."""

    def __init__(self, what: str, remedy: str) -> None:
        """Keep both."""
        super().__init__(f"{what}: {remedy}")
        self.what, self.remedy = what, remedy


class Host:
    """The host's files below a root, ``/`` on a real one."""

    def __init__(self, root: Path, prefix: str) -> None:
        """Take the root and the testbed's own folder."""
        self.root, self.prefix = root, prefix.strip("/")

    def path(self, name: str) -> Path:
        """Return the path of a file or folder."""
        return self.root / name

    def names(self, table: str) -> set[str]:
        """Return the names in /etc/passwd or /etc/group."""
        try:
            return {line.split(":")[0] for line in self.path(table).read_text(errors="replace").splitlines()}
        except OSError:
            return set()

    def packages(self) -> set[str]:
        """Return the names of the Debian packages that are installed; none where there is no dpkg."""
        try:
            stanzas = self.path("var/lib/dpkg/status").read_text(errors="replace").split("\n\n")
        except OSError:
            return set()
        found = set()
        for stanza in stanzas:
            lines = stanza.splitlines()
            if "Status: install ok installed" in lines or "Status: hold ok installed" in lines:
                found |= {line.split(": ", 1)[1] for line in lines if line.startswith("Package: ")}
        return found

    def is_masked(self, unit: str) -> bool:
        """Say whether systemd is kept from ever starting a unit."""
        path = self.path(f"{SYSTEMD}/{unit}")
        return path.is_symlink() and os.readlink(path) == "/dev/null"  # noqa: PTH115 (there is no other in Python 3.8)

    def was_provisioned(self) -> bool:
        """Say whether there is anything of the testbed."""
        return self.path(f"{self.prefix}/{RECORD}").exists() or self.path(MARK).exists()

    def record(self) -> dict[str, Any]:
        """Return what was there before; an older testbed has not noted it: all is its own. Raises BelongingsError."""
        path = self.path(f"{self.prefix}/{RECORD}")
        lists = ("users", "groups", "folders", "parents", "packages", "maybe", "masked")
        empty: dict[str, Any] = {"pending": None, **{name: [] for name in lists}}
        try:
            kept: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError:
            return empty
        except (OSError, ValueError) as error:
            raise BelongingsError(f"{path} cannot be read, {error}", "put back that file from a backup") from None
        return {**empty, **kept}

    def write(self, record: Mapping[str, Any]) -> None:
        """Write the record so that it is on the disk, whole, when this returns."""
        path = self.path(f"{self.prefix}/{RECORD}")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        partial = path.with_name(RECORD + ".tmp")
        with partial.open("w") as file:
            json.dump(record, file)
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(0o644)
        partial.replace(path)

    def is_foreign(self) -> list[str]:
        """Return the folders that the testbed would take and that somebody else has filled."""
        taken = [name for name in (self.prefix, *FOLDERS) if name != "run/bench"]
        return [f"/{name}" for name in taken if self.path(name).exists() and _holds_something(self.path(name))]

    def first(self) -> dict[str, Any]:
        """Return the record of a host that nothing was put on yet."""
        if self.path(MARK).exists():
            return self.record()
        there = [name for name in (self.prefix, *FOLDERS) if self.path(name).exists()]
        parents = {str(parent) for name in (self.prefix, MARK) for parent in Path(name).parents if str(parent) != "."}
        home = ansible_home()
        return {
            **self.record(),
            "users": sorted(self.names("etc/passwd") & set(USERS)),
            "groups": sorted(self.names("etc/group") & set(GROUPS)),
            "folders": [name for name in there if name != "run/bench"],
            "parents": sorted(name for name in parents if not self.path(name).exists()),
            "ansible": {"folder": home, "there": self.path(home).exists()},
        }


def ansible_home() -> str:
    """Return the folder that Ansible makes in the home of the user who logs in, who may have become root by sudo."""
    home = "/root"
    with contextlib.suppress(KeyError):
        home = pwd.getpwnam(os.environ.get("SUDO_USER") or "root").pw_dir
    return f"{home}/.ansible".strip("/")


def _holds_something(path: Path) -> bool:
    return not path.is_dir() or any(path.iterdir())
