"""Rows as CSV: RFC 4180 with a header line, times in ISO 8601, lists joined by "; ", null as nothing at all.

Names of columns carry their units (docs/archive.md). The archive's texts may come from anywhere, and a spreadsheet runs
what looks like a formula to it; such a text gets an apostrophe in front, numbers do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from collect.archive.tables import schema
from collect.transfer.views import plain_texts

FORMULA = r"^[=+\-@\t\r\n]"


def guarded(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if re.match(FORMULA, text) else text


def write_csv(pieces: Iterable[Any], view: str, file: BinaryIO) -> None:
    """Write the rows of a view (see collect.transfer.views) to a file; with no rows, the header line."""
    target = pa.schema([pa.field(field.name, _target(field.type)) for field in schema(view)])
    with csv.CSVWriter(file, target) as writer:
        for piece in pieces:
            writer.write_table(pa.table([_cells(column) for column in piece.columns], schema=target))


def _target(kind: Any) -> Any:
    return kind if pa.types.is_integer(kind) or pa.types.is_floating(kind) else pa.string()


def _cells(column: Any) -> Any:
    """Return a column as numbers or texts that may stand in a file."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        # Few different texts stand behind many rows: those are looked at.
        coded = column.combine_chunks()
        return pa.DictionaryArray.from_arrays(coded.indices, _guarded(coded.dictionary)).dictionary_decode()
    if pa.types.is_list(kind):
        return _guarded(pc.binary_join(column, "; "))
    if pa.types.is_timestamp(kind):
        moments = (None if moment is None else moment.isoformat() for moment in column.to_pylist())
        return pa.array(list(moments), pa.string())
    return _guarded(plain_texts(column)) if pa.types.is_string(kind) else column


def _guarded(texts: Any) -> Any:
    """Do the same as ``guarded`` to many texts at once."""
    looks_so = pc.match_substring_regex(texts, FORMULA)
    return pc.if_else(looks_so, pc.binary_join_element_wise("'", texts, ""), texts)
