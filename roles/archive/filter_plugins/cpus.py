"""How many CPUs a list such as 0-3,6 names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from collect.sampler.config import parse_cpus


def cpu_count(text: Any) -> int:
    """Return the number of CPUs in a list in the kernel's way to write one; a bare number is a list of one."""
    return len(parse_cpus(str(text)))


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[[Any], int]]:
        """Return the filters by name."""
        return {"cpu_count": cpu_count}
