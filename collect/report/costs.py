"""What a cell's requests cost the server, and whose limit its rate shows: the cell as all tables put it."""

from __future__ import annotations

from dataclasses import dataclass

from collect.report.figures import CellFigures, RunFigures
from collect.report.outcomes import APP_CPU, SERVER_CPU
from collect.report.verdicts import Whose, whose
from collect.statistics.intervals import Estimate


@dataclass(frozen=True)
class Measured:
    """A cell as a table shows it."""

    cell: CellFigures
    whose: Whose
    trials: tuple[int, ...]
    """Their places in the run's order, those that cannot be used included."""

    @property
    def app_cpu(self) -> Estimate | None:
        """CPU seconds of the app for 1,000 right answers: cores over rate, each summed over the usable trials."""
        return self.cell.outcomes.get(APP_CPU)

    @property
    def server_cpu(self) -> Estimate | None:
        """Likewise of all that the server's CPU set was used for: app, Redis, database, kernel."""
        return self.cell.outcomes.get(SERVER_CPU)

    @property
    def memory(self) -> Estimate | None:
        """The app's memory (PSS, so that what processes share counts once; MiB), the mean over the blocks."""
        return self.cell.outcomes.get("app_pss_mib")

    @property
    def app_cpu_s(self) -> float | None:
        """The figure of ``app_cpu``."""
        return self.app_cpu.value if self.app_cpu else None

    @property
    def server_cpu_s(self) -> float | None:
        """The figure of ``server_cpu``."""
        return self.server_cpu.value if self.server_cpu else None


def measured(figures: RunFigures, cell: CellFigures) -> Measured:
    """Return a cell with its costs."""
    trials = figures.trials_of(cell)
    return Measured(
        cell,
        whose(cell.verdict, usable=cell.rps is not None),
        tuple(row["ordinal"] for row in trials),
    )
