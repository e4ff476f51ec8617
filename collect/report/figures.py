"""The figures that every report shows: each cell over its blocks with what limited it, and one cell against another.

Each is made from the columns of trials.parquet by the arithmetic named here and nothing else, so that whoever asks the
archive (``collect query``) gets the same digits.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from collect.archive.looked import level_of
from collect.archive.query import open_run
from collect.archive.store import Archive, Manifest
from collect.archive.validity import DEGRADED, INVALID
from collect.catalog import Catalog
from collect.pairs import async_against_sync
from collect.plan import CELL, Cell
from collect.report.article import ArticleFigure, article_figures, python_of, side_of
from collect.report.outcomes import cost_ratio, outcomes
from collect.report.verdicts import CellVerdict, cell_verdict, held_back
from collect.statistics.blocks import rates_by_block
from collect.statistics.intervals import Estimate, mean_over_blocks, ratio_over_blocks
from collect.statistics.sequential import widened

Row = Mapping[str, Any]
Made = TypeVar("Made")
BOUNDS = ("_low", "_high", "_low_ms", "_high_ms")
"""How columns of trials.parquet end that are the ends of an interval."""


@dataclass(frozen=True)
class CellFigures:
    """One cell over its trials; the invalid ones count in ``invalid`` and in nothing else."""

    name: str
    variant: str
    workload: str
    generator: str
    users: int
    profile: str
    framework: str
    title: str
    style: str
    python: str
    """Which Python serves it: the article's or the modern one."""
    side: str
    """The framework whose figures in the article it reproduces; "" for what the article has not."""
    tool: str
    """What the generator is: locust or wrk."""
    rps: Estimate | None
    """None when no trial of the cell can be used."""
    verdict: CellVerdict
    means: Mapping[str, float | None]
    """By column of trials.parquet: the mean over the trials; the ends of trials' own intervals have none."""
    outcomes: Mapping[str, Estimate]
    """Latencies, CPU seconds for 1,000 requests and memory with their intervals (see collect.report.outcomes)."""
    requests: int
    failures: int
    trials: int
    invalid: int
    degraded: int
    article: ArticleFigure | None
    """What the article says of it."""

    @property
    def load(self) -> tuple[str, int, str, str]:
        """What it shares with the cells that differ from it in the variant alone."""
        return self.workload, self.users, self.generator, self.profile

    @property
    def article_rps(self) -> float | None:
        """The article's own figure."""
        return self.article.rps if self.article else None

    @property
    def article_text_rps(self) -> float | None:
        """What the article's prose says, where it differs from its table."""
        return self.article.text_rps if self.article else None

    @property
    def held_back(self) -> str | None:
        """Why the rate is not the server's, to go after the variant's name; None when it is."""
        return held_back(self.verdict, usable=self.rps is not None)


@dataclass(frozen=True)
class RatioFigures:
    """A cell against one that differs in one thing alone, paired by block: async against sync, Locust against wrk."""

    top: CellFigures
    bottom: CellFigures
    ratio: Estimate | None
    """None where no block holds a usable trial of both."""
    article: float | None
    article_text: float | None
    comparable: bool
    """Whether it is known that the server side limited both."""
    why: str | None
    """Why it is not comparable: which side was held back by what, with the evidence."""
    cpu: Estimate | None = None
    """The ratio of the app's CPU seconds per request, paired alike: above 1 where a request costs the first more."""

    @property
    def cpu_narrower(self) -> bool:
        """Say whether that is known more exactly than the ratio of the rates."""
        cost, rate = (estimate.half_width if estimate else None for estimate in (self.cpu, self.ratio))
        return cost is not None and rate is not None and cost < rate


