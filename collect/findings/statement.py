"""What a finding is, and what it is before it is known which statements hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from collect.findings.evidence import ALPHA, Hypothesis
from collect.report.extras import Extra
from collect.report.figures import CellFigures, RunFigures, usable
from collect.report.words import counted
from collect.statistics.intervals import Estimate

MOST_LINKS = 4
FOUND, NONE, ALIKE, COUNTED, UNKNOWN = "found", "none", "alike", "counted", "unknown"
"""What a sentence says: a difference; that one cannot be told from none; that two are alike within a margin; what was
measured or counted, without a test; that the data do not tell."""


@dataclass(frozen=True)
class Link:
    """Where on the report's page the trials behind a sentence are."""

    text: str
    anchor: str
    short: str = "figures"
    """The same where there is little room."""


@dataclass(frozen=True)
class Test:
    """A hypothesis that a sentence rests on."""

    name: str
    p: float
    corrected: float
    """After the correction for all tests of the page."""


@dataclass(frozen=True)
class Finding:
    """One sentence and what it rests on."""

    text: str
    says: str
    """One of ``found``, ``none``, ``alike``, ``counted``, ``unknown``."""
    figure: float | None
    unit: str
    """Of the figure and its interval: times, requests/s, statements."""
    low: float | None
    high: float | None
    """The 95 % interval of this figure by itself; None where there is none."""
    n: int
    of: str
    """What ``n`` counts: blocks, trials, cells, or sentences of this page."""
    links: tuple[Link, ...]
    trials: tuple[str, ...] = ()
    """Ids of the trials that it is made from."""
    tests: tuple[Test, ...] = ()


Holds = Mapping[str, bool]
"""By a test's name, whether it holds after the correction."""


@dataclass(frozen=True)
class Statement:
    """A sentence that waits for the correction."""

    say: Callable[[Holds], Finding]
    tests: Mapping[str, Hypothesis] = field(default_factory=dict)
    """The hypotheses that ``say`` asks for."""
    lead: bool = False
    """Whether it is told first, with the summaries."""
    about: Any = None
    """What the kind's summary wants to know of it."""

    def said(self, tests: Sequence[Test]) -> Finding:
        """Return the sentence, by what became of its tests."""
        return replace(self.say({test.name: test.corrected < ALPHA for test in tests}), tests=tuple(tests))


def tested(**hypotheses: Hypothesis | None) -> dict[str, Hypothesis]:
    """Return the hypotheses that blocks enough can tell of."""
    return {name: hypothesis for name, hypothesis in hypotheses.items() if hypothesis}


def by_test(holds: Holds, few: str, found: str, none: str, name: str = "differ") -> tuple[str, str]:
    """Return which of three sentences is true of a difference, and what it says.

    ``few``: there were too few blocks to test it. ``found``: the test of this name holds. ``none``: it does not.
    """
    if not holds:
        return few, UNKNOWN
    return (found, FOUND) if holds[name] else (none, NONE)


Said = Sequence[tuple[Statement, Finding]]


@dataclass(frozen=True)
class Kind:
    """A kind of sentence."""

    name: str
    title: str
    statements: Callable[[RunFigures, Sequence[Extra]], Sequence[Statement]]
    summary: Callable[[RunFigures, Said], Finding | None] | None = None
    """What all sentences of the kind say together, once they are said."""
    summary_leads: bool = True


def finding(
    figures: RunFigures,
    text: str,
    says: str,
    estimate: Estimate | None,
    *cells: CellFigures,
    unit: str = "times",
) -> Finding:
    """Return a sentence about a figure over blocks, with links to the trials of the cells that it is made from."""
    low, high = (estimate.low, estimate.high) if estimate else (None, None)
    value, blocks = (estimate.value, estimate.blocks) if estimate else (None, 0)
    unique = list({cell.name: cell for cell in cells}.values())
    trials = [row["trial_id"] for cell in unique for row in usable(figures.trials_of(cell))]
    return Finding(text, says, value, unit, low, high, blocks, "blocks", links_of(unique), tuple(trials))


def links_of(cells: Sequence[CellFigures]) -> tuple[Link, ...]:
    """Return a link to the trials of each cell; of many cells one to all trials."""
    if len(cells) > MOST_LINKS:
        trials = counted(sum(cell.trials for cell in cells), "trial")
        return (Link(f"{trials} of {len(cells)} cells", "trials", trials),)
    return tuple(
        Link(f"{trials} of {what}", f"trials-{cell.name}", trials)
        for cell in cells
        for what in (f"{cell.variant}, {cell.workload}, {cell.profile}",)
        for trials in (counted(cell.trials, "trial"),)
    )
