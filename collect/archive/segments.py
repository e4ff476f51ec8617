"""The index's files: segments of a few hundred runs each, which are written once and never changed.

A segment is four files of one name: ``.json`` (entries, stamps, and where in ``.parts`` what stands), ``.parts`` (JSON
texts one behind the other: how runs were measured, rows for comparisons), ``.trials.parquet`` and ``.runs.parquet``.
"""

from __future__ import annotations

import functools
import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from collect.archive.durable import fsync_path
from collect.archive.entries import Entry, made
from collect.archive.kept import HEAD, Kept, Tables, keep, read_whole, runs_schema
from collect.archive.stamps import Stamp
from collect.archive.store import Archive

PREFIX = "segment-"
SUFFIXES = (".json", ".parts", ".trials.parquet", ".runs.parquet")
ROW_GROUP = 10_000
"""Rows of trials; about a segment's."""

Record = Mapping[str, Any]


class Segment:
    """A segment that is there, read."""

    def __init__(self, folder: Path, name: str) -> None:
        """Read what it says of its runs; OSError, ValueError, KeyError or TypeError where it is not whole."""
        self.name = name
        self._base = folder / name
        said = json.loads(_path(self._base, ".json").read_bytes())
        self.runs: dict[str, Record] = {record["id"]: record for record in said["runs"]}
        self._texts: list[str] = said["texts"]
        self._places: list[tuple[int, int]] = said["parts"]
        self._columns: list[str] = said["columns"]

    @property
    def trials(self) -> Path:
        """The file of its runs' trials, of those that are ``tabled``."""
        return _path(self._base, ".trials.parquet")

    @property
    def run_rows(self) -> Path:
        """The file of its runs' rows of the view ``runs``."""
        return _path(self._base, ".runs.parquet")

    def entry(self, run_id: str, archive: Path) -> Entry:
        """Return a run's entry."""
        record = self.runs[run_id]
        return made(run_id, archive, record["fields"], [self._texts[at] for at in record["texts"]])

    def cells(self, run_id: str) -> list[str]:
        """Return the names of a run's cells."""
        return self._decoded(self.runs[run_id]["texts"][0])

    def samples(self, run_id: str) -> tuple[Stamp, str] | None:
        """Return stamp and columns of a run's samples; None where they are not known."""
        said = self.runs[run_id]["samples"]
        return (said[0], self._texts[said[1]]) if said else None

    def head(self, run_id: str) -> dict[str, Any]:
        """Return the parts of ``HEAD``; runs that share one get the same object, which is to be read only."""
        return dict(zip(HEAD, map(self._part, self.runs[run_id]["head"]), strict=True))

    def rows(self, run_id: str, columns: Sequence[str]) -> list[dict[str, Any]]:
        """Return the rows that comparisons are made from; ValueError where they are of other columns than these."""
        if list(columns) != self._columns:
            raise ValueError(f"rows of {self._columns}")
        return [dict(zip(columns, row, strict=True)) for row in self._part(self.runs[run_id]["rows"])]

    def kept(self, run_id: str) -> Kept:
        """Return a run as it was put in."""
        record = self.runs[run_id]
        return Kept(
            run_id,
            record["stamp"],
            record["fields"],
            [self._texts[at] for at in record["texts"]],
            [self._raw(at) for at in record["head"]],
            record["server"],
            record["clients"],
            self._raw(record["rows"]),
            self.samples(run_id),
            record["tabled"],
        )

    @functools.cached_property
    def _content(self) -> bytes:
        return _path(self._base, ".parts").read_bytes()

    def _raw(self, at: int) -> bytes:
        begin, length = self._places[at]
        return self._content[begin : begin + length]

    @functools.cached_property
    def _part(self) -> Callable[[int], Any]:
        return functools.cache(lambda at: json.loads(self._raw(at)))

    @functools.cached_property
    def _decoded(self) -> Callable[[int], list[str]]:
        return functools.cache(lambda at: json.loads(self._texts[at]))