@dataclass(frozen=True)
class RunFigures:
    """All that a report needs beside series over time."""

    run_id: str
    manifest: Manifest
    catalog: Catalog
    rows: Sequence[Row]
    """Of all trials, ceilings and probes included."""
    cells: Sequence[CellFigures]
    ratios: Sequence[RatioFigures]
    """Async against sync."""
    tools: Sequence[RatioFigures]
    """Locust against wrk."""
    pythons: Sequence[RatioFigures]
    """Today's Python and packages against the article's, all else of the variant alike."""
    archive: Archive | None = None
    """Where the run is, for sections that look at its raw requests."""
    _made: dict[Callable[[RunFigures], Any], Any] = field(init=False, default_factory=dict, compare=False, repr=False)

    def once(self, make: Callable[[RunFigures], Made]) -> Made:
        """Return what is made from these figures, made once however many ask for it: page, terminal, sentences."""
        if make not in self._made:
            self._made[make] = make(self)
        made: Made = self._made[make]
        return made

    def trials_of(self, cell: CellFigures) -> list[Row]:
        """Return the trials of a cell, those that cannot be used included."""
        return [row for row in self.rows if row["cell"] == cell.name and kind(row) == CELL]

    def rates_of(self, cell: CellFigures) -> dict[int, float]:
        """Return a cell's requests per second by block, of the trials that count."""
        return rates_by_block(usable(self.trials_of(cell)))


def run_figures(archive: Archive, run_id: str) -> RunFigures:
    """Read a sealed run; BenchError when its manifest or its files cannot be read."""
    manifest = archive.manifest(run_id)
    with open_run(archive, run_id, ("trials",)) as database:
        rows = database.rows("SELECT * FROM trials ORDER BY ordinal")
    return replace(figures_of(run_id, manifest, rows), archive=archive)


def figures_of(run_id: str, manifest: Manifest, rows: Sequence[Row]) -> RunFigures:
    """Return the figures that a run's trials give, in the order of their ordinals."""
    catalog = Catalog.from_json(manifest["catalog"])
    by_cell: dict[str, list[Row]] = {}
    for cell in manifest["plan"]["cells"]:
        by_cell[Cell(**cell).name] = []
    for row in rows:
        if kind(row) == CELL:
            by_cell.setdefault(row["cell"], []).append(row)
    cells = [_cell(name, trials, catalog, manifest) for name, trials in by_cell.items() if trials]
    ratios = _pairs(
        cells, by_cell, "variant", lambda top, bottom: async_against_sync(catalog, top.variant, bottom.variant)
    )
    tools = _pairs(cells, by_cell, "generator", lambda top, bottom: (top.tool, bottom.tool) == ("locust", "wrk"))
    pythons = _pairs(cells, by_cell, "variant", lambda top, bottom: _newer(catalog, top, bottom))
    ratios, tools, pythons = ([_looked_at(ratio, manifest) for ratio in each] for each in (ratios, tools, pythons))
    return RunFigures(run_id, manifest, catalog, rows, cells, ratios, tools, pythons)


def _looked_at(ratio: RatioFigures, manifest: Manifest) -> RatioFigures:
    """Return a ratio with the interval that its looks leave, where it was measured until it was known."""
    level = level_of(manifest, ratio.top.name, ratio.bottom.name)
    return replace(ratio, ratio=widened(ratio.ratio, level))


def _newer(catalog: Catalog, top: CellFigures, bottom: CellFigures) -> bool:
    """Say whether two variants differ in the Python alone, the first having today's."""
    if (top.python, bottom.python) != ("modern", "article"):
        return False
    apart = ("python", "article")
    one, other = (
        {key: value for key, value in catalog.variants[cell.variant].items() if key not in apart}
        for cell in (top, bottom)
    )
    return one == other


def in_articles_order(catalog: Catalog, workloads: Iterable[str]) -> list[str]:
    """Return workloads without repeats: the article's first and in its order, then the others as they come."""
    known = dict.fromkeys(workloads)
    return list(dict.fromkeys((*(name for name in article_figures(catalog) if name in known), *known)))


def groups(cells: Sequence[CellFigures]) -> list[tuple[str, list[CellFigures]]]:
    """Return the cells that differ in the variant alone, with what they share."""
    order = list(dict.fromkeys(cell.load for cell in cells))
    found = itertools.groupby(sorted(cells, key=lambda cell: order.index(cell.load)), key=lambda cell: cell.load)
    return [
        (f"{workload}, {users} users, {generator}, {profile}", list(group))
        for (workload, users, generator, profile), group in found
    ]


