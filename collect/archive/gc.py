"""Removing runs: first which ones and what it frees, then the removal, after which no half run looks like a sealed one.

A run goes by one rename of its folder to ``.trash-<run_id>``, then all that lies beside it, then what the folder held.
Whatever a crash leaves of that is told and removed by the next removal. A run with tags stays, and so does one whose
labels or manifest cannot be read: it may be worth more than this checkout can tell.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from collect.archive.durable import fsync_path
from collect.archive.entries import begun
from collect.archive.labels import LOCK, check, labels
from collect.archive.labels import SUFFIX as LABELS
from collect.archive.lock import locked, writing
from collect.archive.names import RUN_ID
from collect.archive.space import bytes_of
from collect.archive.store import Archive
from collect.archive.validity import INVALID

if TYPE_CHECKING:
    from collect.archive.index import Entry

TRASH = ".trash-"
BESIDE = (".html", ".findings.md", LABELS)
"""How names end that lie beside a run and go with it."""


@dataclass(frozen=True)
class Rule:
    """Which of the runs that filters chose are to go: those of which all that is given here holds."""

    older_than_s: float | None = None
    """Begun longer ago than this, in seconds."""
    keep: int = 0
    """As many of the newest stay."""
    invalid: bool = False
    """Only runs that are invalid as a whole."""


@dataclass(frozen=True)
class Doomed:
    """A run that is to go, with what its folder and all beside it hold, in bytes."""

    run_id: str
    plan: str
    validity: str
    bytes: int


@dataclass(frozen=True)
class Kept:
    """A run that the rule would take and that stays, and why."""

    run_id: str
    why: str


@dataclass(frozen=True)
class Sweep:
    """What a removal would do."""

    runs: tuple[Doomed, ...]
    kept: tuple[Kept, ...]
    leftovers: tuple[str, ...]
    """Names of what an interrupted removal left."""
    leftover_bytes: int

    @property
    def bytes(self) -> int:
        """All that it frees."""
        return self.leftover_bytes + sum(run.bytes for run in self.runs)


def sweep(archive: Archive, entries: Sequence[Entry], rule: Rule, *, now: datetime | None = None) -> Sweep:
    """Return what is to go of the runs that filters chose (oldest first), without touching anything."""
    now = now or datetime.now(UTC)
    doomed, kept = [], []
    for entry in entries[: max(0, len(entries) - rule.keep)]:
        if rule.invalid and entry.validity != INVALID and not entry.problem:
            continue
        if rule.older_than_s is not None and not _older(entry.run_id, rule.older_than_s, now):
            continue
        why = f"it cannot be read: {entry.problem}" if entry.problem else protection(archive, entry.run_id)
        if why:
            kept.append(Kept(entry.run_id, why))
        else:
            doomed.append(Doomed(entry.run_id, entry.plan, entry.validity, size(archive, entry.run_id)))
    left = leftovers(archive)
    return Sweep(tuple(doomed), tuple(kept), tuple(path.name for path in left), sum(map(bytes_of, left)))


def protection(archive: Archive, run_id: str) -> str | None:
    """Return why a run must not be removed; None where it may."""
    if problems := check(archive, run_id):
        return f"its labels are damaged: {problems[0]}"
    tags = labels(archive, run_id).tags
    return f"tagged {', '.join(tags)}" if tags else None


def remove(archive: Archive, run_id: str) -> str | None:
    """Remove a run and all beside it; return why not, where it has got a tag meanwhile. One that is gone is no error.

    BenchError where the disk takes no change.
    """
    trash = archive.path / f"{TRASH}{run_id}"
    with writing(archive.path):
        discard(trash)
        with locked(archive.path, LOCK):
            if why := protection(archive, run_id):
                return why
            try:
                archive.folder(run_id).rename(trash)
            except FileNotFoundError:
                return None  # another removal was first
            fsync_path(archive.path)
            _discard_beside(archive, run_id)
        discard(trash)
    return None


def remove_leftovers(archive: Archive) -> None:
    """Remove what interrupted removals left; BenchError where the disk takes no change."""
    with writing(archive.path):
        for trash in leftovers(archive):
            run_id = trash.name.removeprefix(TRASH)
            with locked(archive.path, LOCK):
                if not archive.folder(run_id).exists():  # else it was brought back, with what lies beside it
                    _discard_beside(archive, run_id)
            discard(trash)


def leftovers(archive: Archive) -> list[Path]:
    """Return what interrupted removals left."""
    found = archive.path.glob(f"{TRASH}*")
    return sorted(path for path in found if RUN_ID.fullmatch(path.name.removeprefix(TRASH)))


def size(archive: Archive, run_id: str) -> int:
    """Return what a run's folder and all beside it hold, in bytes."""
    return bytes_of(archive.folder(run_id)) + sum(map(bytes_of, _beside(archive, run_id)))


def discard(folder: Path) -> None:
    """Remove a folder with all in it, also while another process does the same."""
    while folder.is_dir() or folder.is_symlink():
        try:
            if folder.is_symlink():
                folder.unlink()
            else:
                shutil.rmtree(folder)
        except FileNotFoundError:
            continue


def _beside(archive: Archive, run_id: str) -> Iterator[Path]:
    for suffix in BESIDE:
        path = archive.path / f"{run_id}{suffix}"
        if path.is_symlink() or path.is_file():
            yield path


def _discard_beside(archive: Archive, run_id: str) -> None:
    for path in _beside(archive, run_id):
        path.unlink(missing_ok=True)
    fsync_path(archive.path)


def _older(run_id: str, seconds: float, now: datetime) -> bool:
    """Say whether a run was begun longer ago; one whose id tells no moment never was."""
    try:
        return (now - begun(run_id)).total_seconds() > seconds
    except ValueError:
        return False
