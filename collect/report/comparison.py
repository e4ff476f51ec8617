"""The headline: what the article says, what its way of measuring gives here, and what the servers themselves give."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from collect.report.figures import CellFigures, RatioFigures, RunFigures
from collect.report.verdicts import PLAIN
from collect.report.words import counted, interval

ARTICLE, CONTROLLED = "article", "controlled"
"""The profiles that go into it."""


@dataclass(frozen=True)
class Comparison:
    """One workload: the article's figures beside those measured its way and those with the client out of the way."""

    workload: str
    top: CellFigures
    bottom: CellFigures
    """Either measured pair, for the names and the article's figures, which are the same in both."""
    article: float | None
    article_text: float | None
    its_way: RatioFigures | None
    controlled: RatioFigures | None

    @property
    def measured(self) -> list[tuple[str, RatioFigures]]:
        """What was measured of it, each with its name."""
        named = (("Measured the article's way", self.its_way), ("With the client out of the way", self.controlled))
        return [(name, ratio) for name, ratio in named if ratio is not None]

    @property
    def best(self) -> RatioFigures:
        """The ratio to tell first: one that is comparable, and with the client out of the way, if there is."""
        ratios = [ratio for _, ratio in self.measured[::-1]]
        return next((ratio for ratio in ratios if ratio.comparable), ratios[0])


def comparisons(figures: RunFigures) -> list[Comparison]:
    """Return a comparison for each workload of which async was measured against sync in one of the two profiles."""
    found = []
    for workload in dict.fromkeys(ratio.top.workload for ratio in figures.ratios):
        ratios = [ratio for ratio in figures.ratios if ratio.top.workload == workload]
        its_way, controlled = (_preferred(figures, ratios, profile) for profile in (ARTICLE, CONTROLLED))
        if either := its_way or controlled:
            found.append(
                Comparison(
                    workload, either.top, either.bottom, either.article, either.article_text, its_way, controlled
                )
            )
    return found


def headline(figures: RunFigures) -> str:
    """Return the run in one sentence."""
    told = comparisons(figures)
    first = told[0].best if told else next(iter(figures.ratios), None)
    if first is None:
        trials = sum(cell.trials for cell in figures.cells)
        return f"{counted(trials, 'trial')} of {counted(len(figures.cells), 'cell')} measured."
    top, bottom, on = first.top, first.bottom, _on(first.top.workload)
    if not first.comparable or first.ratio is None:
        return f"{top.title} and {bottom.title} are not comparable {on}: {held(first)}."
    way = {CONTROLLED: "With the client out of the way, ", ARTICLE: "Measured the article's way, "}
    return (
        f"{way.get(top.profile, '')}{top.title} answers {first.ratio.value:.2f} times as many requests a second as"
        f" {bottom.title} {on} ({interval(first.ratio)}); {_limits(first)}."
    )


def lead(figures: RunFigures) -> str:
    """Return what goes with the headline: what the article says, and what its way of measuring gave."""
    told = comparisons(figures)
    if not told:
        return ""
    first, parts = told[0], []
    if first.article:
        by_text = f" ({first.article_text:.2f} by the figures in its text)" if first.article_text else ""
        parts.append(f"The article says {first.article:.1f} times{by_text} and not what limited its figures.")
    if first.its_way and first.its_way is not first.best:
        if first.its_way.comparable and first.its_way.ratio:
            parts.append(f"Measured its way it is {first.its_way.ratio.value:.2f}; {_limits(first.its_way)}.")
        else:
            parts.append(f"Measured its way the two are not comparable: {held(first.its_way)}.")
    if first.controlled and first.controlled is not first.best:
        parts.append(f"With the client's known limits removed the two are not comparable: {held(first.controlled)}.")
    return " ".join(parts)


def held(ratio: RatioFigures) -> str:
    """Return why a ratio is not comparable, in short: which side was held back by what."""
    cells = [cell for cell in (ratio.bottom, ratio.top) if cell.held_back]
    if not cells:
        return ratio.why or "it is not known why"
    reasons = [str(cell.held_back) for cell in cells]
    if len(cells) == 2 and reasons[0] == reasons[1]:
        return f"each {reasons[0]}"
    same = "was held back by "
    if len(cells) == 2 and all(reason.startswith(same) for reason in reasons):
        return f"{cells[0].title} {reasons[0]}, {cells[1].title} by {reasons[1].removeprefix(same)}"
    return " and ".join(f"{cell.title} {reason}" for cell, reason in zip(cells, reasons, strict=True))


def _limits(ratio: RatioFigures) -> str:
    top, bottom = (PLAIN.get(cell.verdict.word or "", "nothing known") for cell in (ratio.top, ratio.bottom))
    if top == bottom:
        return f"{top} limited both"
    return f"{top} limited {ratio.top.title}, {bottom} limited {ratio.bottom.title}"


def _preferred(figures: RunFigures, ratios: Iterable[RatioFigures], profile: str) -> RatioFigures | None:
    """Return the ratio to show of a profile: the article's variants before others, its generator before others."""

    def rank(ratio: RatioFigures) -> tuple[bool, bool, bool]:
        user_class = figures.catalog.generators[ratio.top.generator].get("user_class")
        return (
            ratio.article is None,
            ratio.top.tool != "locust",
            profile == ARTICLE and user_class != "HttpUser",
        )

    return min((ratio for ratio in ratios if ratio.top.profile == profile), key=rank, default=None)


def _on(workload: str) -> str:
    known = {"redis": "on Redis I/O", "none": "without I/O"}
    return known.get(workload, f'on "{workload}"')
