"""One question in SQL over the runs that filters choose: no more is opened for it than it names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from collect.archive.filters import Filters
from collect.archive.query import TIME_LIMIT_S, Database, UnknownNameError, check, first_line
from collect.archive.sources import choose
from collect.archive.store import Archive
from collect.archive.views import ALL
from collect.errors import BenchError

MEMORY_MIB = 768
"""What DuckDB may hold; with Python and all else in the process that makes less than 1 GiB."""
MOST_VALUES = 4_000_000
"""Of an answer, over all of its rows: each takes about 60 bytes here, and nobody reads them."""


@dataclass(frozen=True)
class Answer:
    """What a statement gives."""

    names: Sequence[str]
    """Of its columns."""
    rows: Sequence[tuple[Any, ...]]
    left_out: Sequence[str]
    """Why runs that were asked for are not in it, a line each."""


def ask(
    archive: Archive,
    sql: str,
    filters: Filters,
    *,
    time_limit_s: float = TIME_LIMIT_S,
    memory_mib: int = MEMORY_MIB,
) -> Answer:
    """Return the answer; BenchError as collect.archive.query.Database has it."""
    named, surely = views_in(sql)
    sources, left_out = choose(archive, filters)
    for views in (surely, named):
        with Database(archive, sources, views, memory_mib=memory_mib) as database:
            try:
                names, rows = database.execute(sql, time_limit_s=time_limit_s, most_values=MOST_VALUES)
            except UnknownNameError:
                if views == named:
                    raise
                continue  # it names a view in a place where DuckDB has not looked
            return Answer(names, rows, left_out + [str(error) for error in database.refused])
    raise AssertionError


def views_in(sql: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the views whose names are words of the SQL (all, if none is), and those of them that DuckDB sees asked.

    ``requests``, say, is a column of the trials, too. BenchError where it is not one statement that reads.
    """
    import duckdb

    named = ALL & {word.lower() for word in re.findall(r"\w+", sql)} or ALL
    # Closed: to see what is asked DuckDB looks at the files that are named, too.
    config = {"python_enable_replacements": "false", "enable_external_access": "false", "memory_limit": "256MiB"}
    with duckdb.connect(":memory:", config=dict(config)) as scratch:
        try:
            check(scratch, sql)
        except duckdb.Error as error:
            raise BenchError(first_line(error), "SQL", "see docs/archive.md for what can be asked") from error
        try:
            found = {name.lower() for name in scratch.get_table_names(sql)}
        except (duckdb.Error, RuntimeError, ValueError):
            return named, named  # it takes the views themselves to tell
    return named, named & found or named