def kind(row: Row) -> str:
    """Return what a trial was for: cell, ceiling or probe; entries older than the distinction have cells only."""
    return row.get("kind") or CELL


def usable(rows: Iterable[Row]) -> list[Row]:
    """Return the trials that aggregates are made of: all but the invalid ones."""
    return [row for row in rows if row["validity"] != INVALID]


def verdict_of(name: str, rows: Iterable[Row], manifest: Manifest) -> CellVerdict:
    """Return the verdict on a cell of a run."""
    probes = [probe for probe in manifest.get("probes") or () if probe["cell"] == name]
    return cell_verdict(list(rows), (manifest.get("cells") or {}).get(name), probes)


def _cell(name: str, rows: list[Row], catalog: Catalog, manifest: Manifest) -> CellFigures:
    first, good = rows[0], usable(rows)
    variant = catalog.variants[first["variant"]]
    framework = catalog.frameworks[variant["framework"]]
    side = side_of(variant)
    numeric = [
        key
        for key, value in first.items()
        if (isinstance(value, float | int) or value is None) and not key.endswith(BOUNDS)
    ]
    return CellFigures(
        name=name,
        **{key: first[key] for key in ("variant", "workload", "generator", "users", "profile")},
        framework=variant["framework"],
        title=framework["title"],
        style=framework["style"],
        python=python_of(variant),
        side=side,
        tool=catalog.generators[first["generator"]].get("tool", "locust"),
        rps=mean_over_blocks([row["rps"] for row in good]) if good else None,
        verdict=verdict_of(name, rows, manifest),
        means={key: _mean([row[key] for row in good]) for key in numeric},
        outcomes=outcomes(good),
        requests=sum(row["requests"] for row in rows),
        failures=sum(row["failures"] for row in rows),
        trials=len(rows),
        invalid=len(rows) - len(good),
        degraded=sum(row["validity"] == DEGRADED for row in rows),
        article=article_figures(catalog).get(first["workload"], {}).get(side),
    )


def _mean(values: list[Any]) -> float | None:
    known = [value for value in values if isinstance(value, float | int)]
    return statistics.fmean(known) if known else None


def _pairs(
    cells: Sequence[CellFigures],
    by_cell: Mapping[str, list[Row]],
    differs: str,
    fits: Callable[[CellFigures, CellFigures], bool],
) -> list[RatioFigures]:
    """Return the ratios of all cells that differ in one part alone and whose two sides fit."""
    same = [key for key in ("variant", "workload", "generator", "users", "profile") if key != differs]
    return [
        _ratio(top, bottom, by_cell)
        for top in cells
        for bottom in cells
        if fits(top, bottom) and all(getattr(top, key) == getattr(bottom, key) for key in same)
    ]


def _ratio(top: CellFigures, bottom: CellFigures, by_cell: Mapping[str, list[Row]]) -> RatioFigures:
    one, other = (usable(by_cell[cell.name]) for cell in (top, bottom))
    ratio = ratio_over_blocks(rates_by_block(one), rates_by_block(other))
    reasons = [
        f"{_side(cell, top, bottom)} {held}{_because(cell)}" for cell in (bottom, top) if (held := cell.held_back)
    ]
    if ratio is None and not reasons:
        reasons = ["no block holds a usable trial of both"]
    return RatioFigures(
        top,
        bottom,
        ratio,
        _divided(top, bottom.article_rps),
        _divided(top, bottom.article_text_rps),
        comparable=not reasons,
        why="; ".join(reasons) or None,
        cpu=cost_ratio(one, other),
    )


def _side(cell: CellFigures, top: CellFigures, bottom: CellFigures) -> str:
    return cell.variant if top.variant != bottom.variant else f"{cell.variant} under {cell.generator}"


def _because(cell: CellFigures) -> str:
    reason = cell.verdict.why if cell.verdict.refuted else cell.verdict.evidence
    return f" ({reason.rstrip('.')})" if reason and cell.rps else ""


def _divided(top: CellFigures, bottom: float | None) -> float | None:
    return top.article_rps / bottom if top.article_rps and bottom else None
