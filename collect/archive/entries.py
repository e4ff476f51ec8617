"""What a list of runs says of each: made from its manifest alone."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from collect.archive.looked import blocks_of
from collect.archive.space import bytes_of
from collect.archive.store import READ_AS, Archive, Manifest
from collect.cells import Cell
from collect.errors import BenchError
from collect.paths import shown

UNREADABLE = "unreadable"
"""The validity of a run that says nothing of itself."""
ODD = (LookupError, TypeError, ValueError, AttributeError)
"""What a manifest raises that is JSON and yet no manifest."""
RUNS: Mapping[str, tuple[str, Any]] = {
    "run_id": ("VARCHAR", lambda m: m["run_id"]),
    "created_at": ("TIMESTAMPTZ", lambda m: m["created_at"]),
    "sealed_at": ("TIMESTAMPTZ", lambda m: m["sealed_at"]),
    "plan": ("VARCHAR", lambda m: m["plan"]["name"]),
    "blocks": ("INTEGER", blocks_of),
    "seed": ("BIGINT", lambda m: m["plan"]["seed"]),
    "inventory": ("VARCHAR", lambda m: m["inventory"]),
    "trials": ("INTEGER", lambda m: len(m["trials"])),
    "validity": ("VARCHAR", lambda m: m["validity"]),
    "reasons": ("VARCHAR[]", lambda m: m["reasons"]),
    "git_commit": ("VARCHAR", lambda m: m["git"]["commit"]),
    "git_dirty": ("BOOLEAN", lambda m: m["git"]["dirty"]),
    "hosts": ("JSON", lambda m: json.dumps(m["hosts"])),
}
"""Columns of the view ``runs``: type in SQL, and where in the manifest each comes from."""


@dataclass(frozen=True)
class Entry:
    """A sealed run in a list. Text comes from the run and is not to be trusted wherever it is shown.

    What ``cells``, ``cpu_models``, ``verdicts`` and ``ratios`` return is shared between entries: it is to be read only.
    """

    run_id: str
    archive: Path = field(repr=False)
    plan: str
    inventory: str
    created_at: str
    """ISO 8601; of a run that cannot be read the moment that its id tells."""
    sealed_at: str
    validity: str
    reasons: tuple[str, ...]
    trials: int
    git_commit: str | None
    git_dirty: bool | None
    schema_version: int
    """As the run was written; 0 for one that cannot be read."""
    texts: tuple[str, ...] = field(repr=False)
    """Cells, CPU models, verdicts and ratios, each as JSON."""
    problem: str | None = None
    """Why it cannot be read, in one line."""

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.archive / self.run_id

    @property
    def cells(self) -> tuple[str, ...]:
        """The names of its plan's cells."""
        return tuple(_decoded(self.texts[0]))

    @property
    def cpu_models(self) -> Mapping[str, str]:
        """The CPU's model by host, of the hosts that tell one."""
        models: Mapping[str, str] = _decoded(self.texts[1])
        return models

    @property
    def verdicts(self) -> Mapping[str, Mapping[str, Any]]:
        """What limited each cell (see collect.report.manifest.cells_of)."""
        verdicts: Mapping[str, Mapping[str, Any]] = _decoded(self.texts[2])
        return verdicts

    @property
    def ratios(self) -> Sequence[Mapping[str, Any]]:
        """Each async cell against its sync cell (see collect.report.manifest.ratios_of)."""
        ratios: Sequence[Mapping[str, Any]] = _decoded(self.texts[3])
        return ratios

    @property
    def bytes(self) -> int:
        """What the files in its folder hold together, as they are now; looked up at each call."""
        return bytes_of(self.folder)

    def as_json(self) -> dict[str, Any]:
        """Return what ``collect list --json`` says of it (beside its size and labels)."""
        return {
            "run_id": self.run_id, "plan": self.plan, "inventory": self.inventory, "created_at": self.created_at,
            "sealed_at": self.sealed_at, "trials": self.trials, "validity": self.validity,
            "reasons": list(self.reasons), "git_commit": self.git_commit, "git_dirty": self.git_dirty,
            "cpu_models": self.cpu_models, "cells": self.verdicts, "ratios": self.ratios,
            "schema_version": self.schema_version, "problem": self.problem,
        }  # fmt: skip


def entry_of(archive: Archive, run_id: str) -> Entry:
    """Return a run's entry from its files; one that cannot be read has a problem, and else says nothing."""
    try:
        manifest = archive.manifest(run_id)
        runs_row(manifest)
        return made(run_id, archive.path, fields_of(manifest), texts_of(manifest))
    except BenchError as error:
        return _unreadable(archive, run_id, str(error))
    except ODD:
        where = shown(archive.folder(run_id) / "manifest.json")
        problem = BenchError("the manifest cannot be read", where, f"see `collect verify {run_id}`")
        return _unreadable(archive, run_id, str(problem))


def made(run_id: str, archive: Path, fields: Mapping[str, Any], texts: Sequence[str]) -> Entry:
    """Return an entry from what ``fields_of`` and ``texts_of`` gave."""
    return Entry(run_id, archive, **{**fields, "reasons": tuple(fields["reasons"])}, texts=tuple(texts))


def fields_of(manifest: Manifest) -> dict[str, Any]:
    """Return the plain fields of an entry, ready for JSON; one of ``ODD`` where it is no whole manifest."""
    for key in ("created_at", "sealed_at"):
        datetime.fromisoformat(manifest[key])
    return {
        "plan": str(manifest["plan"]["name"]),
        "inventory": str(manifest["inventory"]),
        "created_at": str(manifest["created_at"]),
        "sealed_at": str(manifest["sealed_at"]),
        "validity": str(manifest["validity"]),
        "reasons": [str(reason) for reason in manifest["reasons"]],
        "trials": len(manifest["trials"]),
        "git_commit": None if (commit := manifest["git"]["commit"]) is None else str(commit),
        "git_dirty": manifest["git"]["dirty"],
        "schema_version": manifest.get(READ_AS, manifest["schema_version"]),
    }


def texts_of(manifest: Manifest) -> list[str]:
    """Return what ``Entry.texts`` holds; one of ``ODD`` where it is no whole manifest."""
    from collect.report.manifest import cells_of, ratios_of

    cells = [Cell(**cell).name for cell in manifest["plan"]["cells"]]
    models = {host: str(facts["cpu_model"]) for host, facts in manifest["hosts"].items() if facts.get("cpu_model")}
    return [_coded(said) for said in (cells, models, cells_of(manifest), ratios_of(manifest))]


def runs_row(manifest: Manifest) -> list[Any]:
    """Return a run's row of the view ``runs``, in the order of ``RUNS``; one of ``ODD`` where it has none."""
    return [pick(manifest) for _, pick in RUNS.values()]


def begun(run_id: str) -> datetime:
    """Return the moment that a run's id tells; ValueError where it tells none."""
    return datetime.strptime(run_id.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _unreadable(archive: Archive, run_id: str, problem: str) -> Entry:
    try:
        created_at = begun(run_id).isoformat()
    except ValueError:
        created_at = ""  # 13 as a month
    nothing = ("[]", "{}", "{}", "[]")
    return Entry(
        run_id, archive.path, "", "", created_at, "", UNREADABLE, (problem,), 0, None, None, 0, nothing, problem
    )


def _coded(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


@functools.lru_cache(4096)
def _decoded(text: str) -> Any:
    return json.loads(text)
