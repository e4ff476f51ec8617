"""Where the checkout's own files are, on the control node."""

from __future__ import annotations

import hashlib
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


def index_dir(archive_dir: Path) -> Path:
    """Return where what can be made again from an archive is kept: .state/index/<hash of its path>/ of the checkout.

    Not in the archive itself, which may be read-only or shared. It need not be there, nor be writable. BENCH_INDEX
    names another folder for all of them.
    """
    name = hashlib.sha256(os.fsencode(archive_dir.resolve())).hexdigest()[:16]
    return Path(os.environ.get("BENCH_INDEX") or CHECKOUT / ".state" / "index") / name
