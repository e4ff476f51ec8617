"""What a run lacks, what of it does not count, and why: gathered from all places that say so."""

from __future__ import annotations

from collections.abc import Iterator

from collect.archive.validity import DEGRADED, INVALID
from collect.report.ceilings import ceilings
from collect.report.figures import RunFigures
from collect.report.notices import Notice, gathered
from collect.report.words import listed


def missing(figures: RunFigures) -> list[Notice]:
    """Return it, what weighs most first; nothing for a run that lacks nothing."""
    return [
        *(Notice("the run", reason) for reason in figures.manifest.get("reasons") or ()),
        *_not_counting(figures, INVALID),
        *gathered(_not_counting(figures, DEGRADED)),
        *(Notice(item.name, f"not measured: {item.missing}") for item in ceilings(figures) if item.missing),
        *gathered(list(_evidence(figures))),
        *_failed(figures),
    ]


def _not_counting(figures: RunFigures, validity: str) -> list[Notice]:
    return [
        Notice(f"{validity}: trial {row['ordinal']}", reason)
        for row in figures.rows
        if row["validity"] == validity
        for reason in row["reasons"] or ()
    ]


def _evidence(figures: RunFigures) -> Iterator[Notice]:
    """Yield what a verdict might have been changed by, had it been there."""
    for row in figures.rows:
        for text in row.get("evidence_missing") or ():
            yield Notice(f"evidence: trial {row['ordinal']}", text)


def _failed(figures: RunFigures) -> Iterator[Notice]:
    failed = [str(name) for name in figures.manifest.get("failed_attempts") or ()]
    if failed:
        yield Notice("failed attempts", f"kept in the archive under failed/: {listed(failed)}")
