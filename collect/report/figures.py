"""The figures that every report shows: each cell over its blocks, and async against sync.

Each is made from the columns of trials.parquet by the arithmetic named here and nothing else, so that whoever asks the
archive (``collect query``) gets the same digits.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collect.archive.query import open_run
from collect.archive.store import Archive, Manifest
from collect.archive.validity import DEGRADED, INVALID
from collect.catalog import Catalog
from collect.statistics.intervals import Estimate, mean_over_blocks, ratio_over_blocks

Row = Mapping[str, Any]


@dataclass(frozen=True)
class CellFigures:
    """One cell over its trials; the invalid ones count in ``invalid`` and in nothing else."""

    name: str
    variant: str
    workload: str
    generator: str
    users: int
    profile: str
    title: str
    style: str
    rps: Estimate | None
    """None when no trial of the cell can be used."""
    means: Mapping[str, float | None]
    """By column of trials.parquet: the mean over the trials."""
    requests: int
    failures: int
    trials: int
    invalid: int
    degraded: int
    article_rps: float | None
    article_text_rps: float | None
    """What the article's prose says, where it differs from its table."""


@dataclass(frozen=True)
class RatioFigures:
    """An async cell against the sync cell that differs in the variant alone, paired by block."""

    top: CellFigures
    bottom: CellFigures
    ratio: Estimate
    article: float | None
    article_text: float | None


@dataclass(frozen=True)
class RunFigures:
    """All that a report needs beside series over time."""

    run_id: str
    manifest: Manifest
    rows: Sequence[Row]
    cells: Sequence[CellFigures]
    ratios: Sequence[RatioFigures]


def run_figures(archive: Archive, run_id: str) -> RunFigures:
    """Read a sealed run; BenchError when its manifest or its files cannot be read."""
    manifest = archive.manifest(run_id)
    with open_run(archive, run_id) as database:
        rows = database.rows("SELECT * FROM trials ORDER BY ordinal")
    catalog = Catalog.from_json(manifest["catalog"])
    by_cell: dict[str, list[Row]] = {}
    for cell in manifest["plan"]["cells"]:
        by_cell[".".join(str(cell[key]) for key in ("variant", "workload", "generator", "users", "profile"))] = []
    for row in rows:
        by_cell[row["cell"]].append(row)
    cells = [_cell(name, trials, catalog) for name, trials in by_cell.items() if trials]
    return RunFigures(run_id, manifest, rows, cells, list(_ratios(cells, by_cell)))


def usable(rows: Iterable[Row]) -> list[Row]:
    """Return the trials that aggregates are made of: all but the invalid ones."""
    return [row for row in rows if row["validity"] != INVALID]


def _cell(name: str, rows: list[Row], catalog: Catalog) -> CellFigures:
    first, good = rows[0], usable(rows)
    variant = catalog.variants[first["variant"]]
    framework = catalog.frameworks[variant["framework"]]
    article = catalog.article.get(first["workload"], {})
    side = variant.get("article", "")
    numeric = [key for key, value in first.items() if isinstance(value, float | int) or value is None]
    return CellFigures(
        name=name,
        **{key: first[key] for key in ("variant", "workload", "generator", "users", "profile")},
        title=framework["title"],
        style=framework["style"],
        rps=mean_over_blocks([row["rps"] for row in good]) if good else None,
        means={key: _mean([row[key] for row in good]) for key in numeric},
        requests=sum(row["requests"] for row in rows),
        failures=sum(row["failures"] for row in rows),
        trials=len(rows),
        invalid=len(rows) - len(good),
        degraded=sum(row["validity"] == DEGRADED for row in rows),
        article_rps=article.get(side),
        article_text_rps=article.get(f"{side}_text"),
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _ratios(cells: list[CellFigures], by_cell: Mapping[str, list[Row]]) -> Iterable[RatioFigures]:
    for top in cells:
        for bottom in cells:
            alike = all(
                getattr(top, key) == getattr(bottom, key) for key in ("workload", "generator", "users", "profile")
            )
            if not (alike and (top.style, bottom.style) == ("async", "sync")):
                continue
            ratio = ratio_over_blocks(
                *({row["block"]: row["rps"] for row in usable(by_cell[cell.name])} for cell in (top, bottom))
            )
            if ratio is not None:
                yield RatioFigures(
                    top, bottom, ratio, _divided(top, bottom.article_rps), _divided(top, bottom.article_text_rps)
                )


def _divided(top: CellFigures, bottom: float | None) -> float | None:
    return top.article_rps / bottom if top.article_rps and bottom else None
