"""The index: what the manifests and trials of all sealed runs say, kept so that they need not be opened again.

The files are the record. A run is taken from the index only while its files have the stamps (collect.archive.stamps)
that they had when it was put in; it is put in only as collect.archive.kept has it. So what is said with the index is
what is said without, and it can be thrown away at any time. It lies in .state/index/ of the checkout:

    state.json    which segments there are, each with the stamps of its own files, and by which code they were made
    segment-*     what is kept, a few hundred runs each (collect.archive.segments)

Segments are never changed, and the state is replaced by a rename, under a lock. Readers need no lock: those segments
that the state they read names stay for an hour after another has taken its place.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collect.archive.durable import json_bytes, write_durably
from collect.archive.entries import Entry as Entry
from collect.archive.entries import entry_of
from collect.archive.fingerprint import made_by
from collect.archive.lock import locked
from collect.archive.segments import Segment, paths_of, remove_others, rewrite, write_segment
from collect.archive.stamps import Stamp, file_stamp, scan, settled
from collect.archive.store import Archive
from collect.errors import BenchError
from collect.paths import index_dir

VERSION = 1
STATE, LOCK = "state.json", "lock"
RUNS_EACH = 500
"""Runs in a segment at most."""
FEW = 250
"""A segment with fewer is small ..."""
MOST_FEW = 8
"""... and with more small ones than this they are put together."""
MANY = 200
"""New runs from which on several processes read them."""
KEPT_S = 3600.0
"""For how long segments stay that the state does not name (any more)."""
DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError)
"""What reading a file of the index raises that is not as it was written."""


@dataclass(frozen=True)
class Snapshot:
    """All sealed runs, or the newest of them, at one moment, and which of them the index holds."""

    archive: Archive
    stamps: Mapping[str, Stamp]
    """By run, the oldest first."""
    kept: Mapping[str, Segment]
    """By run: the segment that has it as its files are now."""
    whole: Sequence[Segment]
    """The segments of which that is true of every run: their tables can be read as they are."""

    @classmethod
    def of(cls, archive: Archive, stamps: Mapping[str, Stamp], segments: Iterable[Segment]) -> Snapshot:
        """Return what segments hold of the runs that have these stamps."""
        kept, whole = owners(stamps, segments)
        return cls(archive, stamps, kept, whole)

    def entry(self, run_id: str) -> Entry:
        """Return a run's entry."""
        segment = self.kept.get(run_id)
        return segment.entry(run_id, self.archive.path) if segment else entry_of(self.archive, run_id)

    def entries(self) -> list[Entry]:
        """Return an entry per run, the oldest first."""
        return [self.entry(run_id) for run_id in self.stamps]

    def tabled(self, run_id: str) -> bool:
        """Say whether the tables of the whole segments hold a run's trials."""
        segment = self.kept.get(run_id)
        return segment is not None and segment in self.whole and bool(segment.runs[run_id]["tabled"])


