"""The settings of a host's network, as its kernel shows them: read, set, compared. Python's own library only."""

from __future__ import annotations

import re
from pathlib import Path

SYSCTLS = Path("/proc/sys")
RESERVED_PORTS = "net.ipv4.ip_local_reserved_ports"


class ConditionsError(Exception):
    """A value could not be set or put back; the message is ``what: remedy``."""

    def __init__(self, what: str, remedy: str) -> None:
        """Keep both parts."""
        super().__init__(f"{what}: {remedy}")
        self.what, self.remedy = what, remedy


class Sysctls:
    """The kernel's settings below one folder."""

    def __init__(self, root: Path = SYSCTLS) -> None:
        """Take the folder, ``/proc/sys`` on a real host."""
        self._root = root

    def read(self, name: str) -> str:
        """Return a value, its words separated by single blanks. Raises ConditionsError."""
        if not re.fullmatch(r"net(\.\w+)+", name):
            raise ConditionsError(f"{name} is not below net", "only the network's settings are changed for a trial")
        try:
            return " ".join(self._path(name).read_text().split())
        except OSError as error:
            raise ConditionsError(
                f"{name} cannot be read: {error.strerror}", "take it out of the profile's client_sysctls"
            ) from None

    def write(self, name: str, value: str) -> None:
        """Set a value and see that it is so; one that is so already is left alone. Raises ConditionsError."""
        if same(name, self.read(name), value):
            return
        remedy = "let root set it there (a container needs a network of its own), or take another profile"
        try:
            self._path(name).write_text(f"{value}\n")
        except OSError as error:
            raise ConditionsError(f"{name} cannot be set to {value!r}: {error.strerror}", remedy) from None
        if not same(name, self.read(name), value):
            raise ConditionsError(f"{name} is {self.read(name)!r} after it was set to {value!r}", remedy)

    def _path(self, name: str) -> Path:
        return self._root / name.replace(".", "/")


def same(name: str, one: str, other: str) -> bool:
    """Say whether two texts of a setting mean the same; the kernel sorts and joins lists of ports."""
    if name == RESERVED_PORTS:
        return ports(one) == ports(other)
    return one.split() == other.split()


def ports(text: str) -> set[int]:
    """Return the ports of a list such as ``5557,8080-8082``."""
    found: set[int] = set()
    for part in text.replace(",", " ").split():
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found
