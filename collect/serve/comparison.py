"""Two runs held against each other, cell by cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from collect.errors import BenchError
from collect.serve.asked import asked, asked_each, asked_names, asked_one_of, asked_share
from collect.serve.render import page
from collect.serve.served import Served, served

if TYPE_CHECKING:
    from collect.compare.runs import Comparison

OFFERED = 200
"""Runs whose ids are offered, the newest."""


@dataclass(frozen=True)
class Asked:
    """What is to be compared, and how."""

    ids: Sequence[str]
    """Of the first and the second run; fewer where they are not named."""
    by: str
    margin: float
    despite: Sequence[str]


def comparison_page(request: Request) -> Response:
    """Return the second run against the first; where none are named, what to name them by."""
    serving = served(request)
    from collect.compare.metadata import in_words, table
    from collect.compare.runs import UnlikeError
    from collect.compare.series import OUTCOMES
    from collect.compare.words import comparison_notes, limits, ratio

    wanted = _asked(request, serving)
    found: Comparison | None = None
    problem = "Name two runs." if len(wanted.ids) == 1 else None
    unlike: Sequence[str] = ()
    if len(wanted.ids) == 2:
        try:
            found = _compared(serving, wanted)
        except UnlikeError as error:
            problem, unlike = error.what, error.names
        except BenchError as error:
            # Said above the form, where it can be put right.
            problem = str(error)
    return page(
        "compare",
        "Two runs compared",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
        found=found,
        problem=problem,
        unlike=unlike,
        wanted=wanted,
        offered=[entry.run_id for entry in serving.entries()][: -OFFERED - 1 : -1],
        outcomes=OUTCOMES,
        may_differ=list(table()),
        ratio=ratio,
        limits=limits,
        in_words=in_words,
        notes=comparison_notes(found) if found else (),
        verdicts=_verdicts(found) if found else (),
        charts=_charts(found),
    )


def _asked(request: Request, serving: Served) -> Asked:
    from collect.compare.runs import MARGIN
    from collect.compare.series import OUTCOMES

    named = [asked(request, name) for name in ("first", "second")]
    return Asked(
        [serving.run_id(run) for run in named if run] or _ticked(request, serving),
        asked_one_of(request, "by", OUTCOMES, "rps"),
        asked_share(request, "margin", MARGIN),
        asked_names(request, "despite"),
    )


def _ticked(request: Request, serving: Served) -> list[str]:
    """Return the runs that were ticked in a list, the older one first; HTTPException for more than two."""
    runs = asked_each(request, "run")
    if len(runs) > 2:
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"two runs are compared, and {len(runs)} are named")
    return sorted(serving.run_id(run) for run in runs)


def _compared(serving: Served, wanted: Asked) -> Comparison:
    from collect.compare.metadata import check_names
    from collect.compare.runs import compare_runs
    from collect.compare.series import OUTCOMES

    first, second = wanted.ids
    allowed = check_names(wanted.despite)
    with serving.drawing(f"{first}, {second}"):
        return compare_runs(
            serving.archive, first, second, OUTCOMES[wanted.by], wanted.margin, allowed, index=serving.index
        )


def _verdicts(found: Comparison) -> list[tuple[str, int]]:
    """Return how many cells have which verdict, what is a difference first."""
    counts = Counter(cell.verdict for cell in found.cells)
    last = ("same", "unknown")
    return sorted(counts.items(), key=lambda item: (last.index(item[0]) if item[0] in last else -1, item))


def _charts(found: Comparison | None) -> list[Any] | None:
    from collect.serve.charts import ratio_chart

    chart = ratio_chart(found) if found else None
    return [chart] if chart else None
