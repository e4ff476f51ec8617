"""What made an index: with any other code or tables of figures it might say something else, and is made anew."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
SOURCES = (
    "*.py",
    "archive/*.py",
    "compare/__init__.py",
    "compare/heads.py",
    "compare/series.py",
    "data/*.yml",
    "designs/*.py",
    "report/__init__.py",
    "report/article.py",
    "report/figures.py",
    "report/manifest.py",
    "report/outcomes.py",
    "report/verdicts.py",
    "statistics/*.py",
    "verdicts/*.py",
)
"""All of collect/ that an entry is made by, and more (a test sees to it that nothing is forgotten)."""


def source_files() -> list[Path]:
    """Return the files, sorted."""
    return sorted(path for pattern in SOURCES for path in PACKAGE.glob(pattern))


@functools.cache
def made_by() -> str:
    """Return the sum over the names and contents of the files."""
    digest = hashlib.sha256()
    for path in source_files():
        content = path.read_bytes()
        digest.update(f"{path.relative_to(PACKAGE)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
