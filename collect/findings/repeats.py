"""Whether the run is the same as the one that it repeats, and under which conditions."""

from __future__ import annotations

from collections.abc import Sequence

from collect.findings.given import section
from collect.findings.statement import COUNTED, Finding, Kind, Link, Statement
from collect.report.extras import Extra
from collect.report.figures import RunFigures
from collect.report.repeats import NAME


def _statements(_: RunFigures, sections: Sequence[Extra]) -> list[Statement]:
    extra = section(sections, NAME)
    if extra is None:
        return []
    said = Finding(
        " ".join(extra.data["said"]), COUNTED, float(extra.data["differing"]), "cells", None, None,
        len(extra.data["cells"]), "cells", (Link(f"the section on it: {extra.title}", extra.name),),
    )  # fmt: skip
    return [Statement(lambda _: said, lead=True)]


KIND = Kind("repeats", "Against the run before", _statements)
