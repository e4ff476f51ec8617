"""How well the ratios are known that a run was measured for, and why it ended."""

from __future__ import annotations

from collections.abc import Sequence

from collect.findings.given import section
from collect.findings.statement import COUNTED, Finding, Kind, Link, Statement
from collect.report.extras import Extra
from collect.report.figures import RunFigures
from collect.report.precision import NAME


def _statements(_: RunFigures, sections: Sequence[Extra]) -> list[Statement]:
    extra = section(sections, NAME)
    if extra is None:
        return []
    block = (extra.data["stopped"] or {}).get("block", 0)
    enough = sum(each["enough"] for each in extra.data["ratios"])
    said = Finding(
        extra.lines[0], COUNTED, float(enough), "ratios", None, None, block, "blocks",
        (Link(f"the section on it: {extra.title}", extra.name),),
    )  # fmt: skip
    return [Statement(lambda _: said, lead=True)]


KIND = Kind("precision", "Measured until it is known", _statements)
