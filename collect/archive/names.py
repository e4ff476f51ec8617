"""What runs are called in an archive: ``<run_id>/`` sealed, ``<run_id>.partial/`` under way."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

SUFFIX = ".partial"
SCHEMA_VERSION = 2
"""Of what is written. 1: as of the first runs. 2: verdicts with evidence, ceilings, probes, invariants."""
RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")


def partial_ids(archive_dir: Path) -> list[str]:
    """Return the ids of the runs under way or interrupted, oldest first."""
    names = (path.name.removesuffix(SUFFIX) for path in archive_dir.glob(f"*{SUFFIX}"))
    return sorted(name for name in names if RUN_ID.fullmatch(name) and not (archive_dir / name).exists())


def now() -> str:
    """Return this moment as ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
