"""The headline: what the article says, what its way of measuring gives here, and what the servers themselves give."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from collect.designs.map import map_headline, map_lead
from collect.report.composition import composition_headline
from collect.report.figures import CellFigures, RatioFigures, RunFigures, in_articles_order
from collect.report.hypotheses import hypotheses_headline, hypotheses_lead
from collect.report.table import ARTICLE, CONTROLLED, WAYS
from collect.report.verdicts import PLAIN
from collect.report.words import counted, interval, listed, on_workload, span


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
        named = ((ARTICLE, self.its_way), (CONTROLLED, self.controlled))
        return [(WAYS[way], ratio) for way, ratio in named if ratio is not None]

    @property
    def best(self) -> RatioFigures:
        """The ratio to tell first: one that is comparable, and with the client out of the way, if there is."""
        ratios = [ratio for _, ratio in self.measured[::-1]]
        return next((ratio for ratio in ratios if ratio.comparable), ratios[0])


def comparisons(figures: RunFigures) -> list[Comparison]:
    """Return a comparison for each workload of which async was measured against sync in one of the two profiles.

    The article's workloads come first and in its order.
    """
    found = []
    for workload in in_articles_order(figures.catalog, (ratio.top.workload for ratio in figures.ratios)):
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
    if figures.pythons:
        return _renewed(figures)
    if designed := map_headline(figures) or composition_headline(figures) or hypotheses_headline(figures):
        return designed
    told = comparisons(figures)
    first = told[0].best if told else next(iter(figures.ratios), None)
    if first is None:
        trials = sum(cell.trials for cell in figures.cells)
        return f"{counted(trials, 'trial')} of {counted(len(figures.cells), 'cell')} measured."
    top, bottom, on = first.top, first.bottom, on_workload(first.top.workload)
    if not first.comparable or first.ratio is None:
        return f"{called(top)} and {called(bottom)} are not comparable {on}: {held(first)}."
    way = f"{WAYS[top.profile]}, " if top.profile in WAYS else ""
    return (
        f"{way}{called(top)} answers {first.ratio.value:.2f} times as many requests a second as"
        f" {called(bottom)} {on} ({interval(first.ratio)}); {_limits(first)}."
    )


def _renewed(figures: RunFigures) -> str:
    """Return what today's versions change, from the first workload of which that can be said."""
    order = in_articles_order(figures.catalog, (ratio.top.workload for ratio in figures.pythons))
    sure = [ratio for ratio in figures.pythons if ratio.comparable and ratio.ratio]
    sure.sort(key=lambda ratio: order.index(ratio.top.workload))
    if not sure:
        reasons = "; ".join(dict.fromkeys(held(ratio) for ratio in figures.pythons))
        return f"What today's Python and packages change is not known: {reasons}."
    alike = [ratio for ratio in sure if ratio.top.load == sure[0].top.load]
    alike = [ratio for ratio in alike if ratio.bottom.side] or alike
    told = [(called(ratio.bottom), ratio.ratio) for ratio in alike if ratio.ratio]
    (first, factor), *others = told
    more = listed([f"{name} {ratio.value:.2f} times ({span(ratio)})" for name, ratio in others]) if others else ""
    return (
        f"On today's Python and packages {first} answers {factor.value:.2f} times ({span(factor)}) as many requests a"
        f" second {on_workload(alike[0].top.workload)} as on the article's{f', {more}' if more else ''}; the server"
        f" limited {'all of them' if others else 'both'}."
    )


def lead(figures: RunFigures) -> str:
    """Return what goes with the headline: what the article says, and what its way of measuring gave."""
    if designed := map_lead(figures) or hypotheses_lead(figures):
        return designed
    told = comparisons(figures)
    if not told or figures.pythons:
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
        return f"{called(cells[0])} {reasons[0]}, {called(cells[1])} by {reasons[1].removeprefix(same)}"
    return " and ".join(f"{called(cell)} {reason}" for cell, reason in zip(cells, reasons, strict=True))


def called(cell: CellFigures) -> str:
    """Return what to call a cell's server in a sentence: the framework, and the variant where the article has none."""
    return cell.title if cell.side else f"{cell.title} ({cell.variant})"


def _limits(ratio: RatioFigures) -> str:
    top, bottom = (PLAIN.get(cell.verdict.word or "", "nothing known") for cell in (ratio.top, ratio.bottom))
    if top == bottom:
        return f"{top} limited both"
    return f"{top} limited {ratio.top.title}, {bottom} limited {ratio.bottom.title}"


def _preferred(figures: RunFigures, ratios: Iterable[RatioFigures], profile: str) -> RatioFigures | None:
    """Return the ratio to show of a profile: the article's variants before others, its generator before others.

    Of what the article does not have, the fastest variants of both sides.
    """

    def rank(ratio: RatioFigures) -> tuple[bool, bool, bool, float, float]:
        user_class = figures.catalog.generators[ratio.top.generator].get("user_class")
        rates = [cell.rps.value if cell.rps and not cell.side else 0 for cell in (ratio.top, ratio.bottom)]
        return (
            ratio.article is None,
            ratio.top.tool != "locust",
            profile == ARTICLE and user_class != "HttpUser",
            -rates[0],
            -rates[1],
        )

    return min((ratio for ratio in ratios if ratio.top.profile == profile), key=rank, default=None)
