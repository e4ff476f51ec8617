"""The trials of a run for its page: which of them can be drawn there, in which order, and the columns of each.

A page that opens at once holds no more than ``MOST_BYTES`` of them. One trial of each cell goes before the second of
any, so that every cell can be looked at; the page says which were left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collect.archive.validity import INVALID
from collect.plan import CELL
from collect.report.figures import CellFigures, Row, RunFigures, kind, usable
from collect.report.panels import Panel
from collect.report.thin import SAID
from collect.report.trial_charts import trial_charts
from collect.report.trial_series import MOST_COLUMNS, Recorded
from collect.report.words import counted, listed

MOST_BYTES = 5_000_000
"""Of a page; the columns of all trials must leave room for what else it has."""
OPEN = 4
"""Up to so many cells are shown unfolded."""


@dataclass(frozen=True)
class View:
    """One chooser: the trials of a cell that can be drawn, in the order in which they were measured."""

    anchor: str
    title: str
    rows: Sequence[Row]
    first: Row
    """The one to begin with: one that counts, if there is."""
    left_out: Sequence[Row]
    mixed: bool = False
    """Whether they are of several cells."""


@dataclass(frozen=True)
class Viewer:
    """All that a page needs to draw trials."""

    panels: Sequence[Panel]
    charts: str
    """The empty charts as JSON."""
    series: Mapping[int, str]
    """The columns of trials as JSON, by their places in the run's order."""
    views: Mapping[str, View]
    """By cell."""
    others: View | None
    """Ceilings and trials that put verdicts to the test."""
    notes: Sequence[str]
    """What was left out or shortened."""

    @property
    def bytes(self) -> int:
        """How large the columns of all trials are."""
        return sum(len(text) for text in self.series.values())

    @property
    def unfolded(self) -> bool:
        """Say whether the cells are few enough to be shown unfolded."""
        return len(self.views) <= OPEN

    def of(self, row: Row) -> View | None:
        """Return where a trial can be drawn; None where it cannot."""
        if row["ordinal"] not in self.series:
            return None
        return self.views.get(row["cell"]) if kind(row) == CELL else self.others


def viewer(found: Recorded, figures: RunFigures, most_bytes: int = MOST_BYTES) -> Viewer:
    """Return the trials of a run for its page; ``most_bytes`` bounds the columns of all of them together."""
    series: dict[int, str] = {}
    size, shortened, widest_s = 0, 0, 1
    for row in _ordered(figures):
        trial = found.trials[row["trial_id"]]
        text = script_json(trial.to_json())
        if size + len(text) > most_bytes:
            continue
        size += len(text)
        series[row["ordinal"]] = text
        shortened += trial.thinned
        widest_s = max(widest_s, trial.width_s)
    views = {
        cell.name: view
        for number, cell in enumerate(figures.cells, start=1)
        if (view := _view(f"seconds-{number}", _title(cell), figures.trials_of(cell), series))
    }
    others = [row for row in figures.rows if kind(row) != CELL]
    notes = []
    if left := len(figures.rows) - len(series):
        notes.append(
            f"Of {counted(len(figures.rows), 'trial')} {len(series)} can be drawn here, one of each cell before the"
            f" second of any, so that the page stays within {MOST_BYTES / 1e6:.0f} MB. The other {left} are in"
            " samples.parquet and requests.parquet, as all are, and `collect serve` draws each."
        )
    if shortened:
        notes.append(f"{counted(shortened, 'trial')}: {SAID}")
    if widest_s > 1:
        notes.append(f"Where a trial is longer than {MOST_COLUMNS} s, a column of its latency holds several seconds.")
    notes += _not_sampled(found, figures)
    charts = trial_charts(found)
    return Viewer(
        charts.panels,
        script_json(charts.to_json()),
        series,
        views,
        _view("seconds-others", "Ceilings, and verdicts put to the test", others, series, mixed=True),
        notes,
    )


def script_json(value: Any) -> str:
    """Return a value as JSON that nothing in it can end the script element of, or begin another in it."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _ordered(figures: RunFigures) -> list[Row]:
    """Return all trials: the first of each cell that counts, then the second of each, and last what is no cell's."""
    places: list[tuple[int, int, Row]] = []
    for cell in figures.cells:
        rows = figures.trials_of(cell)
        spoilt = [row for row in rows if row["validity"] == INVALID]
        ordered = [*usable(rows), *spoilt]
        places += [(place, row["ordinal"], row) for place, row in enumerate(ordered)]
    others = [row for row in figures.rows if kind(row) != CELL]
    places += [(len(figures.rows), row["ordinal"], row) for row in others]
    return [row for _, _, row in sorted(places, key=lambda each: each[:2])]


def _view(name: str, title: str, rows: Sequence[Row], series: Mapping[int, str], *, mixed: bool = False) -> View | None:
    """Return the chooser of some trials; None where none of them can be drawn."""
    shown = [row for row in rows if row["ordinal"] in series]
    if not shown:
        return None
    first = (usable(shown) or shown)[0]
    return View(name, title, shown, first, [row for row in rows if row["ordinal"] not in series], mixed)


def _not_sampled(found: Recorded, figures: RunFigures) -> Iterator[str]:
    """Yield of which host there are no samples in which trials."""
    for place, host in enumerate(found.hosts):
        trials = [
            row["ordinal"] for row in figures.rows if not found.trials[row["trial_id"]].sources[f"host-{place}"]["at_s"]
        ]
        if trials:
            said = f"trial{'s' * (len(trials) > 1)} {listed([str(trial) for trial in trials])}"
            yield f"There are no samples of {host.name} in {said}."


def _title(cell: CellFigures) -> str:
    return f"{cell.variant}: {cell.verdict.short}"
