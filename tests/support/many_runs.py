"""Archives of many runs, each a copy of one whose figures, metadata and moment are as a test wants them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from collect.archive.store import Archive
from collect.archive.sums import write_sums
from collect.archive.tables import trials_table
from tests.support.plans import small_plan
from tests.support.synthetic import write_run

FLASK = "flask-werkzeug.redis.locust-http.10.article"
STARLETTE = "starlette-uvicorn.redis.locust-http.10.article"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
COMMIT = "a" * 40

Manifest = dict[str, Any]


class ManyRuns:
    """Adds runs to an archive; each begins a day after the one before."""

    def __init__(self, folder: Path) -> None:
        """Write the run that all others are copies of; it stays out of the archive."""
        write_run(folder / "template", small_plan(1)).seal()
        (entry,) = (folder / "template").iterdir()
        self._manifest: Manifest = json.loads((entry / "manifest.json").read_text())
        self._rows = pq.read_table(entry / "trials.parquet").to_pylist()
        self.path = folder / "archive"
        self.path.mkdir()
        self._added = 0

    @property
    def archive(self) -> Archive:
        return Archive(self.path)

    def empty(self) -> ManyRuns:
        """Return the same with an archive of its own, without any run."""
        other = copy.copy(self)
        number = 1 + sum(1 for _ in self.path.parent.iterdir())
        other.path, other._added = self.path.with_name(f"archive-{number}"), 0
        other.path.mkdir()
        return other

    def add(
        self,
        rps: Mapping[str, Sequence[float]],
        *,
        cpu_s: float = 0.002,
        commit: str | None = COMMIT,
        dirty: bool | None = False,
        change: Callable[[Manifest], object] | None = None,
        rows: Callable[[dict[str, Any]], object] | None = None,
    ) -> str:
        """Add a run with these rates, block by block, and this CPU of the app per request; return its id.

        ``change`` may change its manifest, ``rows`` each trial's row, before they are written.
        """
        created = BEGIN + timedelta(days=self._added)
        run_id = f"{created:%Y%m%dT%H%M%SZ}-{self._added:06x}"
        self._added += 1
        manifest = copy.deepcopy(self._manifest)
        manifest |= {"run_id": run_id, "created_at": created.isoformat(), "git": {"commit": commit, "dirty": dirty}}
        by_cell = {row["cell"]: row for row in self._rows}
        manifest["plan"]["cells"] = [
            cell for cell, name in zip(manifest["plan"]["cells"], (FLASK, STARLETTE), strict=True) if name in rps
        ]
        trials = []
        for cell, rates in rps.items():
            for block, rate in enumerate(rates, start=1):
                row = by_cell[cell] | {"run_id": run_id, "trial_id": f"b{block:02d}-{cell}", "block": block}
                row |= {"rps": float(rate), "app_cpu_cores": float(rate) * cpu_s}
                row |= {key: row[key].isoformat() for key in ("started_at", "window_start_at")}
                if rows:
                    rows(row)
                trials.append(row)
        if change:
            change(manifest)
        entry = self.path / run_id
        entry.mkdir()
        pq.write_table(trials_table(trials), entry / "trials.parquet")
        (entry / "manifest.json").write_text(json.dumps(manifest, indent=1))
        write_sums(entry)
        return run_id


def noisy(
    rng: np.random.Generator, mean: float, blocks: int = 5, deviation: float = 0.05, run_deviation: float = 0.0
) -> list[float]:
    """Return rates of blocks around a run's own level."""
    level = np.log(mean) + rng.normal(0, run_deviation)
    return [float(value) for value in np.exp(level + rng.normal(0, deviation, blocks))]
