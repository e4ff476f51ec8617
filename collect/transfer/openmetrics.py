"""Figures and samples as OpenMetrics 1.0 text with their own moments, for what keeps series over time.

A trial's figures carry the moment when its window ended, a sample the one when it was taken, on the server's clock.
Names and units: collect/data/openmetrics.yml.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow.compute as pc

from collect.archive.columns import columns
from collect.archive.store import Archive
from collect.documents import load_yaml
from collect.paths import DATA_DIR
from collect.transfer.views import Rows

PREFIXES = {"trials": "bench_trial", "samples": "bench_sample"}
MOMENTS = {"trials": ("window_start_at", "window_s"), "samples": ("t",)}
"""The columns that tell a row's moment."""
NUMBERS = ("int8", "int32", "int64", "float64")

Source = Callable[[Sequence[str]], Iterable[Any]]
"""Returns the tables of a run with the columns of these names."""
Point = tuple[str, float, float]
"""Labels, moment in unix seconds, value."""


@dataclass(frozen=True)
class Family:
    """A column as a metric family."""

    column: str
    """"" for one whose samples are all 1."""
    name: str
    kind: str
    unit: str
    """"" for none."""
    meaning: str
    labels: tuple[str, ...]
    """Columns."""
    times: int = 1
    per: int = 1

    @property
    def sample(self) -> str:
        """What its samples are called."""
        return self.name + {"counter": "_total", "info": "_info"}.get(self.kind, "")

    def head(self) -> str:
        """Return the lines that say what it is."""
        unit = f"# UNIT {self.name} {self.unit}\n" if self.unit else ""
        return f"# TYPE {self.name} {self.kind}\n{unit}# HELP {self.name} {escaped(self.meaning)}\n"

    def value(self, value: float) -> float:
        """Return a column's value in the metric's unit."""
        scaled = value * self.times
        return scaled if self.per == 1 else scaled / self.per


def write_openmetrics(archive: Archive, run_ids: Sequence[str], view: str, file: BinaryIO) -> None:
    """Write trials or samples of some runs to a file; BenchError when a run cannot be read.

    Each family's samples stand together, within it those of each series, in the order of time.
    """
    runs = [Rows(archive, run_id) for run_id in run_ids]
    sources: list[Source] = [_held(run) if view == "trials" else functools.partial(run.tables, view) for run in runs]
    for family in families(view):
        for number, (labels, moment, value) in enumerate(_points(sources, view, family)):
            if not number:
                file.write(family.head().encode())
            file.write(f"{family.sample}{{{labels}}} {_number(value)} {moment!r}\n".encode())
    file.write(b"# EOF\n")


@functools.cache
def families(view: str) -> tuple[Family, ...]:
    """Return the metric families that a view has."""
    rules = _rules()
    labels = tuple(rules["labels"][view])
    found = []
    if view == "trials":
        meaning = "what a trial was, and how far it may be trusted"
        found.append(Family("", PREFIXES[view], "info", "", meaning, (*labels, *rules["info"])))
    no_figures = {*labels, *rules["info"], *rules["places"]}
    for column, (kind, unit, meaning) in columns()[view].items():
        if kind not in NUMBERS or unit in rules["moments"] or column in no_figures:
            continue
        rule: Mapping[str, Any] = rules["units"].get(unit, {})
        parts = (PREFIXES[view], column.removesuffix(rule.get("ending", "")), rule.get("unit", ""))
        name = "_".join(part for part in parts if part)
        grows = view == "samples" and column in rules["counters"]
        times, per = rule.get("times", 1), rule.get("per", 1)
        found.append(
            Family(column, name, "counter" if grows else "gauge", rule.get("unit", ""), meaning, labels, times, per)
        )
    return tuple(found)


def escaped(text: str) -> str:
    """Return a text as it stands in a label or behind HELP."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _held(run: Rows) -> Source:
    """Read a run's trials once, as there are few rows and many families."""
    wanted = {name for family in families("trials") for name in (*family.labels, family.column)}
    held = list(run.tables("trials", [*wanted, *MOMENTS["trials"]]))
    return lambda names: [table.select(list(names)) for table in held]


def _points(sources: Iterable[Source], view: str, family: Family) -> Iterator[Point]:
    """Yield the samples of a family, run by run, the series of a run one after the other."""
    names = [*family.labels, *MOMENTS[view], *([family.column] if family.column else ())]
    wanted = list(dict.fromkeys(names))
    for source in sources:
        points: list[Point] = []
        for table in source(wanted):
            # Most rows of samples are of another scope, and have nothing in this column.
            known = table.filter(pc.is_valid(table.column(family.column))) if family.column else table
            found = known.to_pydict()
            values: Sequence[Any] = found[family.column] if family.column else [1] * known.num_rows
            for index, value in enumerate(values):
                moment = _moment(view, found, index)
                if moment is not None:
                    labels = _labels(tuple((name, _text(found[name][index])) for name in family.labels))
                    points.append((labels, moment, family.value(value)))
        yield from sorted(points, key=lambda point: point[:2])


def _moment(view: str, found: Mapping[str, Sequence[Any]], index: int) -> float | None:
    """Return a row's moment in unix seconds; None where it is not known."""
    if view == "samples":
        at: float | None = found["t"][index]
        return at
    begin, length_s = found["window_start_at"][index], found["window_s"][index]
    if begin is None or length_s is None:
        return None
    ended: float = round(begin.timestamp() + length_s, 6)
    return ended


@functools.lru_cache(maxsize=2**14)
def _labels(values: tuple[tuple[str, str], ...]) -> str:
    return ",".join(f'{name}="{escaped(value)}"' for name, value in values if value)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return "" if value is None else str(value)


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


@functools.cache
def _rules() -> Mapping[str, Any]:
    rules: Mapping[str, Any] = load_yaml(DATA_DIR / "openmetrics.yml")
    return rules
