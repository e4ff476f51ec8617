"""Which files the views of SQL are made of, for runs that were chosen: those of the index where it has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from collect.archive.entries import Entry
from collect.archive.filters import Filters, fitting
from collect.archive.index import Index, Snapshot
from collect.archive.segments import Segment
from collect.archive.stamps import file_stamp
from collect.archive.store import READ_AS, Archive, Manifest
from collect.errors import BenchError
from collect.paths import shown


@dataclass(frozen=True)
class Sources:
    """What views are made of."""

    archive: Archive
    run_ids: Sequence[str]
    """The runs, the oldest first."""
    older: Sequence[str]
    """Those of them that were sealed without verdicts: their trials are judged on the way in."""
    manifest: Callable[[str], Manifest]
    segments: Sequence[Segment] = ()
    """Segments of the index whose tables are read."""
    tabled: frozenset[str] = frozenset()
    """The runs whose trials those hold."""
    everything: bool = True
    """Whether the segments hold no other run than those chosen."""
    kept: Mapping[str, Segment] = field(default_factory=dict)
    """By run: the segment that has it."""
    lenient: bool = False
    """Whether a run whose file cannot be read is left out, and told, instead of ending the question."""

    @classmethod
    def of_manifests(cls, archive: Archive, manifests: Mapping[str, Manifest]) -> Sources:
        """Return the files of runs whose manifests are there already."""
        older = [run_id for run_id, manifest in manifests.items() if manifest.get(READ_AS, 2) < 2]
        return cls(archive, list(manifests), older, manifests.__getitem__)

    @classmethod
    def of(cls, snapshot: Snapshot, entries: Iterable[Entry]) -> Sources:
        """Return the files of some of a snapshot's runs that can be read."""
        chosen = {entry.run_id: entry for entry in entries}
        tabled = frozenset(run_id for run_id in chosen if snapshot.tabled(run_id))
        segments = [segment for segment in snapshot.whole if not chosen.keys().isdisjoint(segment.runs)]
        return cls(
            snapshot.archive,
            list(chosen),
            [run_id for run_id, entry in chosen.items() if entry.schema_version < 2],
            snapshot.archive.manifest,
            segments,
            tabled,
            all(run_id in chosen for segment in segments for run_id in segment.runs),
            snapshot.kept,
            lenient=True,
        )

    def path(self, run_id: str, view: str) -> Path:
        """Return a run's own file for a view."""
        return self.archive.folder(run_id) / f"{view}.parquet"

    @property
    def loose(self) -> list[str]:
        """The runs whose own files of trials are read."""
        apart = self.tabled.union(self.older)
        return [run_id for run_id in self.run_ids if run_id not in apart]

    @property
    def in_segments(self) -> frozenset[str]:
        """The runs whose rows of the view ``runs`` the segments hold."""
        names = {segment.name for segment in self.segments}
        return frozenset(r for r in self.run_ids if r in self.kept and self.kept[r].name in names)

    def there(self, view: str) -> tuple[list[str], list[BenchError]]:
        """Return the runs that have a file for a view, and why the others are left out (none are unless lenient)."""
        if not self.lenient:
            return list(self.run_ids), []
        found, refused = [], []
        for run_id in self.run_ids:
            path = self.path(run_id, view)
            try:
                empty = not path.stat().st_size
            except OSError:
                empty = True
            if empty:
                refused.append(BenchError("the file is not there", shown(path), f"see `collect verify {run_id}`"))
            else:
                found.append(run_id)
        return found, refused

    def samples_alike(self, run_ids: Iterable[str]) -> tuple[list[list[str]], list[str]]:
        """Return runs in groups whose samples have the same columns, and those of which that is not known."""
        groups: dict[str, list[str]] = {}
        unknown = []
        for run_id in run_ids:
            columns = self._columns(run_id)
            if columns is None:
                unknown.append(run_id)
            else:
                groups.setdefault(columns, []).append(run_id)
        return list(groups.values()), unknown

    def _columns(self, run_id: str) -> str | None:
        known = self.kept[run_id].samples(run_id) if run_id in self.kept else None
        try:
            return known[1] if known and file_stamp(self.path(run_id, "samples")) == known[0] else None
        except OSError:
            return None


def choose(archive: Archive, filters: Filters) -> tuple[Sources, list[str]]:
    """Return the files of the runs that fit, and of those that fit and cannot be read why not, a line each."""
    snapshot = Index(archive, use=filters.indexed).snapshot()
    entries = fitting(archive, snapshot.entries(), filters)
    readable = [entry for entry in entries if not entry.problem]
    return Sources.of(snapshot, readable), [entry.problem for entry in entries if entry.problem]
