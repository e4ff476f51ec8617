"""The rows of sealed runs as tables of today's schema, a piece at a time, so that any number of runs fits in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from collect.archive.store import READ_AS, Archive
from collect.archive.tables import schema
from collect.archive.verdicts import judged_table
from collect.errors import BenchError
from collect.paths import shown


class Rows:
    """The rows of one run."""

    def __init__(self, archive: Archive, run_id: str) -> None:
        """Look at a sealed run; BenchError when its manifest cannot be read."""
        self.run_id = run_id
        self._archive = archive
        self._judged = archive.manifest(run_id).get(READ_AS, 2) < 2

    def tables(self, view: str, names: Sequence[str] | None = None) -> Iterator[Any]:
        """Yield the rows of a view, a row group at a time: these columns, or all; what the run did not keep is null.

        BenchError when they cannot be read.
        """
        folder = self._archive.folder(self.run_id)
        fields = [field for field in schema(view) if names is None or field.name in names]
        if view == "trials" and self._judged:
            table = judged_table(folder, self._archive.manifest(self.run_id))
            yield table.select([field.name for field in fields])
            return
        path = folder / f"{view}.parquet"
        try:
            with pq.ParquetFile(path) as file:
                known = [field.name for field in fields if field.name in file.schema_arrow.names]
                for group in range(file.num_row_groups):
                    yield _aligned(file.read_row_group(group, columns=known), fields)
        except (OSError, pa.ArrowException) as error:
            remedy = f"see `collect verify {self.run_id}`"
            raise BenchError("the rows cannot be read", shown(path), remedy) from error


def tables(archive: Archive, run_ids: Iterable[str], view: str) -> Iterator[Any]:
    """Yield the rows of a view over some runs; BenchError when one cannot be read."""
    for run_id in run_ids:
        yield from Rows(archive, run_id).tables(view)


def by_trial(pieces: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Yield a run's rows trial by trial, as a trial's rows stand together: its id, and all of its rows."""
    current = ""
    waiting: list[Any] = []
    for piece in pieces:
        ids = plain_texts(piece.column("trial_id"))
        for trial_id in ids.unique().to_pylist():
            if trial_id != current and waiting:
                yield current, pa.concat_tables(waiting)
                waiting = []
            current = trial_id
            waiting.append(piece.filter(pc.equal(ids, trial_id)))
    if waiting:
        yield current, pa.concat_tables(waiting)


def plain_texts(column: Any) -> Any:
    """Return a column of texts without the dictionary that may stand behind them."""
    return column.cast(pa.string())


def _aligned(table: Any, fields: Sequence[Any]) -> Any:
    """Return a table with these columns and types."""
    columns = [
        _as(table.column(field.name), field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in fields
    ]
    return pa.table(columns, schema=pa.schema(fields))


def _as(column: Any, kind: Any) -> Any:
    """Return a column as another type; the index of a dictionary is read as wider than it was written."""
    if not pa.types.is_dictionary(kind):
        return column.cast(kind)
    array = column.combine_chunks()
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    return pa.DictionaryArray.from_arrays(array.indices.cast(kind.index_type), array.dictionary)
