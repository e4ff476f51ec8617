"""SQL over the sealed runs, by DuckDB: views ``trials``, ``samples``, ``requests`` and ``runs``, read only.

The files are the record. Nothing but the views' own files can be reached from the SQL, and nothing can be written.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from collect.archive.looks import blocks_of
from collect.archive.store import READ_AS, Archive, Manifest
from collect.archive.verdicts import judged_table
from collect.errors import BenchError
from collect.paths import shown

TIME_LIMIT_S = 60.0
READING = ("SELECT", "EXPLAIN", "MULTI")  # MULTI is how PIVOT is taken apart
VIEWS = {
    "trials": "*",
    "samples": "*",
    "requests": "*, start_us / 1e6 AS start_s, latency_us / 1e6 AS latency_s",
}
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


class Database:
    """The views over some runs, or all. Use it in a ``with`` statement."""

    def __init__(self, archive: Archive, manifests: Mapping[str, Manifest]) -> None:
        """Open the views over the runs whose manifests are given (see ``readable``)."""
        import duckdb

        self._duckdb = duckdb
        self._where = shown(archive.path)
        self._connection = duckdb.connect(":memory:", config={"python_enable_replacements": False})
        run = self._connection.execute
        # Each file is named, so that a folder called *.parquet or a run under way is never taken in.
        files = {view: [str(archive.folder(run_id) / f"{view}.parquet") for run_id in manifests] for view in VIEWS}
        # Runs that were sealed without verdicts are judged on the way in; their trials do not come from their files.
        older = [run_id for run_id, manifest in manifests.items() if manifest.get(READ_AS, 2) < 2]
        files["trials"] = [
            str(archive.folder(run_id) / "trials.parquet") for run_id in manifests if run_id not in older
        ]
        judged = [judged_table(archive.folder(run_id), manifests[run_id]) for run_id in older]
        for view, chosen in VIEWS.items():
            source = self._source(view, files[view], judged if view == "trials" else [])
            run(f"CREATE VIEW {view} AS SELECT {chosen} FROM {source}")  # noqa: S608
        columns = ", ".join(f"{name} {kind}" for name, (kind, _) in RUNS.items())
        run(f"CREATE TABLE runs ({columns})")
        if manifests:
            places = ", ".join("?" for _ in RUNS)
            rows = [[value(manifest) for _, value in RUNS.values()] for manifest in manifests.values()]
            self._connection.executemany(f"INSERT INTO runs VALUES ({places})", rows)  # noqa: S608
        run("SET TimeZone = 'UTC'")
        run(f"SET allowed_paths = [{', '.join(_quoted(path) for paths in files.values() for path in paths)}]")
        run("SET enable_external_access = false")
        run("SET lock_configuration = true")

    def __enter__(self) -> Database:
        """Return the open database."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._connection.close()

    def execute(
        self, sql: str, parameters: Sequence[Any] = (), *, time_limit_s: float = TIME_LIMIT_S
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return column names and rows of one reading statement.

        Raises BenchError when it is no SQL, would write, names what is not there, or takes longer than the limit.
        """
        timer = threading.Timer(time_limit_s, self._connection.interrupt)
        timer.start()
        try:
            self._check(sql)
            result = self._connection.execute(sql, list(parameters)) if parameters else self._connection.execute(sql)
            return [column[0] for column in result.description], result.fetchall()
        except self._duckdb.InterruptException as error:
            problem = f"it took longer than {time_limit_s:g} s"
            raise BenchError(problem, "SQL", "ask for fewer runs or rows, or allow more with --timeout") from error
        except self._duckdb.Error as error:
            remedy = "see docs/archive.md for the views trials, samples, requests and runs"
            raise BenchError(_first_line(error), "SQL", remedy) from error
        finally:
            timer.cancel()

    def _check(self, sql: str) -> None:
        """Raise BenchError unless it is one statement that reads."""
        kinds = [statement.type.name for statement in self._connection.extract_statements(sql)]
        if len(kinds) != 1:
            raise BenchError(
                f"{len(kinds) or 'no'} statements", "SQL", "ask one question, such as SELECT * FROM trials"
            )
        if kinds[0] not in READING:
            raise BenchError(f"{kinds[0]} is not allowed", "SQL", "the archive is read only; ask with SELECT")

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Return the rows as mappings from column to value."""
        names, rows = self.execute(sql, parameters)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def arrays(self, sql: str, parameters: Sequence[Any] = ()) -> Mapping[str, Any]:
        """Return the columns as numpy arrays, for many rows."""
        arrays: Mapping[str, Any] = self._connection.execute(sql, list(parameters)).fetchnumpy()
        return arrays

    def _source(self, view: str, files: list[str], tables: list[Any]) -> str:
        """Return what a view selects from: the files, and before them the tables or an empty one with all columns.

        So a column that none of the files has yet is there, and null; requests have had theirs from the first run on.
        """
        listed = f"read_parquet([{', '.join(map(_quoted, files))}], union_by_name = true)"
        if files and view == "requests":
            return listed
        import pyarrow as pa

        from collect.archive.tables import schema

        self._connection.register(f"_{view}", pa.concat_tables([schema(view).empty_table(), *tables]))
        return f"(FROM _{view} UNION ALL BY NAME FROM {listed})" if files else f"_{view}"


def readable(archive: Archive) -> tuple[dict[str, Manifest], list[BenchError]]:
    """Return the manifests of all sealed runs that can be read, by run, and why the others cannot."""
    manifests: dict[str, Manifest] = {}
    refused: list[BenchError] = []
    for run_id in archive.run_ids():
        try:
            manifests[run_id] = archive.manifest(run_id)
        except BenchError as error:
            refused.append(error)
    return manifests, refused


def open_run(archive: Archive, run_id: str) -> Database:
    """Open the views over one run."""
    return Database(archive, {run_id: archive.manifest(run_id)})


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    kind, _, message = line.partition("Error: ")
    return message or kind
