"""What a reader is warned of, and what interventions made of the verdicts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collect.plan import PROBE
from collect.report.figures import CellFigures, RatioFigures, Row, RunFigures, kind, usable
from collect.report.sockets import flattened, trial_sockets
from collect.report.words import doubt, ratio_name
from collect.verdicts.cells import CONFIRMED, REFUTED, UNCLEAR, UNTESTED, word_of


@dataclass(frozen=True)
class Notice:
    """A warning: of which trials or ratio, and what."""

    about: str
    text: str


def gathered(found: Sequence[Notice]) -> list[Notice]:
    """Return warnings that differ in their figures alone as one, which says how many there are."""
    return [
        notices[0] if len(notices) == 1 else Notice(f"{notices[0].about} and {len(notices) - 1} more", notices[0].text)
        for notices in _alike(found)
    ]


def foremost(invalid: Sequence[Mapping[str, Any]]) -> tuple[str, int]:
    """Return the reason for which most of some trials of a manifest do not count, and for how many it is the one."""
    found = _alike([Notice(trial["trial_id"], reason) for trial in invalid for reason in trial["reasons"]])
    most = max(found, key=len, default=[])
    return (most[0].text, len(most)) if most else ("", 0)


def _alike(found: Sequence[Notice]) -> list[list[Notice]]:
    """Return warnings together that differ in their figures alone."""
    alike: dict[str, list[Notice]] = {}
    for notice in found:
        alike.setdefault(re.sub(r"\d[\d.,]*", "#", notice.text), []).append(notice)
    return list(alike.values())


@dataclass(frozen=True)
class ProbeFigures:
    """One intervention on a cell: what was changed, what was expected, what came of it."""

    cell: str
    word: str
    """The cell's verdict, which is put to the test."""
    named: bool
    """Whether the change is of what the verdict names; else it must change nothing."""
    intervention: str
    expect: str
    ratio: float | None
    low: float | None
    high: float | None
    outcome: str
    text: str
    limits: tuple[str, str]
    """What limited the cell without the intervention and with it."""


def probes(figures: RunFigures) -> list[ProbeFigures]:
    """Return all interventions of a run, those that refute a verdict first."""
    order = (REFUTED, UNCLEAR, CONFIRMED)
    found = [_probe(figures, probe) for probe in figures.manifest.get("probes") or ()]
    return sorted(found, key=lambda probe: order.index(probe.outcome) if probe.outcome in order else len(order))


def notices(figures: RunFigures) -> list[Notice]:
    """Return the warnings of all trials, then where a ratio's checks disagree, or its two sides' sockets differ."""
    by_text: dict[str, list[int]] = {}
    for row in figures.rows:
        for text in row.get("warnings") or ():
            by_text.setdefault(text, []).append(row["ordinal"])
    found = [
        Notice(f"trial{'s' * (len(trials) > 1)} {', '.join(map(str, trials))}", text)
        for text, trials in by_text.items()
    ]
    ratios = (*figures.ratios, *figures.tools, *figures.pythons)
    doubts = [Notice(ratio_name(ratio), text) for ratio in ratios if ratio.comparable and (text := doubt(ratio.ratio))]
    return found + doubts + [notice for ratio in figures.ratios for notice in _parity(figures, ratio)]


def sockets_of(figures: RunFigures, cell: CellFigures) -> Mapping[str, Any] | None:
    """Return the options that accepted sockets really had, from the first trial of a cell that knows."""
    entries = {entry["trial_id"]: entry for entry in figures.manifest["trials"]}
    for row in usable(figures.trials_of(cell)):
        entry = entries.get(row["trial_id"], {})
        sockets = trial_sockets(entry)
        if sockets and "missing" not in sockets:
            return sockets
    return None


def _parity(figures: RunFigures, ratio: RatioFigures) -> Iterator[Notice]:
    top, bottom = (sockets_of(figures, cell) for cell in (ratio.top, ratio.bottom))
    if top is None or bottom is None:
        return
    one, other = flattened(top), flattened(bottom)
    differing = [
        name for name in one if name in other and one[name] != other[name] and None not in (one[name], other[name])
    ]
    if differing:
        parts = [f"{name} {_value(one[name])} against {_value(other[name])}" for name in differing]
        yield Notice(ratio_name(ratio), f"the two sides' sockets differ: {'; '.join(parts)}")


def _value(value: Any) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _probe(figures: RunFigures, probe: Mapping[str, Any]) -> ProbeFigures:
    rows = [row for row in figures.rows if kind(row) == PROBE and row.get("probe_of") == probe["cell"]]
    return ProbeFigures(
        cell=probe["cell"],
        word=probe["word"],
        named=bool(probe.get("named")),
        intervention=str(probe.get("intervention") or ""),
        expect=str(probe.get("expect") or ""),
        ratio=probe.get("ratio"),
        low=probe.get("low"),
        high=probe.get("high"),
        outcome=str(probe.get("outcome") or UNTESTED),
        text=str(probe.get("text") or probe.get("untested") or "no outcome is on record"),
        limits=(
            _limited([row for row in rows if not row.get("intervention")] or _named(figures, probe["cell"])),
            _limited([row for row in rows if row.get("intervention") == probe.get("intervention")]),
        ),
    )


def _named(figures: RunFigures, cell: str) -> list[Row]:
    """Return the trials of a cell by its name."""
    return [row for row in figures.rows if row["cell"] == cell and kind(row) != PROBE]


def _limited(rows: list[Row]) -> str:
    judged = [row for row in usable(rows) if row.get("limited_by")]
    return word_of(judged)[0] if judged else "not judged"
