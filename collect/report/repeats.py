"""The run against the one that it repeats: what `collect compare` says of the two, and what changed meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from collect.compare.again import Again, again_data, compare_again
from collect.compare.words import comparison_notes, limits, ratio
from collect.errors import BenchError
from collect.report.extras import Extra
from collect.report.figures import RunFigures
from collect.report.words import number
from collect.rerun.repeats import KEY, ODD, Repeats, repeats_of

NAME = KEY


@dataclass(frozen=True)
class Row:
    """A cell in both runs, as the page has it."""

    cell: str
    blocks: str
    first: str
    second: str
    ratio: str
    cpu: str
    limited_by: str
    verdict: str
    why: str


def repeats(figures: RunFigures) -> Extra | None:
    """Return the section of a run that repeats another; None for one that repeats none."""
    of = repeats_of(figures.manifest)
    if of is None or figures.archive is None:
        return None
    what = "which it repeats" if of.asked else "the run of this plan and these hosts before it"
    title = f"Against {of.run_id}, {what}"
    try:
        again = compare_again(figures.archive, figures.run_id)
    except (BenchError, *ODD) as error:
        why = error.what if isinstance(error, BenchError) else f"one of the two runs cannot be read ({of.run_id})"
        return _extra(of, title, [f"Not compared: {why}."], {**of.to_json(), "why": why})
    rows = list(_rows(again))
    said = list(again.lines)
    content = {"told": said, "changed": [each.in_words() for each in again.changed], "rows": rows}
    lines = [*said, *map(_line, rows)]
    return _extra(of, title, lines, again_data(again), **content, notes=comparison_notes(again.found))


def _extra(of: Repeats, title: str, lines: Sequence[str], data: dict[str, Any], **content: Any) -> Extra:
    shown: dict[str, Any] = {"told": lines, "changed": (), "rows": (), "notes": (), **content}
    return Extra(
        NAME, title, "report_repeats.html.j2", content=shown, data=data, lines=lines, leads=of.asked, ends=True
    )


def _rows(again: Again) -> Iterator[Row]:
    for cell in again.found.cells:
        rps = cell.figures["rps"]
        yield Row(
            cell.cell,
            "{}, {}".format(*rps.blocks),
            number(rps.first, 1),
            number(rps.second, 1),
            ratio(rps),
            ratio(cell.figures["cpu"]),
            limits(cell.limited_by),
            cell.verdict,
            cell.why or "",
        )
    for name, found in again.found.refused.items():
        yield Row(name, "", "", "", "", "", "", "refused", "; ".join(each.in_words() for each in found))


def _line(row: Row) -> str:
    if not row.ratio:
        return f"  {row.cell}: {row.verdict}: {row.why}"
    why = f" ({row.why})" if row.why else ""
    return f"  {row.cell}: {row.first} then, {row.second} req/s now, ratio {row.ratio}: {row.verdict}{why}"
