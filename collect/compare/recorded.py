"""What comparisons ask of all runs of an archive: from its index where that holds a run, else from the run's own files.

So a trend over thousands of runs opens those files alone that changed since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from collect.archive.index import Index
from collect.archive.kept import as_sealed
from collect.archive.segments import Segment
from collect.archive.store import Archive
from collect.compare.heads import Head, read_head
from collect.compare.series import COLUMNS, by_cell, cell_rows
from collect.errors import BenchError
from collect.paths import shown


class Recorded:
    """Heads and rows of all sealed runs, or of the newest, as they are at one moment."""

    def __init__(self, archive: Archive, index: Index | None = None, *, newest: int | None = None) -> None:
        """Look at what there is; without an index that is given the archive's own is asked."""
        self.archive = archive
        self.refused: list[BenchError] = []
        """Why runs cannot be read, the oldest first."""
        snapshot = (index or Index(archive)).snapshot(newest)
        self._run_ids = list(snapshot.stamps)
        self._kept = snapshot.kept
        self._read: dict[str, Head] = {}
        self._shared: dict[tuple[Any, ...], Head] = {}
        for run_id in self._run_ids:
            if run_id not in self._kept:
                try:
                    self._read[run_id] = _read(archive, run_id)
                except BenchError as error:
                    self.refused.append(error)

    def cells(self) -> set[str]:
        """Return the names of all cells of all runs."""
        return {name for run_id in self._run_ids for name in self._cells(run_id)}

    def having(self, cells: Collection[str], *, repeatable: bool = False) -> list[str]:
        """Return the runs whose plan has any of some cells, the oldest first; or of these those of a clean commit."""
        wanted = set(cells)
        found = [run_id for run_id in self._run_ids if not wanted.isdisjoint(self._cells(run_id))]
        return [run_id for run_id in found if self._is_clean(run_id)] if repeatable else found

    def head(self, run_id: str) -> Head:
        """Return the head of a run that can be read; what runs share of it is the same object."""
        segment = self._kept.get(run_id)
        return self._of_index(segment, run_id) if segment else self._read[run_id]

    def rows(self, run_id: str, cells: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
        """Return the trials of a run's cells that count; BenchError as cell_rows has it."""
        if segment := self._kept.get(run_id):
            try:
                return by_cell(segment.rows(run_id, COLUMNS), cells)
            except (OSError, ValueError):
                pass  # the index was replaced meanwhile: the run's own file has them
        return cell_rows(self.archive, run_id, cells)

    def _cells(self, run_id: str) -> Collection[str]:
        if segment := self._kept.get(run_id):
            return segment.cells(run_id)
        return self._read[run_id].cells if run_id in self._read else ()

    def _is_clean(self, run_id: str) -> bool:
        segment = self._kept.get(run_id)
        if segment is None:
            head = self._read[run_id]
            return head.commit is not None and head.dirty is False
        fields = segment.runs[run_id]["fields"]
        return fields["git_commit"] is not None and fields["git_dirty"] is False

    def _of_index(self, segment: Segment, run_id: str) -> Head:
        record = segment.runs[run_id]
        shared = (segment.name, *record["head"], record["server"], *record["clients"])
        if shared not in self._shared:
            try:
                parts = segment.head(run_id)
            except (OSError, ValueError):
                return read_head(self.archive, run_id)
            clients = tuple(record["clients"])
            self._shared[shared] = Head(
                run_id, "", **parts, server=record["server"], clients=clients, commit=None, dirty=None
            )
        like, fields = self._shared[shared], record["fields"]
        head = replace(
            like,
            run_id=run_id,
            created_at=fields["created_at"],
            commit=fields["git_commit"],
            dirty=fields["git_dirty"],
        )
        vars(head)["cells"] = like.cells  # worked out once for all that share a plan
        return head


def _read(archive: Archive, run_id: str) -> Head:
    """Return the head of a run from its own files; BenchError where it cannot be read, or is damaged."""
    head = read_head(archive, run_id)
    if not as_sealed(archive.folder(run_id)):
        where = shown(archive.folder(run_id))
        raise BenchError("manifest or trials are not as they were sealed", where, f"see `collect verify {run_id}`")
    return head
