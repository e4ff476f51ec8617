"""Sentences about runs that never happened: the article's table with rates as a test wants them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from collect.findings.page import Findings
from collect.findings.statement import Finding
from collect.plan import Cell
from collect.report.figures import RunFigures
from tests.support.cells import cells
from tests.support.figured import Rate, figured

ARTICLE_WAY = {"article": "generator", "controlled": "server-app"}
WORKLOADS = ("redis", "none", "file", "db")
TWO = ("flask-werkzeug", "starlette-uvicorn")


def noisy(seed: int, of: Callable[[Cell], float], sd: float = 0.08) -> Rate:
    """Return rates with noise of cells and of blocks, the latter alike for all cells of one.

    Cells differ in how noisy they are, by a factor of three between the calmest and the wildest, as real ones do.
    """
    rng = np.random.default_rng(seed)
    block_noise: dict[int, float] = {}
    wild: dict[str, float] = {}

    def rate(cell: Cell, block: int) -> float:
        common = block_noise.setdefault(block, rng.normal(0, 0.1))
        own = wild.setdefault(cell.name, sd * rng.uniform(0.5, 1.5))
        return of(cell) * math.exp(common + rng.normal(0, own))

    return rate


def table(seed: int = 1, of: Callable[[Cell], float] = lambda cell: 1000.0, **more: Any) -> RunFigures:
    more = {"words": ARTICLE_WAY, "cpu_s": noisy(seed + 10_000, lambda cell: 0.001), **more}
    return figured(cells(WORKLOADS, TWO, ("article", "controlled")), noisy(seed, of), **more)


def of_kind(found: Findings, kind: str) -> list[Finding]:
    """Return all sentences of a kind, the leading ones first."""
    return [each for group in found.groups if group.name == kind for each in (*group.lead, *group.single)]


def claims(found: Findings, kind: str) -> list[Finding]:
    """Return the sentences of a kind that were tested."""
    return [each for each in of_kind(found, kind) if each.tests]


def is_async(cell: Cell) -> bool:
    return cell.variant != "flask-werkzeug"
