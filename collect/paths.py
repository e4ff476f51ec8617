"""Where the checkout's own files are, on the control node."""

from __future__ import annotations

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
CATALOG_DIR = CHECKOUT / "playbooks" / "catalog"
PLANS_DIR = CHECKOUT / "playbooks" / "plans"
DATA_DIR = Path(__file__).resolve().parent / "data"


def default_archive_dir() -> Path:
    """Return the archive that is meant when none is named: BENCH_ARCHIVE, else archive/ in the checkout."""
    return Path(os.environ.get("BENCH_ARCHIVE") or CHECKOUT / "archive")


def shown(path: Path) -> str:
    """Return the path as a user reads it best: relative to the checkout when it lies in there."""
    try:
        return str(path.resolve().relative_to(CHECKOUT))
    except ValueError:
        return str(path)
