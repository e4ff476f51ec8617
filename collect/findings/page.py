"""All sentences of a run: made kind by kind, each told as far as it holds among all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from collect.findings import (
    article,
    composition,
    cost,
    hypotheses,
    limits,
    looks,
    pythons,
    ratios,
    repeats,
    servers,
    sizes,
    whose,
    wins,
)  # fmt: skip
from collect.findings.evidence import ALPHA, p_values
from collect.findings.statement import Finding, Kind, Statement, Test
from collect.report.extras import Extra
from collect.report.figures import RunFigures
from collect.report.words import counted
from collect.statistics.multiplicity import holm

KINDS: Sequence[Kind] = (
    composition.KIND,
    wins.KIND,
    hypotheses.KIND,
    looks.KIND,
    repeats.KIND,
    whose.KIND,
    ratios.KIND,
    article.KIND,
    limits.KIND,
    cost.KIND,
    servers.KIND,
    pythons.KIND,
    sizes.KIND,
    ratios.TOOLS,
)


@dataclass(frozen=True)
class Group:
    """The sentences of a kind."""

    name: str
    title: str
    lead: Sequence[Finding]
    """What they say together, and those to be told first."""
    single: Sequence[Finding]


@dataclass(frozen=True)
class Findings:
    """What a run shows."""

    groups: Sequence[Group]
    tested: int
    """How many hypotheses were looked at."""
    held: int
    """How many of them hold after the correction."""

    @property
    def count(self) -> int:
        """How many sentences there are."""
        return sum(len(group.lead) + len(group.single) for group in self.groups)

    @property
    def rule(self) -> str:
        """How the sentences were tested, in plain words."""
        if not self.tested:
            return "Nothing was tested: there are too few blocks, or nothing to compare."
        was = "was" if self.tested == 1 else "were"
        return (
            f"{counted(self.tested, 'statement')} {was} tested by the blocks and {self.held} can be told. A"
            f" difference is told only where its p value stays below {ALPHA:g} after Holm's correction for all"
            f" {self.tested}, so that a run without any difference has even one such sentence in {ALPHA:.0%} of cases"
            " at most. Intervals are 95 % intervals of one figure by itself. What limited a cell and what is counted is"
            " not tested."
        )


def findings(figures: RunFigures, sections: Sequence[Extra]) -> Findings:
    """Return the sentences of a run; ``sections`` are those of its report, whose data some sentences are made from."""
    made: list[tuple[Kind, list[Statement]]] = [(kind, list(kind.statements(figures, sections))) for kind in KINDS]
    p = p_values([test for _, statements in made for each in statements for test in each.tests.values()])
    corrected = holm(p)
    left = iter(zip(p, corrected, strict=True))
    groups = []
    for kind, statements in made:
        said = [(each, each.said([Test(name, *next(left)) for name in each.tests])) for each in statements]
        together = kind.summary(figures, said) if kind.summary else None
        lead = [finding for statement, finding in said if statement.lead]
        single = [finding for statement, finding in said if not statement.lead]
        if together:
            (lead if kind.summary_leads else single).insert(0, together)
        if lead or single:
            groups.append(Group(kind.name, kind.title, lead, single))
    return Findings(groups, len(p), sum(each < ALPHA for each in corrected))


def findings_data(found: Findings) -> dict[str, Any]:
    """Return the sentences as plain data, for ``--json``."""
    return {
        "tested": found.tested,
        "held": found.held,
        "rule": found.rule,
        "sentences": [
            {"kind": group.name, "lead": lead, **_data(each)}
            for group in found.groups
            for lead, sentences in ((True, group.lead), (False, group.single))
            for each in sentences
        ],
    }


def _data(each: Finding) -> Mapping[str, Any]:
    return {**asdict(each), "links": [link.anchor for link in each.links]}