class Index:
    """The index of an archive. Several threads may ask one; several processes may have one each."""

    def __init__(self, archive: Archive, *, use: bool = True) -> None:
        """Open the index; with ``use`` false every run is read from its own files."""
        self.archive = archive
        self._use = use
        self._folder = index_dir(archive.path)
        self._guard = threading.Lock()
        self._read: dict[str, Segment] = {}
        self._passed: dict[str, Stamp] = {}

    def entries(self) -> Sequence[Entry]:
        """Return an entry per sealed run, the oldest first; one that cannot be read has a ``problem``."""
        return self.snapshot().entries()

    def snapshot(self, newest: int | None = None) -> Snapshot:
        """Return what there is now, all or the newest runs; first put in what of it is new, if that can be written.

        OSError where the archive itself cannot be read.
        """
        with self._guard:
            if not self._use:
                return Snapshot.of(self.archive, scan(self.archive.path, newest), ())
            with ThreadPoolExecutor(1) as aside:  # while the disk is waited for, what is kept is decoded
                scanned = aside.submit(scan, self.archive.path, newest)
                segments = list(self._segments())
                stamps = scanned.result()
            snapshot = Snapshot.of(self.archive, stamps, segments)
            new = self._new(snapshot)
            stale = newest is None and len(snapshot.whole) < len(segments)
            try:
                changed = self._brought_up_to_date(new, stale=stale)
            except (OSError, ValueError, BenchError, BrokenExecutor):
                return snapshot  # it cannot be written: the files are read
            if changed:
                snapshot = Snapshot.of(self.archive, scan(self.archive.path, newest), self._segments())
            self._passed |= {run_id: stamps[run_id] for run_id in new if run_id not in snapshot.kept}
            return snapshot

    def _new(self, snapshot: Snapshot) -> list[str]:
        """Return the runs that may be put in: at rest, and not found to be such that are never kept."""
        now_ns = time.time_ns()
        return [
            run_id
            for run_id, stamp in snapshot.stamps.items()
            if run_id not in snapshot.kept and self._passed.get(run_id) != stamp and settled(stamp, now_ns)
        ]

    def _segments(self) -> Iterator[Segment]:
        """Yield the segments that the state names and that are as they were written."""
        for name, stamps in self._state().items():
            try:
                there = {suffix: file_stamp(path) for suffix, path in paths_of(self._folder, name).items()}
                if there != stamps:
                    continue
                if name not in self._read:
                    self._read[name] = Segment(self._folder, name)
                yield self._read[name]
            except DAMAGED:
                continue

    def _state(self) -> dict[str, dict[str, Stamp]]:
        """Return the segments by name with their files' stamps; none where the state is not of this code or archive."""
        try:
            said = json.loads((self._folder / STATE).read_bytes())
            fits = {key: said[key] for key in self._made()} == self._made()
            segments: dict[str, dict[str, Stamp]] = said["segments"]
            return dict(segments.items()) if fits else {}
        except DAMAGED:
            return {}

    def _made(self) -> dict[str, Any]:
        return {"version": VERSION, "made_by": made_by(), "archive": os.fspath(self.archive.path.resolve())}

    def _brought_up_to_date(self, new: Sequence[str], *, stale: bool) -> bool:
        """Put in runs, and take out what is gone; say whether there was anything to change.

        OSError, BenchError and what processes and damaged segments raise, where it cannot be written.
        """
        if not new and not stale:
            return False
        self._folder.mkdir(parents=True, exist_ok=True)
        with locked(self._folder, LOCK):
            pass  # else all that is new would be read in vain
        changed = False
        for name in self._by_processes(new) if len(new) > MANY else self._by_itself(new):
            if name:
                self._commit(name)
                changed = True
        if stale and not changed:
            self._commit(None)
        return changed or stale

    def _by_itself(self, run_ids: Sequence[str]) -> Iterator[str | None]:
        for part in _parts(run_ids, RUNS_EACH):
            yield write_segment(self._folder, self.archive.path, part)

    def _by_processes(self, run_ids: Sequence[str]) -> Iterator[str | None]:
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor, as_completed

        from collect.archive.verifying import cores, end_at_interrupt

        if sys.stderr.isatty():
            sys.stderr.write(f"putting {len(run_ids):,} runs into the index ...\n")
        parts = _parts(run_ids, min(RUNS_EACH, max(MANY // 4, -(-len(run_ids) // cores()))))
        count = min(cores(), len(parts))
        # Not by fork: other threads may hold locks.
        context = multiprocessing.get_context("forkserver")
        with ProcessPoolExecutor(count, mp_context=context, initializer=end_at_interrupt) as pool:
            try:
                waiting = [pool.submit(write_segment, self._folder, self.archive.path, part) for part in parts]
                for done in as_completed(waiting):
                    yield done.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _commit(self, new: str | None) -> None:
        """Name a new segment in the state; write those anew of which a run is gone, or that are small and many."""
        with locked(self._folder, LOCK):
            known = [*self._segments(), *([Segment(self._folder, new)] if new else [])]
            kept = _tidied(self._folder, known, scan(self.archive.path))
            said = {
                segment.name: {s: file_stamp(path) for s, path in paths_of(self._folder, segment.name).items()}
                for segment in kept
            }
            write_durably(self._folder / STATE, json_bytes({**self._made(), "segments": said}))
            remove_others(self._folder, said, time.time() - KEPT_S)
            self._read = {segment.name: segment for segment in kept}


def owners(stamps: Mapping[str, Stamp], segments: Iterable[Segment]) -> tuple[dict[str, Segment], list[Segment]]:
    """Return for each run the first segment that has it with its stamp, and the segments that own all their runs."""
    kept: dict[str, Segment] = {}
    whole = []
    for segment in segments:
        own = [
            run_id
            for run_id, record in segment.runs.items()
            if run_id not in kept and stamps.get(run_id) == record["stamp"]
        ]
        kept |= dict.fromkeys(own, segment)
        if len(own) == len(segment.runs):
            whole.append(segment)
    return kept, whole


def _tidied(folder: Path, segments: Sequence[Segment], stamps: Mapping[str, Stamp]) -> list[Segment]:
    """Return the segments with every run in one of them, once; those that hold others are written anew."""
    kept, whole = owners(stamps, segments)
    small = [segment for segment in whole if len(segment.runs) < FEW]
    together = [segment for segment in segments if segment not in whole]
    if len(small) > MOST_FEW:
        together += small
    left = [segment for segment in whole if segment not in together]
    mine = sorted(_owned(kept, together), key=lambda pair: pair[0])
    for part in _parts(mine, RUNS_EACH):
        sources: dict[str, tuple[Segment, list[str]]] = {}
        for run_id, segment in part:
            sources.setdefault(segment.name, (segment, []))[1].append(run_id)
        if name := rewrite(folder, list(sources.values())):
            left.append(Segment(folder, name))
    return left


def _owned(kept: Mapping[str, Segment], segments: Sequence[Segment]) -> Iterator[tuple[str, Segment]]:
    names = {segment.name for segment in segments}
    return ((run_id, segment) for run_id, segment in kept.items() if segment.name in names)


def _parts(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[at : at + size] for at in range(0, len(items), size)]
