"""What benchmarks write into a page between their markers, and the sentence that says where it was measured."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from collect.manual import markdown
from collect.paths import CHECKOUT

PAGE = CHECKOUT / "docs" / "accuracy.md"
END = "<!-- end -->"


def write_between(page: Path, script: str, text: str) -> None:
    """Put the text between the markers that a page has for a script. Raises ValueError where it has none."""
    begin = f"<!-- made by benchmarks/{script}: begin -->"
    before, found, rest = page.read_text().partition(begin)
    if not found:
        raise ValueError(f"{page} has no line {begin}")
    page.write_text(f"{before}{begin}\n{text}\n{END}{rest.partition(END)[2]}")


def give(text: str, script: str, *, write: bool) -> None:
    """Print what a script has made; write it into docs/accuracy.md, too, if wanted."""
    print(text)
    if write:
        write_between(PAGE, Path(script).name, text)


def machine(manifests: Sequence[Mapping[str, Any]]) -> str:
    """Return when, on what and by which code these runs were measured, as one sentence."""
    dates = sorted(manifest["created_at"][:10] for manifest in manifests)
    facts: Mapping[str, Any] = next(iter(manifests[-1]["hosts"].values()), {})
    commits = dict.fromkeys(f"{m['git']['commit'][:10]}{' with changes' * bool(m['git']['dirty'])}" for m in manifests)
    days = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    kernel = ".".join(str(facts.get("kernel", "unknown")).split(".")[:2])
    named = f"{facts.get('cpu_model', 'a CPU that names no model')}, {os.cpu_count()} cores"
    return f"Measured {days} on {named}, kernel {kernel}; commit {', '.join(commits)}."


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """Return a table's lines; the first ``left`` columns to the left, figures to the right."""
    return markdown.table(head, rows, left=left)
