"""The columns of the archive's parquet files (collect/data/columns.yml)."""

from __future__ import annotations

from collect.manual.markdown import code, table


def columns_of(file: str) -> list[str]:
    """Return the table of a file's columns: trials, samples or requests."""
    from collect.archive.columns import columns

    rows = [(code(name), kind, unit, meaning) for name, (kind, unit, meaning) in columns()[file].items()]
    return table(("column", "type", "unit", "meaning"), rows)
