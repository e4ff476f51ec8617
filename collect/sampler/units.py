"""Which unit a process belongs to, by its control group."""

from __future__ import annotations

from typing import Mapping, Sequence

from .config import OTHER


class Membership:
    """The configured units, by the names of the systemd units that make them up."""

    def __init__(self, units: Mapping[str, Sequence[str]]) -> None:
        """Take the systemd units of each unit; one that ends in ``@`` stands for all instances of the template."""
        self._exact = {pattern: name for name, patterns in units.items() for pattern in patterns}
        self._templates = tuple((text, name) for text, name in self._exact.items() if text.endswith("@"))

    def unit(self, cgroup: bytes) -> str:
        """Return the unit for the text of /proc/PID/cgroup.

        Under cgroup v1 the hierarchy that systemd names is right, under v2 there is one only, in hybrid mode both say
        the same: the first of these lines that names a configured unit decides.
        """
        for line in cgroup.decode(errors="replace").splitlines():
            number, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            if controllers == "name=systemd" or (number == "0" and not controllers):
                for part in path.split("/"):
                    if part and (unit := self._named(part)):
                        return unit
        return OTHER

    def _named(self, part: str) -> str | None:
        if part in self._exact:
            return self._exact[part]
        return next(
            (name for text, name in self._templates if part.startswith(text) and part.endswith(".service")), None
        )
