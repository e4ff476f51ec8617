"""The thresholds of verdicts (collect/data/verdicts.yml), checked."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from collect.archive.raw import Floats
from collect.documents import load_document
from collect.errors import BenchError
from collect.paths import DATA_DIR, shown

OVER = 0.5
"""How much of what lies beyond full still counts, so that of two used-up resources the fuller one goes first."""


@dataclass(frozen=True)
class Limits:
    """From where on a resource counts, and where it is used up, as shares of its ceiling."""

    near: float
    full: float

    def fullness(self, use: Floats | float) -> float:
        """Return 0 for a resource that is never near its ceiling, 1 for one that always is at it: the seconds' mean.

        A little more than 1 beyond full. NaN (unknown) seconds are left out; 0 where all are.
        """
        each = np.atleast_1d(np.asarray(use, dtype=np.float64))
        each = np.clip(each[~np.isnan(each)], 0, 10)  # far beyond is no more than beyond
        if not len(each):
            return 0.0
        part = np.clip((each - self.near) / (self.full - self.near), 0, 1)
        return float((part + OVER * np.clip(each - self.full, 0, 0.2)).mean())

    def full_share(self, use: Floats) -> float | None:
        """Return the share of the seconds in which the resource was used up; None where no second is known."""
        known = use[~np.isnan(use)]
        return float((known >= self.full).mean()) if len(known) else None


@dataclass(frozen=True)
class Thresholds:
    """All of the file."""

    words: Mapping[str, Limits]
    rules: Mapping[str, float]
    limits: Mapping[str, Limits]
    """The rules that are limits of a share themselves."""


@functools.cache
def thresholds(path: Path = DATA_DIR / "verdicts.yml") -> Thresholds:
    """Read and check the file; BenchError names the word or value that is wrong."""
    document: dict[str, Any] = load_document(path, "verdicts")
    limits = {name: _limits(entry, f"words.{name}", path) for name, entry in document["words"].items()}
    rules = {name: entry for name, entry in document["rules"].items() if not isinstance(entry, Mapping)}
    others = {
        name: _limits(entry, f"rules.{name}", path) for name, entry in document["rules"].items() if name not in rules
    }
    if rules["confidence_medium"] >= rules["confidence_high"]:
        where = f"{shown(path)}: rules.confidence_medium"
        raise BenchError(f"{rules['confidence_medium']} is not below confidence_high", where, "give a smaller number")
    return Thresholds(limits, rules, others)


def _limits(entry: Mapping[str, float], key: str, path: Path) -> Limits:
    if entry["near"] >= entry["full"]:
        problem = f"near {entry['near']} is not below full {entry['full']}"
        raise BenchError(problem, f"{shown(path)}: {key}", "give a smaller near or a larger full")
    return Limits(float(entry["near"]), float(entry["full"]))
