"""Markdown out of values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, left: int | None = None) -> list[str]:
    """Return the lines of a table; what a cell says cannot end it.

    The first ``left`` columns (without it: all) are set to the left, the others, which are figures, to the right.
    """
    texts = len(head) if left is None else left
    rule = ["---"] * texts + ["---:"] * (len(head) - texts)
    return [f"| {' | '.join(line)} |" for line in (head, rule, *map(_cells, rows))]


def code(text: str) -> str:
    """Return a text as code, nothing for none."""
    return f"`{text}`" if text else ""


def _cells(row: Sequence[str]) -> list[str]:
    return [" ".join(cell.split()).replace("|", "\\|") for cell in row]
