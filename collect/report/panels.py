"""A set of charts that share their sources and their time, with nothing in them yet: what a page fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bokeh.document import Document
from bokeh.models import ColumnDataSource

from collect.report.charts import lean, numbered
from collect.report.trial_series import PER_DECADE


@dataclass(frozen=True)
class Panel:
    """One chart of the set."""

    name: str
    title: str
    note: str
    source: str
    columns: Sequence[tuple[str, str]]
    """Of its data as a table: each column of the source and what it is called."""
    plot: Any
    tops: Sequence[Sequence[str]] = ()
    """Columns that the axis of values has to hold, each group of them stacked; none: the axis is the same for all."""
    limit: str = ""
    """The source of a line that it has to hold as well."""
    wide: bool = False
    """Whether it takes the whole width of the page."""


class Sources:
    """The sources of a set of charts: each is there once, with empty columns."""

    def __init__(self) -> None:
        """Begin without any."""
        self.by_name: dict[str, Any] = {}

    def get(self, name: str, columns: Sequence[str]) -> Any:
        """Return a source; the columns that it has not yet are added."""
        source = self.by_name.setdefault(name, ColumnDataSource({}, name=f"source {name}"))
        source.data = {column: [] for column in dict.fromkeys((*source.data, *columns))}
        return source


@dataclass(frozen=True)
class TrialCharts:
    """The set."""

    panels: Sequence[Panel]
    sources: Sequence[str]
    time: Any
    """The range of the axis of time that all share."""

    def to_json(self) -> dict[str, Any]:
        """Return what a page needs to draw and fill them; all plots in one document, so that they share their range."""
        document = Document()
        with document.models.freeze():  # else each root makes it look through all of them again
            for panel in self.panels:
                document.add_root(lean(panel.plot))
        shape = {
            "doc": document.to_json(deferred=False),
            "per_decade": PER_DECADE,
            "sources": list(self.sources),
            "panels": [
                {
                    "name": panel.name,
                    "root": panel.plot.id,
                    "source": panel.source,
                    "columns": [list(column) for column in panel.columns],
                    "tops": [list(names) for names in panel.tops],
                    "limit": panel.limit,
                }
                for panel in self.panels
            ],
        }
        made: dict[str, Any] = numbered(shape)
        return made
