"""The blocks of cells, run by run, as logarithms: what ratios between runs are made from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from collect.archive.store import Archive
from collect.archive.validity import INVALID
from collect.compare.heads import Head
from collect.errors import BenchError
from collect.paths import shown
from collect.plan import CELL
from collect.statistics.blocks import app_cpu_s, positive_by_block

if TYPE_CHECKING:
    from collect.compare.recorded import Recorded

Row = Mapping[str, Any]
COLUMNS = ("cell", "block", "kind", "validity", "rps", "app_cpu_cores")


@dataclass(frozen=True)
class Outcome:
    """A figure of a trial that runs are compared by."""

    key: str
    title: str
    unit: str
    rising: str
    """Word for a cell whose figure is larger in the second run."""
    falling: str
    worse: str
    """Which of the two is bad news."""
    of: Callable[[Row], float | None]


def _cpu(row: Row) -> float | None:
    cost = app_cpu_s(row)
    return None if cost is None else 1000 * cost


OUTCOMES: Mapping[str, Outcome] = {
    "rps": Outcome("rps", "RPS", "1/s", "faster", "slower", "slower", lambda row: row["rps"]),
    "cpu": Outcome("cpu", "CPU of the app per 1,000 requests", "s", "dearer", "cheaper", "dearer", _cpu),
}
"""By the word that --by takes."""


def cell_rows(archive: Archive, run_id: str, cells: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the trials of a run's cells that count, with the columns that comparisons need.

    BenchError when the run's file is missing or damaged. Columns that an older run lacks are null.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = archive.folder(run_id) / "trials.parquet"
    wanted = list(cells)
    try:
        with pq.ParquetFile(path) as file:
            known = set(file.schema_arrow.names)
            there = [name for name in COLUMNS if name in known]
            table = file.read(columns=there, use_threads=False)
        read = table.filter(pc.is_in(table["cell"], pa.array(wanted, pa.string()))).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise BenchError("the trials cannot be read", shown(path), f"see `collect verify {run_id}`") from error
    return by_cell(read, wanted)


def by_cell(rows: Iterable[Row], cells: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of some cells that count, by cell."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in cells}
    for row in rows:
        whole = {**dict.fromkeys(COLUMNS), **row}
        if whole["cell"] in found and (whole["kind"] or CELL) == CELL and whole["validity"] != INVALID:
            found[whole["cell"]].append(whole)
    return found


def logs(rows: Iterable[Row], outcome: Outcome) -> list[float]:
    """Return the logarithm of the figure of each block that has one above 0, in the blocks' order."""
    return [math.log(value) for _, value in sorted(positive_by_block(rows, outcome.of).items())]


def by_run(
    recorded: Recorded, heads: Iterable[Head], cells: Iterable[str]
) -> tuple[dict[str, dict[str, list[dict[str, Any]]]], list[BenchError]]:
    """Return the rows of cells by run, of the runs whose plan has any of them, and why others cannot be read."""
    wanted = list(cells)
    found, refused = {}, []
    for head in heads:
        planned = head.cells
        there = [name for name in wanted if name in planned]
        if not there:
            continue
        try:
            found[head.run_id] = recorded.rows(head.run_id, there)
        except BenchError as error:
            refused.append(error)
    return found, refused
