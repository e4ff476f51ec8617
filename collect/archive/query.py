"""SQL over the sealed runs, by DuckDB: views ``trials``, ``samples``, ``requests`` and ``runs``, read only.

The files are the record. Nothing but the views' own files can be reached from the SQL, and nothing can be written: not
even what does not fit into memory, so a question that takes more than it may have ends.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from collect.archive.sources import Sources
from collect.archive.store import Archive, Manifest
from collect.archive.views import ALL, Views, quoted
from collect.errors import BenchError

TIME_LIMIT_S = 60.0
MOST_THREADS = 8
"""Each takes memory of its own."""
AT_A_TIME = 10_000
"""Rows."""
READING = ("SELECT", "EXPLAIN", "MULTI")  # MULTI is how PIVOT is taken apart


class UnknownNameError(BenchError):
    """The SQL names a table or function that is not there."""


class Database:
    """The views over some runs, or all. Use it in a ``with`` statement."""

    def __init__(
        self,
        archive: Archive,
        runs: Mapping[str, Manifest] | Sources,
        views: Collection[str] = ALL,
        *,
        memory_mib: int | None = None,
    ) -> None:
        """Open views over runs, given by their manifests or by their files.

        Raises BenchError where a file cannot be read, unless such runs are to be left out: then ``refused`` has why.
        Without ``memory_mib`` DuckDB takes up to four fifths of the machine's memory.
        """
        import duckdb

        sources = runs if isinstance(runs, Sources) else Sources.of_manifests(archive, runs)
        self._duckdb = duckdb
        self._memory_mib = memory_mib
        self._connection = duckdb.connect(":memory:", config={"python_enable_replacements": False})
        made = Views(self._connection, sources)
        self.refused: Sequence[BenchError] = made.refused
        try:
            with self._errors("see `collect verify --all`"):
                self._set_limits()
                made.make(views)
                self._close_access(made.allowed)
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Database:
        """Return the open database."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._connection.close()

    def execute(
        self,
        sql: str,
        parameters: Sequence[Any] = (),
        *,
        time_limit_s: float = TIME_LIMIT_S,
        most_values: int | None = None,
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return column names and rows of one reading statement.

        Raises BenchError when it is no SQL, would write, names what is not there, takes longer or more memory than it
        may, or has more than ``most_values`` values.
        """
        timer = threading.Timer(time_limit_s, self._connection.interrupt)
        timer.start()
        try:
            with self._errors("see docs/archive.md for the views trials, samples, requests and runs"):
                check(self._connection, sql)
                return self._answer(sql, parameters, most_values)
        except self._duckdb.InterruptException as error:
            problem = f"it took longer than {time_limit_s:g} s"
            raise BenchError(problem, "SQL", "ask for fewer runs or rows, or allow more with --timeout") from error
        finally:
            timer.cancel()

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Return the rows as mappings from column to value."""
        names, rows = self.execute(sql, parameters)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def arrays(self, sql: str, parameters: Sequence[Any] = ()) -> Mapping[str, Any]:
        """Return the columns as numpy arrays, for many rows."""
        arrays: Mapping[str, Any] = self._connection.execute(sql, list(parameters)).fetchnumpy()
        return arrays

    def _set_limits(self) -> None:
        run = self._connection.execute
        if self._memory_mib is not None:
            run(f"SET memory_limit = '{self._memory_mib}MiB'")
        run(f"SET threads = {min(MOST_THREADS, len(os.sched_getaffinity(0)))}")
        run("SET temp_directory = ''")
        run("SET TimeZone = 'UTC'")

    def _close_access(self, allowed: Sequence[str]) -> None:
        run = self._connection.execute
        run(f"SET allowed_paths = [{', '.join(map(quoted, allowed))}]")
        run("SET enable_external_access = false")
        run("SET lock_configuration = true")

    def _answer(
        self, sql: str, parameters: Sequence[Any], most_values: int | None
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        result = self._connection.execute(sql, list(parameters)) if parameters else self._connection.execute(sql)
        names = [column[0] for column in result.description]
        rows: list[tuple[Any, ...]] = []
        while part := result.fetchmany(AT_A_TIME):
            rows += part
            if most_values is not None and len(rows) * len(names) > most_values:
                problem = f"it has more than {len(rows) - len(part)} rows"
                raise BenchError(problem, "SQL", "ask for what they come to (GROUP BY), or for fewer (WHERE, LIMIT)")
        return names, rows

    @contextlib.contextmanager
    def _errors(self, remedy: str) -> Iterator[None]:
        """Turn what DuckDB raises into BenchErrors, but for an interruption."""
        try:
            yield
        except self._duckdb.InterruptException:
            raise
        except (self._duckdb.OutOfMemoryException, MemoryError) as error:
            limit = "there is" if self._memory_mib is None else f"{self._memory_mib} MiB"
            less = "ask for fewer runs, rows or groups (approx_quantile takes less), or allow more with --memory-mib"
            raise BenchError(f"it takes more memory than {limit}", "SQL", less) from error
        except self._duckdb.CatalogException as error:
            raise UnknownNameError(first_line(error), "SQL", remedy) from error
        except self._duckdb.Error as error:
            raise BenchError(first_line(error), "SQL", _candidates(error) or remedy) from error


def check(connection: Any, sql: str) -> None:
    """Raise BenchError unless the SQL is one statement that reads; DuckDB's own error where it is no SQL."""
    kinds = [statement.type.name for statement in connection.extract_statements(sql)]
    if len(kinds) != 1:
        raise BenchError(f"{len(kinds) or 'no'} statements", "SQL", "ask one question, such as SELECT * FROM trials")
    if kinds[0] not in READING:
        raise BenchError(f"{kinds[0]} is not allowed", "SQL", "the archive is read only; ask with SELECT")


def open_run(archive: Archive, run_id: str, views: Collection[str] = ALL) -> Database:
    """Open the views over one run, or some of them."""
    return Database(archive, {run_id: archive.manifest(run_id)}, views)


def _candidates(error: Exception) -> str | None:
    """Return what DuckDB says may have been meant, in a line; None where it does not."""
    found = re.search(r"^Candidate bindings: (.+)$", str(error), flags=re.MULTILINE)
    return f"perhaps {found[1]} is meant" if found else None


def first_line(error: Exception) -> str:
    """Return what DuckDB says is wrong, in a line and without the error's kind."""
    line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    kind, _, message = line.partition("Error: ")
    return message or kind
