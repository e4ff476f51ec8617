"""What the index keeps of a run, made from its files.

Only a run is kept whose manifest and trials are to the byte as they were sealed, in today's schema, and at rest: so
whatever reads them, the index's writer and whoever asks the files themselves, finds the same. All others are read from
their files each time.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from collect.archive.entries import ODD, RUNS, fields_of, runs_row, texts_of
from collect.archive.names import SCHEMA_VERSION
from collect.archive.stamps import Stamp, file_stamp, settled, stamp_of
from collect.archive.store import Archive, Manifest
from collect.archive.sums import NAME as SUMS
from collect.errors import BenchError

SUMMED = ("manifest.json", "trials.parquet")
HEAD = ("plan", "catalog", "locks", "hosts")
"""Parts of a manifest that say how a run was measured (see collect.compare.heads); many runs share each."""
ARROW = {"VARCHAR": "string", "INTEGER": "int32", "BIGINT": "int64", "BOOLEAN": "bool", "JSON": "string"}


@dataclass(frozen=True)
class Kept:
    """A run as the index has it."""

    run_id: str
    stamp: Stamp
    fields: Mapping[str, Any]
    texts: Sequence[str]
    """As Entry has them."""
    head: Sequence[bytes]
    """JSON of each part of ``HEAD``."""
    server: str | None
    clients: Sequence[str]
    rows: bytes
    """JSON of the rows that comparisons are made from (collect.compare.series.COLUMNS)."""
    samples: tuple[Stamp, str] | None
    """Stamp of samples.parquet, and its columns; None where it cannot be read."""
    tabled: bool
    """Whether the index holds its trials; else its columns are not today's, and its own file is read."""


@dataclass(frozen=True)
class Tables:
    """The rows of a run that are for SQL."""

    trials: Any
    """An arrow table of today's schema; None where the columns do not fit it."""
    runs: Any
    """An arrow table of one row (see ``runs_schema``)."""


def keep(archive: Archive, run_id: str) -> tuple[Kept, Tables] | None:
    """Return what is kept of a run; None for one that is not."""
    folder = archive.folder(run_id)
    now_ns = time.time_ns()
    stamp = stamp_of(str(folder))
    if stamp is None or not settled(stamp, now_ns) or not as_sealed(folder):
        return None
    import pyarrow as pa

    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        if (manifest["schema_version"], manifest["run_id"]) != (SCHEMA_VERSION, run_id):
            return None
        return _kept(folder, manifest, stamp, now_ns)
    except (BenchError, OSError, pa.ArrowException, *ODD):
        return None


def as_sealed(folder: Path) -> bool:
    """Say whether manifest and trials have the sums that a run was sealed with."""
    try:
        lines = (folder / SUMS).read_bytes().decode().splitlines()
        listed = {line[66:]: line[:64] for line in lines}
        return all(listed.get(name) == _sum(folder / name) for name in SUMMED)
    except (OSError, ValueError):
        return False


def runs_schema() -> Any:
    """Return the arrow schema of the view ``runs``; ``hosts`` is JSON as text."""
    import pyarrow as pa

    listed = {"VARCHAR[]": pa.list_(pa.string()), "TIMESTAMPTZ": pa.timestamp("us", tz="UTC")}
    kinds = {name: kind for name, (kind, _) in RUNS.items()}
    return pa.schema(
        [(name, listed[kind] if kind in listed else pa.type_for_alias(ARROW[kind])) for name, kind in kinds.items()]
    )


def _kept(folder: Path, manifest: Manifest, stamp: Stamp, now_ns: int) -> tuple[Kept, Tables] | None:
    import pyarrow as pa

    from collect.compare.heads import head_of
    from collect.compare.series import COLUMNS

    table = read_whole(folder / "trials.parquet")
    if any(named != folder.name for named in table.column("run_id").to_pylist()):
        return None
    there = [name for name in COLUMNS if name in table.column_names]
    rows = [[row.get(name) for name in COLUMNS] for row in table.select(there).to_pylist()]
    head = head_of(manifest)
    trials = _of_today(table)
    kept = Kept(
        folder.name,
        stamp,
        fields_of(manifest),
        texts_of(manifest),
        [json.dumps(manifest[part], separators=(",", ":")).encode() for part in HEAD],
        head.server,
        head.clients,
        json.dumps(rows, separators=(",", ":")).encode(),
        _samples(folder / "samples.parquet", now_ns),
        trials is not None,
    )
    row = {
        name: datetime.fromisoformat(value) if kind == "TIMESTAMPTZ" else value
        for (name, (kind, _)), value in zip(RUNS.items(), runs_row(manifest), strict=True)
    }
    return kept, Tables(trials, pa.Table.from_pylist([row], schema=runs_schema()))


def _of_today(table: Any) -> Any:
    """Return a table of trials with all of today's columns, those that it lacks null; None where others are in it."""
    import pyarrow as pa

    from collect.archive.tables import schema

    wanted = schema("trials")
    if table.schema.equals(wanted):
        return table
    known = {field.name: field.type for field in table.schema}
    if any(name not in wanted.names or not _alike(wanted.field(name).type, kind) for name, kind in known.items()):
        return None
    columns = [
        table.column(field.name).cast(field.type) if field.name in known else pa.nulls(table.num_rows, field.type)
        for field in wanted
    ]
    return pa.Table.from_arrays(columns, schema=wanted)


def _alike(one: Any, other: Any) -> bool:
    """Say whether two types are the same, whatever the values of a list are called."""
    import pyarrow as pa

    lists = pa.types.is_list(one) and pa.types.is_list(other)
    return bool(one.value_type == other.value_type if lists else one == other)


def _samples(path: Path, now_ns: int) -> tuple[Stamp, str] | None:
    """Return the stamp of a run's samples and their columns as text; None where they cannot be read or kept."""
    import pyarrow.parquet as pq

    try:
        stamp = file_stamp(path)
        if not settled(stamp, now_ns):
            return None
        columns = [f"{field.name} {field.type}" for field in pq.read_schema(path)]
    except (OSError, ValueError):
        return None
    return stamp, "; ".join(columns)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_whole(path: Path) -> Any:
    """Return a parquet file as an arrow table; OSError or one of arrow's errors where it cannot be read.

    Not memory-mapped: a file that is cut short meanwhile would end the process.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        return file.read(use_threads=False)
