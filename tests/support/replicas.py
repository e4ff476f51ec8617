"""Sealed runs that differ in ids and figures and are as honest as measured ones: sums, rows and manifest agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from collect.archive.sums import write_sums
from tests.support.plans import small_plan
from tests.support.synthetic import write_run

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
Manifest = dict[str, Any]


class Replicas:
    """Copies of one small run."""

    def __init__(self, folder: Path, blocks: int = 1) -> None:
        """Write the run that all others are copies of; ``folder`` is its alone."""
        self._folder = folder
        self._template = write_run(folder / "template", small_plan(blocks, window_s=1)).seal()

    def add(
        self,
        archive: Path,
        number: int,
        *,
        faster: float = 1.0,
        change: Callable[[Manifest], object] | None = None,
        lack: tuple[str, ...] = (),
    ) -> str:
        """Seal a run into an archive; return its id.

        Its rates are the template's times ``faster``. ``change`` may change its manifest before it is sealed, ``lack``
        names columns of its trials that it is without.
        """
        begun = BEGIN + timedelta(days=number)
        run_id = f"{begun:%Y%m%dT%H%M%SZ}-{number:06x}"
        building = self._folder / f"building-{run_id}"
        building.mkdir()
        manifest: Manifest = json.loads((self._template / "manifest.json").read_bytes())
        manifest |= {"run_id": run_id, "created_at": begun.isoformat()}
        manifest["git"] = {"commit": f"{number % 16:x}" * 40, "dirty": False}
        if change:
            change(manifest)
        (building / "manifest.json").write_text(json.dumps(manifest, indent=1))
        for name in ("trials", "samples", "requests"):
            table = named(pq.read_table(self._template / f"{name}.parquet"), run_id)
            if name == "trials":
                at = table.schema.get_field_index("rps")
                rates = pa.array([rate * faster for rate in table.column("rps").to_pylist()])
                table = table.set_column(at, table.schema.field(at), rates).drop_columns(list(lack))
            pq.write_table(table, building / f"{name}.parquet")
        write_sums(building)
        archive.mkdir(exist_ok=True)
        building.rename(archive / run_id)
        return run_id


def named(table: Any, run_id: str) -> Any:
    """Return a table of the archive's as that of another run."""
    at = table.schema.get_field_index("run_id")
    field = table.schema.field(at)
    if pa.types.is_dictionary(field.type):
        codes = pa.array([0] * table.num_rows, field.type.index_type)
        values: Any = pa.DictionaryArray.from_arrays(codes, pa.array([run_id]))
    else:
        values = pa.array([run_id] * table.num_rows)
    return table.set_column(at, field, values)
