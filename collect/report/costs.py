"""What a cell's requests cost the server, and whose limit its rate shows: the cell as all tables put it."""

from __future__ import annotations

from dataclasses import dataclass

from collect.report.figures import CellFigures, RunFigures, usable
from collect.report.verdicts import Whose, whose

PER = 1000
"""Requests that CPU is reckoned for."""


@dataclass(frozen=True)
class Measured:
    """A cell as a table shows it."""

    cell: CellFigures
    whose: Whose
    app_cpu_s: float | None
    """CPU seconds of the app for 1,000 right answers: cores over rate, each summed over the usable trials."""
    server_cpu_s: float | None
    """Likewise of all that the server's CPU set was used for: app, Redis, database, kernel."""
    app_mib: float | None
    """The most memory that the app held in any usable trial: PSS, so that what processes share counts once."""
    trials: tuple[int, ...]
    """Their places in the run's order, those that cannot be used included."""


def measured(figures: RunFigures, cell: CellFigures) -> Measured:
    """Return a cell with its costs."""
    trials = figures.trials_of(cell)
    good = usable(trials)
    memory = [value for row in good if (value := row.get("app_pss_mib")) is not None]
    return Measured(
        cell,
        whose(cell.verdict, usable=cell.rps is not None),
        _cpu_s(cell, "app_cpu_cores"),
        _cpu_s(cell, "server_cpu_cores"),
        max(memory, default=None),
        tuple(row["ordinal"] for row in trials),
    )


def _cpu_s(cell: CellFigures, column: str) -> float | None:
    cores = cell.means.get(column)
    return cores / cell.rps.value * PER if cores is not None and cell.rps and cell.rps.value else None
