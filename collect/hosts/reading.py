"""Small readings of /proc and /sys; what cannot be read is None."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterable


def text(path: Path) -> str | None:
    """Return a file's text without the blanks around it."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def number(path: Path) -> int | None:
    """Return the whole number that a file holds."""
    try:
        return int(text(path) or "")
    except ValueError:
        return None


def parse_cpus(listed: str) -> tuple[int, ...]:
    """Return the CPUs of a list such as ``0-3,6``, sorted; none of an empty one. Raises ValueError if it is none."""
    cpus: set[int] = set()
    for part in filter(None, (part.strip() for part in listed.split(","))):
        found = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if not found or int(found[2] or found[1]) < int(found[1]):
            raise ValueError(f'"{listed}" is no list of CPUs such as 0-3,6')
        cpus.update(range(int(found[1]), int(found[2] or found[1]) + 1))
    return tuple(sorted(cpus))


def cpus_at(path: Path) -> tuple[int, ...] | None:
    """Return the CPUs that a file lists."""
    listed = text(path)
    try:
        return None if listed is None else parse_cpus(listed)
    except ValueError:
        return None


def show_cpus(cpus: Iterable[int]) -> str:
    """Return CPUs as the kernel lists them: ``0-3,6``."""
    parts: list[list[int]] = []
    for cpu in sorted(set(cpus)):
        if parts and parts[-1][-1] == cpu - 1:
            parts[-1][1:] = [cpu]
        else:
            parts.append([cpu])
    return ",".join("-".join(map(str, part)) for part in parts)
