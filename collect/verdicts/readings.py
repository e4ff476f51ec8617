"""What each resource says for itself: how full it was, with its evidence. Which goes first is decided elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from collect.verdicts.findings import Evidence
from collect.verdicts.thresholds import Limits
from collect.verdicts.usage import Usage

OWN, OTHER, CEILING, OTHER_CEILING, DETAIL = "own", "other", "ceiling", "other ceiling", "detail"
"""Kinds of missing evidence, from the one that weighs most."""


@dataclass(frozen=True)
class Reading:
    """One resource against its ceiling."""

    word: str
    full: float
    """0: never near its ceiling; 1: used up all the time (thresholds.Limits.fullness)."""
    evidence: tuple[Evidence, ...]
    missing: Mapping[str, str] = field(default_factory=dict)
    """Evidence of its own that was not there: text and kind."""
    host: str | None = None
    """Of which host, where several could be meant: one client of several, or those that share their CPUs."""

    @property
    def share(self) -> float:
        """How much of the window it held the trial back."""
        return min(1.0, self.full)


def evidence(
    resource: str, use: Usage, limits: Limits, *, ceiling: float, unit: str, detail: str = "", shown: str | None = None
) -> Evidence:
    """Return the evidence of a use that is a share of its ceiling: ``ceiling`` is in ``unit``."""
    share = limits.full_share(use.seconds)
    text = shown or f"{resource} at {use.mean:.0%}"
    if share is not None:
        text += f", at {limits.full:.0%} or more in {share:.0%} of the seconds"
    return Evidence(resource, use.mean * ceiling, ceiling, unit, share, f"{text}{detail and f' ({detail})'}")
