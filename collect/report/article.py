"""What the article says, as a run's catalog holds it: its figures, and what it was measured with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from collect.catalog import Catalog


@dataclass(frozen=True)
class ArticleFigure:
    """One figure of the article's table; of none does it say what limited it."""

    rps: float
    text_rps: float | None = None
    """What its prose says, where that is another."""
    latency_ms: float | None = None


def article_figures(catalog: Catalog) -> dict[str, dict[str, ArticleFigure]]:
    """Return the article's figures by workload and framework, in the order of its table."""
    if "figures" not in catalog.article:
        return {workload: _older(figures) for workload, figures in catalog.article.items()}
    return {
        workload: {side: ArticleFigure(**figure) for side, figure in figures.items()}
        for workload, figures in catalog.article["figures"].items()
    }


def article_setup(catalog: Catalog) -> Mapping[str, str | None]:
    """Return what the article was measured with; nothing for runs from before that was on record."""
    known: Mapping[str, str | None] = catalog.article.get("setup", {})
    return known


def side_of(variant: Mapping[str, Any]) -> str:
    """Return the side of the article that a variant reproduces; "" for one that it does not know.

    What runs on today's Python reproduces no figure of the article.
    """
    return str(variant.get("article", "")) if python_of(variant) == "article" else ""


def python_of(variant: Mapping[str, Any]) -> str:
    """Return which Python a variant runs on: the article's or the modern one."""
    return str(variant.get("python", "article"))


def _older(figures: Mapping[str, float]) -> dict[str, ArticleFigure]:
    """Read the form of runs that knew two columns only: ``flask: 315, flask_text: 342``."""
    return {
        side: ArticleFigure(rps, figures.get(f"{side}_text"))
        for side, rps in figures.items()
        if not side.endswith("_text")
    }
