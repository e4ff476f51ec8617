"""What the columns of the archive's files are (collect/data/columns.yml), for whoever needs no table to know it."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from collect.documents import load_yaml
from collect.paths import DATA_DIR

SQL = {
    "text": "VARCHAR",
    "name": "VARCHAR",
    "int8": "TINYINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "time": "TIMESTAMPTZ",
    "texts": "VARCHAR[]",
}
"""Each type as DuckDB reads it."""


@functools.cache
def columns() -> Mapping[str, Mapping[str, tuple[str, str, str]]]:
    """Return type, unit and meaning of each column, by file."""
    described: Mapping[str, Mapping[str, tuple[str, str, str]]] = load_yaml(DATA_DIR / "columns.yml")
    return described


def sql_columns(file: str) -> str:
    """Return the columns of a file as CREATE TABLE takes them."""
    return ", ".join(f'"{name}" {SQL[kind]}' for name, (kind, _, _) in columns()[file].items())
