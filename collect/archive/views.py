"""The views of SQL over runs: which files, tables of the index and verdicts made on the way in each is of.

Each begins with a part that has all columns and no row, so that a column that none of the files has yet is there, and
null. Every file is named, so that a folder called *.parquet or a run under way is never taken in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from collect.archive.columns import sql_columns
from collect.archive.entries import RUNS, runs_row
from collect.archive.kept import as_sealed
from collect.archive.sources import Sources
from collect.errors import BenchError
from collect.paths import shown

VIEWS = {
    "trials": "*",
    "samples": "*",
    "requests": "*, start_us / 1e6 AS start_s, latency_us / 1e6 AS latency_s",
    "runs": ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, (kind, _) in RUNS.items()),
}
"""What each selects from its parts."""
ALL = frozenset(VIEWS)


class Views:
    """Makes views in a connection whose access to files is not closed yet."""

    def __init__(self, connection: Any, sources: Sources) -> None:
        """Take a connection of DuckDB and what the views are of."""
        self.allowed: list[str] = []
        """The files that the views read."""
        self.refused: list[BenchError] = []
        """Why runs were left out."""
        self._connection = connection
        self._sources = sources

    def make(self, views: Collection[str]) -> None:
        """Make those of the views that are named; BenchError and DuckDB's errors where a file cannot be read."""
        makers = {"trials": self._trials, "samples": self._samples, "requests": self._requests, "runs": self._runs}
        for view, chosen in VIEWS.items():
            if view in views:
                parts = " UNION ALL BY NAME ".join(f"SELECT * FROM {part}" for part in makers[view]())  # noqa: S608
                self._connection.execute(f"CREATE VIEW {view} AS SELECT {chosen} FROM ({parts})")  # noqa: S608

    def _trials(self) -> Iterator[str]:
        yield self._empty("trials")
        if self._sources.tabled:
            yield self._of_segments([segment.trials for segment in self._sources.segments])
        if loose := [run_id for run_id in self._sources.loose if self._opens(run_id)]:
            yield self._files("trials", loose, alike=False)
        if self._sources.older:
            yield from self._judged()

    def _samples(self) -> Iterator[str]:
        yield self._empty("samples")
        groups, unknown = self._sources.samples_alike(self._there("samples"))
        for group in groups:
            yield self._files("samples", group)
        if unknown:
            yield self._files("samples", unknown, alike=False)

    def _requests(self) -> Iterator[str]:
        run_ids = self._there("requests")
        # Their columns have been the same from the first run on.
        yield self._files("requests", run_ids) if run_ids else self._empty("requests")

    def _runs(self) -> Iterator[str]:
        # JSON is text here, as the index has it, and cast by the view.
        columns = ", ".join(f"{name} {kind.replace('JSON', 'VARCHAR')}" for name, (kind, _) in RUNS.items())
        self._connection.execute(f"CREATE TABLE _runs ({columns})")
        known = self._sources.in_segments
        rows = [runs_row(self._sources.manifest(run_id)) for run_id in self._sources.run_ids if run_id not in known]
        if rows:
            places = ", ".join("?" for _ in RUNS)
            self._connection.executemany(f"INSERT INTO _runs VALUES ({places})", rows)  # noqa: S608
        yield "_runs"
        if known:
            yield self._of_segments([segment.run_rows for segment in self._sources.segments])

    def _of_segments(self, files: Sequence[Path]) -> str:
        """Return the index's tables, of the chosen runs alone."""
        listed = self._parquet(files)
        if self._sources.everything:
            return listed
        self._connection.execute("CREATE TABLE IF NOT EXISTS _chosen (run_id VARCHAR)")
        if not self._connection.execute("SELECT count(*) FROM _chosen").fetchall()[0][0]:
            chosen = sorted(self._sources.in_segments)
            self._connection.execute("INSERT INTO _chosen SELECT unnest(?::VARCHAR[])", [chosen])
        return f"{listed} WHERE run_id IN (SELECT run_id FROM _chosen)"  # noqa: S608

    def _judged(self) -> Iterator[str]:
        """Yield the trials of runs that were sealed without verdicts, judged now."""
        import pyarrow as pa

        from collect.archive.verdicts import judged_table

        tables = []
        for run_id in self._sources.older:
            try:
                tables.append(judged_table(self._sources.archive.folder(run_id), self._sources.manifest(run_id)))
            except BenchError as error:
                if not self._sources.lenient:
                    raise
                self.refused.append(error)
        if tables:
            self._connection.register("_judged", pa.concat_tables(tables))
            yield "_judged"

    def _empty(self, view: str) -> str:
        self._connection.execute(f"CREATE TABLE _{view} ({sql_columns(view)})")
        return f"_{view}"

    def _files(self, view: str, run_ids: Sequence[str], *, alike: bool = True) -> str:
        """Return runs' own files; where they may not be alike in columns each is opened to see."""
        return self._parquet([self._sources.path(run_id, view) for run_id in run_ids], alike=alike)

    def _parquet(self, files: Sequence[Path], *, alike: bool = True) -> str:
        paths = [str(path) for path in files]
        self.allowed += paths
        more = "" if alike or len(paths) == 1 else ", union_by_name = true"
        return f"read_parquet([{', '.join(map(quoted, paths))}]{more})"

    def _there(self, view: str) -> list[str]:
        found, refused = self._sources.there(view)
        self.refused += refused
        return found

    def _opens(self, run_id: str) -> bool:
        """Say whether a run's own trials are to be read; note where those of one of many are damaged."""
        if not self._sources.lenient or as_sealed(self._sources.archive.folder(run_id)):
            return True
        remedy = f"see `collect verify {run_id}`"
        path = self._sources.path(run_id, "trials")
        self.refused.append(BenchError("the trials are not as they were sealed", shown(path), remedy))
        return False


def quoted(text: str) -> str:
    """Return a text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"
