"""Lock files that differ, told package by package where the checkout still knows both."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from collect.archive.provenance import file_at
from collect.compare.heads import Head
from collect.compare.metadata import Difference, table

_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.M)


def spelled_out(found: Iterable[Difference], first: Head, second: Head) -> list[Difference]:
    """Return the differences, those of a lock file replaced by those of its packages where both files can be read.

    A manifest has the sums of the files alone; their text is that of the run's commit, if its sum is the same.
    """
    told: list[Difference] = []
    for difference in found:
        told += _packages(difference, first, second) or [difference]
    return told


def versions(lock: str) -> dict[str, str]:
    """Return the versions that a lock file pins, by package."""
    return dict(_PINNED.findall(lock))


@functools.lru_cache(64)
def _text(commit: str, path: str, sha256: str) -> str | None:
    return file_at(commit, path, sha256)


def _packages(difference: Difference, first: Head, second: Head) -> list[Difference]:
    """Return which packages differ; nothing where that is not known, or only hashes do."""
    path = difference.where
    if path not in table()[difference.name].get("locks", ()):
        return []
    pinned = []
    for head, sha256 in ((first, difference.first), (second, difference.second)):
        text = _text(head.commit, path, sha256) if head.commit and sha256 else None
        if text is None:
            return []
        pinned.append(versions(text))
    one, other = pinned
    return [
        Difference(difference.name, f"{name}, {path}", one.get(name), other.get(name))
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    ]
