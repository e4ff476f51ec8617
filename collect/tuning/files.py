"""The files by which a host's kernel is told things: read, written, compared, and what is kept of them on the disk."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Iterable

SYSCTLS, IRQS, CPUS = "proc/sys", "proc/irq", "sys/devices/system/cpu"
BOOT_ID = "proc/sys/kernel/random/boot_id"


class TuningError(Exception):
    """A host could not be tuned, or not be put back; the message is ``what: remedy``."""

    def __init__(self, what: str, remedy: str) -> None:
        """Keep both parts."""
        super().__init__(f"{what}: {remedy}")
        self.what, self.remedy = what, remedy


class Files:
    """The files below a root, each named by its path from there. A value is a text, its words apart by one blank."""

    def __init__(self, root: Path = Path("/")) -> None:
        """Take the root, ``/`` on a real host."""
        self.root = root

    def find(self, pattern: str) -> list[str]:
        """Return the names that match, in the order of the numbers in them."""
        names = (str(path.relative_to(self.root)) for path in self.root.glob(pattern))
        return sorted(names, key=lambda name: [int(word) for word in re.findall(r"\d+", name)])

    def exists(self, name: str) -> bool:
        """Say whether there is such a file or folder."""
        return (self.root / name).exists()

    def read(self, name: str) -> str:
        """Return a value. Raises TuningError."""
        try:
            return " ".join((self.root / name).read_text(errors="replace").split())
        except OSError as error:
            raise TuningError(
                f"/{name} cannot be read, {error.strerror}", "take what asks for it out of the tuning_ variables"
            ) from None

    def write(self, name: str, value: str) -> None:
        """Set a value and see that it is so; one that is so already is left alone. Raises TuningError."""
        if same(name, self.read(name), value):
            return
        remedy = "let the host's kernel take it, or take what asks for it out of the tuning_ variables"
        try:
            self._put(name, value)
        except OSError as error:
            raise TuningError(f"/{name} cannot be set to {value!r}, {error.strerror}", remedy) from None
        now = self.read(name)
        if not same(name, now, value):
            raise TuningError(f"/{name} is {now!r} after it was set to {value!r}", remedy)

    def _put(self, name: str, value: str) -> None:
        (self.root / name).write_text(f"{value}\n")

    def keep(self, name: str, text: str) -> None:
        """Write a file so that it is on the disk when this returns; a crash leaves the old one or the new one."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".tmp")
        with partial.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _fsync(path.parent)

    def forget(self, name: str) -> None:
        """Remove such a file, for good when this returns."""
        path = self.root / name
        for each in (path.with_name(path.name + ".tmp"), path):
            with contextlib.suppress(FileNotFoundError):
                each.unlink()
        if path.parent.is_dir():
            _fsync(path.parent)


def _fsync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def same(name: str, one: str, other: str) -> bool:
    """Say whether two texts of a setting mean the same: lists and masks can be written in several ways."""
    with contextlib.suppress(ValueError):
        if name.endswith(("smp_affinity_list", "ip_local_reserved_ports")):
            return numbers(one) == numbers(other)
        if name.endswith("default_smp_affinity"):
            return from_mask(one) == from_mask(other)
    return one.split() == other.split()


def numbers(text: str) -> set[int]:
    """Return the numbers of a list such as ``0-3,6``; ``ValueError`` where it is none."""
    found: set[int] = set()
    for part in text.replace(",", " ").split():
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def listed(found: Iterable[int]) -> str:
    """Return numbers as such a list."""
    parts: list[list[int]] = []
    for number in sorted(set(found)):
        if parts and parts[-1][-1] == number - 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ",".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def from_mask(text: str) -> set[int]:
    """Return the numbers of a mask such as ``f,ffffffff``; ``ValueError`` where it is none."""
    mask = int(text.replace(",", ""), 16)
    return {bit for bit in range(mask.bit_length()) if mask >> bit & 1}


def as_mask(found: Iterable[int]) -> str:
    """Return numbers as such a mask, in the kernel's groups of 32 bits."""
    mask = sum(1 << number for number in set(found))
    groups: list[str] = []
    while mask or not groups:
        groups.append(f"{mask & 0xFFFFFFFF:x}")
        mask >>= 32
    return ",".join(group if place == 0 else group.zfill(8) for place, group in enumerate(reversed(groups)))