class Builder:
    """Writes a segment. What a crash leaves of it is named by no index, and is removed in time."""

    def __init__(self, folder: Path) -> None:
        """Begin one in a folder that is there, under a name of its own."""
        self.name = f"{PREFIX}{secrets.token_hex(8)}"
        self._base = folder / self.name
        self._parts: dict[bytes, int] = {}
        self._texts: dict[str, int] = {}
        self._records: list[dict[str, Any]] = []
        self._trials: list[Any] = []
        self._runs: list[Any] = []

    def add(self, kept: Kept) -> None:
        """Add a run, without its tables."""
        self._records.append(
            {
                "id": kept.run_id,
                "stamp": kept.stamp,
                "fields": kept.fields,
                "texts": [self._text(text) for text in kept.texts],
                "head": [self._part(part) for part in kept.head],
                "server": kept.server,
                "clients": list(kept.clients),
                "rows": self._part(kept.rows),
                "samples": [kept.samples[0], self._text(kept.samples[1])] if kept.samples else None,
                "tabled": kept.tabled,
            }
        )

    def add_tables(self, tables: Tables) -> None:
        """Add rows for SQL."""
        if tables.trials is not None:
            self._trials.append(tables.trials)
        self._runs.append(tables.runs)

    def close(self) -> str | None:
        """Bring all of it to the disk; return its name, None where nothing was added. OSError as the disk has it."""
        if not self._records:
            return None
        import pyarrow as pa
        import pyarrow.parquet as pq

        from collect.archive.tables import schema
        from collect.compare.series import COLUMNS

        places, begin = [], 0
        for part in self._parts:
            places.append((begin, len(part)))
            begin += len(part)
        said = {"runs": self._records, "texts": list(self._texts), "parts": places, "columns": list(COLUMNS)}
        _path(self._base, ".json").write_bytes(json.dumps(said, separators=(",", ":")).encode())
        _path(self._base, ".parts").write_bytes(b"".join(self._parts))
        for suffix, tables, kind in (
            (".trials.parquet", self._trials, schema("trials")),
            (".runs.parquet", self._runs, runs_schema()),
        ):
            table = pa.concat_tables([kind.empty_table(), *(table.cast(kind) for table in tables)])
            pq.write_table(table, _path(self._base, suffix), compression="zstd", row_group_size=ROW_GROUP)
        for suffix in SUFFIXES:
            fsync_path(_path(self._base, suffix))
        fsync_path(self._base.parent)
        return self.name

    def _text(self, text: str) -> int:
        return self._texts.setdefault(text, len(self._texts))

    def _part(self, part: bytes) -> int:
        return self._parts.setdefault(part, len(self._parts))


def write_segment(folder: Path, archive: Path, run_ids: Iterable[str]) -> str | None:
    """Write a segment of those of the runs that can be kept; return its name, None where none can.

    OSError where the folder cannot be written. May be called in another process.
    """
    opened, builder = Archive(archive), Builder(folder)
    for run_id in run_ids:
        if found := keep(opened, run_id):
            builder.add(found[0])
            builder.add_tables(found[1])
    return builder.close()


def rewrite(folder: Path, sources: Sequence[tuple[Segment, Sequence[str]]]) -> str | None:
    """Write one segment of some runs of others; OSError or ValueError where one cannot be read, or written."""
    import pyarrow.compute as pc

    builder = Builder(folder)
    for segment, run_ids in sources:
        for run_id in run_ids:
            builder.add(segment.kept(run_id))
        tables = []
        for path in (segment.trials, segment.run_rows):
            table = read_whole(path)
            tables.append(table.filter(pc.is_in(table["run_id"], _strings(run_ids))))
        builder.add_tables(Tables(*tables))
    return builder.close()


def paths_of(folder: Path, name: str) -> dict[str, Path]:
    """Return the files of a segment by their suffix."""
    return {suffix: _path(folder / name, suffix) for suffix in SUFFIXES}


def remove_others(folder: Path, names: Iterable[str], before_s: float) -> None:
    """Remove segments that are not among these and were written before a moment (unix seconds)."""
    wanted = set(names)
    for path in folder.glob(f"{PREFIX}*"):
        try:
            if path.name.partition(".")[0] not in wanted and path.stat().st_mtime < before_s:
                path.unlink()
        except OSError:
            continue


def _path(base: Path, suffix: str) -> Path:
    return base.with_name(base.name + suffix)


def _strings(values: Sequence[str]) -> Any:
    import pyarrow as pa

    return pa.array(values, pa.string())
