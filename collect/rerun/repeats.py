"""Which earlier run a run repeats: the one that was asked for, else the newest of its plan, inventory and hosts.

``run.json`` of a rerun holds it under ``repeats``, and the manifest of every run that has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collect.archive.names import RUN_ID
from collect.archive.validity import INVALID
from collect.errors import BenchError

KEY = "repeats"
MOST_RUNS = 300
"""The newest runs that are looked at for one that is alike: a night's run each for most of a year."""
ODD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What a manifest raises that is JSON and yet no manifest."""


@dataclass(frozen=True)
class Repeats:
    """The run that is repeated."""

    run_id: str
    asked: bool
    """Whether it was to be repeated; else it is just like it."""
    despite: tuple[str, ...] = ()
    """What was allowed to differ: names of collect/data/comparable.yml, inventory, variables."""
    locks: Mapping[str, str] = field(default_factory=dict)
    """Sums of the lock files that were taken over from it, where the checkout had others."""
    commit: str | None = None
    """Where these lock files are from."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        taken = {"locks": dict(self.locks), "commit": self.commit} if self.locks else {}
        return {"run_id": self.run_id, "asked": self.asked, "despite": list(self.despite), **taken}


def repeats_of(said: Mapping[str, Any]) -> Repeats | None:
    """Return what a run.json or a manifest says of it; None where that is nothing, or nothing that can be meant."""
    of = said.get(KEY)
    if not isinstance(of, Mapping):
        return None
    run_id, commit = of.get("run_id"), of.get("commit")
    if not (isinstance(run_id, str) and RUN_ID.fullmatch(run_id)):
        return None
    despite, locks = of.get("despite"), of.get("locks")
    return Repeats(
        run_id,
        bool(of.get("asked")),
        tuple(map(str, despite)) if isinstance(despite, list) else (),
        {str(name): str(sha256) for name, sha256 in locks.items()} if isinstance(locks, Mapping) else {},
        commit if isinstance(commit, str) else None,
    )


def newest_alike(archive_dir: Path, manifest: Mapping[str, Any]) -> Repeats | None:
    """Return the newest sealed run from before a run that has its plan, inventory and hosts, and a cell of it.

    Hosts are the same where they have the same names and CPU models; what else of them differs is the comparison's to
    tell. Runs that cannot be read, or are invalid, are passed over.
    """
    from collect.archive.store import Archive
    from collect.compare.heads import read_keys

    archive = Archive(archive_dir)
    before = [run_id for run_id in archive.run_ids() if run_id < manifest["run_id"]]
    for run_id in reversed(before[-MOST_RUNS:]):
        try:
            other = read_keys(archive, run_id)
            if other["validity"] != INVALID and _alike(other, manifest):
                return Repeats(run_id, asked=False)
        except (BenchError, *ODD):
            continue
    return None


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if _named(one) != _named(other):
        return False
    return any(cell in one["plan"]["cells"] for cell in other["plan"]["cells"])


def _named(manifest: Mapping[str, Any]) -> tuple[Any, ...]:
    models = {name: facts.get("cpu_model") for name, facts in manifest["hosts"].items()}
    return manifest["plan"]["name"], manifest["inventory"], models
