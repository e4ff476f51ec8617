"""Words that the sentences share."""

from __future__ import annotations

from collections import Counter

from collect.findings.statement import ALIKE, FOUND, NONE, Finding, Said
from collect.report import words
from collect.report.comparison import held
from collect.report.figures import CellFigures, RatioFigures
from collect.report.table import USERS, WAYS
from collect.report.verdicts import PLAIN
from collect.report.words import counted, interval, on_workload
from collect.statistics.intervals import Estimate

FEW = "from so few blocks nothing is claimed"
BY_ITSELF = "its own interval leaves that out, but it is one of many statements"
"""Of a figure whose interval excludes what it is held against, where the correction takes the claim back."""


def way(profile: str, generator: str) -> str:
    """Return how something was measured, to go after a comma."""
    known = WAYS.get(profile)
    return known[0].lower() + known[1:] if known else f"with {generator} and profile {profile}"


def where(cell: CellFigures) -> str:
    """Return on what and how a cell was measured, to begin a sentence with: "On Redis I/O, measured …"."""
    users = "" if cell.users == USERS else f" and {counted(cell.users, 'user')}"
    return capital(f"{on_workload(cell.workload)}, {way(cell.profile, cell.generator)}{users}")


def capital(text: str) -> str:
    """Return a sentence with its first letter as sentences have it."""
    return text[:1].upper() + text[1:]


def sure(estimate: Estimate, digits: int = 2) -> str:
    """Return how sure a figure is, in brackets: its interval and the number of blocks."""
    return f"({interval(estimate, digits)}, {counted(estimate.blocks, 'block')})"


def times(estimate: Estimate) -> str:
    """Return a ratio with how sure it is: "1.32 times"."""
    digits = 2 if estimate.value >= 0.1 else 3
    ends = [end for end in (estimate.low, estimate.high) if end is not None]
    if any(end != 1 and f"{end:.{digits}f}" == f"{1:.{digits}f}" for end in ends):
        # An end that is rounded to 1 would not say on which side of it the interval lies.
        digits += 1
    return f"{estimate.value:.{digits}f} times {sure(estimate, digits)}"


def rate(estimate: Estimate) -> str:
    """Return a rate with how sure it is: "1,031 requests a second"."""
    digits = 0 if estimate.value >= 100 else 1
    return f"{estimate.value:,.{digits}f} requests a second {sure(estimate, digits)}"


def doubt(estimate: Estimate, against: float = 1.0) -> str:
    """Return what to add to "cannot be told" where the figure's own interval would tell it; "" elsewhere."""
    if estimate.low is None or estimate.high is None or estimate.low <= against <= estimate.high:
        return ""
    return f" ({BY_ITSELF})"


def whose_limits(ratio: RatioFigures) -> str:
    """Return what limited both sides of a ratio, or why it is none of the servers."""
    if not ratio.comparable:
        return f"this is no ratio of the servers: {held(ratio)}"
    top, bottom = (PLAIN[cell.verdict.word or ""] for cell in (ratio.top, ratio.bottom))
    return f"{top} limited both" if top == bottom else f"{top} limited the former, {bottom} the latter"


def disputed(estimate: Estimate) -> str:
    """Return what to add to a ratio where the checks of its interval do not agree with it; "" where they do."""
    dispute = words.doubt(estimate)
    return f"; {dispute}" if dispute else ""


def tally(said: Said) -> str:
    """Return how many sentences say what: "in 3 more, in 1 a difference cannot be told from none"."""
    counts = Counter(direction(finding) for _, finding in said)
    names = {
        "up": "more", "down": "fewer", ALIKE: "about as many", NONE: "a difference cannot be told from none",
        "untold": "the data do not tell",
    }  # fmt: skip
    return ", ".join(f"in {counts[key]} {text}" for key, text in names.items() if counts[key] or key in ("up", "down"))


def direction(finding: Finding) -> str:
    """Return where a found ratio points, up or down; else what the sentence says, untold for what is not known."""
    if finding.says == FOUND and finding.figure is not None:
        return "up" if finding.figure > 1 else "down"
    return finding.says if finding.says in (ALIKE, NONE) else "untold"
