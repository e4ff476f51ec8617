"""docs/archive.md describes the columns that are written: run this file as a program to bring it up to date."""

from __future__ import annotations

import re
from pathlib import Path

from collect.archive.tables import columns

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "archive.md"
TABLE = re.compile(r"<!-- columns of (\w+) -->\n.*?<!-- end -->", re.DOTALL)


def described(text: str) -> str:
    """Return the document with its tables as the code has them."""
    return TABLE.sub(lambda found: table(found[1]), text)


def table(file: str) -> str:
    rows = [f"| `{name}` | {kind} | {unit} | {meaning} |" for name, (kind, unit, meaning) in columns()[file].items()]
    head = ["| column | type | unit | meaning |", "| --- | --- | --- | --- |"]
    return "\n".join([f"<!-- columns of {file} -->", *head, *rows, "<!-- end -->"])


def test_the_columns_are_described_as_they_are() -> None:
    text = DOCUMENT.read_text()
    assert set(TABLE.findall(text)) == set(columns())
    assert described(text) == text, f"python {Path(__file__).name} mends it"


if __name__ == "__main__":
    DOCUMENT.write_text(described(DOCUMENT.read_text()))
