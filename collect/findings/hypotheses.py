"""What the article left out: how it may have measured, by the fit of our figures to its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from collect.designs.fits import degrees
from collect.designs.hypotheses import Level
from collect.findings.evidence import Hypothesis
from collect.findings.given import section
from collect.findings.prose import FEW, capital, sure
from collect.findings.statement import (
    COUNTED,
    Finding,
    Holds,
    Kind,
    Link,
    Statement,
    by_test,
    finding,
    tested,
)
from collect.report.extras import Extra
from collect.report.figures import RunFigures
from collect.report.hypotheses import FACTORS, by_factor, choice
from collect.statistics.intervals import Estimate, t_critical

NAME = "hypotheses"


def _statements(figures: RunFigures, sections: Sequence[Extra]) -> list[Statement]:
    extra = section(sections, NAME)
    if extra is None:
        return []
    levels = [Level(**level) for level in extra.data["levels"]]
    single = [each for name, mine in by_factor(levels) for each in _levels(figures, extra, name, mine)]
    return [_nearest(figures, extra), *single]


def _nearest(figures: RunFigures, extra: Extra) -> Statement:
    """Tell which hypothesis is nearest, in the section's own words; which are as near it has tested by itself."""
    best: Mapping[str, Any] = extra.data["fits"][0]
    estimate = _estimate(best["fit"], best["low"], best["high"], extra.data["blocks"])
    said = _said(figures, extra, extra.lines[0], COUNTED, estimate)
    return Statement(lambda _: said, lead=True)


def _levels(figures: RunFigures, extra: Extra, name: str, levels: Sequence[Level]) -> Iterator[Statement]:
    """Hold each choice of one thing against the choice of it that comes nearest on average."""
    best = min(levels, key=lambda level: level.mean)
    for level in levels:
        if level is not best:
            yield _level(figures, extra, name, level, best, len(levels) - 1)


def _level(figures: RunFigures, extra: Extra, name: str, level: Level, best: Level, others: int) -> Statement:
    blocks = extra.data["blocks"]
    low, high = level.beyond or (None, None)
    estimate = _estimate(level.mean - best.mean, low, high, blocks)
    begin = f"{capital(FACTORS[name])}: {choice(level)}"
    figure = f"{estimate.value:.2f} {sure(estimate)}"

    def say(holds: Holds) -> Finding:
        text, says = by_test(
            holds,
            few=f"{begin} fits the article worse than {choice(best)} by {figure}, on average; {FEW}.",
            found=f"{begin} fits the article worse than {choice(best)} by {figure}, on average.",
            none=f"{begin} cannot be told from {choice(best)}: the fit differs by {figure}, on average.",
            name="worse",
        )
        return _said(figures, extra, text, says, estimate)

    return Statement(say, tested(worse=_hypothesis(estimate, others)))


def _hypothesis(estimate: Estimate, others: int) -> Hypothesis | None:
    """Return the hypothesis that a fit is worse, picked out of ``others``; it holds only beyond its interval.

    Centre and error are those of the interval, whose t is taken off again: its mirrored draws were stretched by it.
    """
    from scipy.special import stdtr

    if estimate.low is None or estimate.high is None:
        return None
    if estimate.low <= 0 or estimate.low == estimate.high:
        return Hypothesis(given=1.0)
    df = degrees(estimate.blocks)
    centre, half = (estimate.low + estimate.high) / 2, (estimate.high - estimate.low) / 2
    return Hypothesis(given=float(2 * stdtr(df, -centre / half * t_critical(df))), times=others)


def _estimate(value: float, low: float | None, high: float | None, blocks: int) -> Estimate:
    return Estimate(value, value, value, low, high, blocks)


def _said(figures: RunFigures, extra: Extra, text: str, says: str, estimate: Estimate) -> Finding:
    made = finding(figures, text, says, estimate, *figures.cells, unit="fit")
    return replace(made, links=(Link(f"the section on it: {extra.title}", extra.name),))


KIND = Kind("hypotheses", "What the article left out", _statements)
