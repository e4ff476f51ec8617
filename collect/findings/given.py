"""Parts of a report's own sections that come as plain data, with value, interval and p value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from collect.findings.evidence import ALPHA, Hypothesis
from collect.findings.statement import Finding, Link, finding
from collect.report.extras import Extra
from collect.report.figures import CellFigures, RunFigures
from collect.statistics.intervals import Estimate

Part = Mapping[str, Any]


def section(sections: Sequence[Extra], *names: str) -> Extra | None:
    """Return the section of one of these names; None where the report has none, or it could not tell anything."""
    return next((each for each in sections if each.name in names and not each.data.get("why")), None)


def estimate_of(part: Part) -> Estimate:
    """Return a part as the estimate that it is."""
    value = part["value"]
    return Estimate(value, value, value, part["low"], part["high"], part["blocks"])


def hypothesis_of(part: Part) -> Hypothesis | None:
    """Return the hypothesis that a part is not 1, by its own p value; None where it has none.

    Where its interval holds 1, as another method's may, it does not hold.
    """
    if part["p"] is None or part["low"] is None:
        return None
    return Hypothesis(given=max(part["p"], ALPHA) if part["low"] <= 1 <= part["high"] else part["p"])


def told(figures: RunFigures, text: str, says: str, part: Part, extra: Extra, names: Iterable[str]) -> Finding:
    """Return a sentence about a part of a section, with a link there; ``names`` are the cells that it was made from."""
    made = finding(figures, text, says, estimate_of(part), *cells_of(figures, names))
    return replace(made, links=(Link(f"the section on it: {extra.title}", extra.name),))


def cells_of(figures: RunFigures, names: Iterable[str]) -> list[CellFigures]:
    """Return the cells of these names."""
    wanted = set(names)
    return [cell for cell in figures.cells if cell.name in wanted]
