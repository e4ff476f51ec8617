"""One cell over all runs that measured it alike, or all cells to choose from."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from collect.serve.asked import asked, asked_names, asked_one_of
from collect.serve.render import page
from collect.serve.served import served

if TYPE_CHECKING:
    from collect.compare.trend import Trend


def trend_page(request: Request) -> Response:
    """Return the trend of the cell that the address names, else the cells that have it in their name, or all."""
    serving = served(request)
    from collect.compare.metadata import check_names, table
    from collect.compare.series import OUTCOMES

    cell, despite = asked(request, "cell"), asked_names(request, "despite")
    by = asked_one_of(request, "by", OUTCOMES, "rps")
    known = Counter(name for entry in serving.entries() for name in entry.cells)
    like = {name: count for name, count in known.items() if cell.lower() in name.lower()}
    shown: dict[str, Any] = {
        "cell": cell, "by": by, "despite": despite, "outcomes": OUTCOMES, "may_differ": list(table()),
        "offered": sorted(known), "like": sorted(like.items()), "every": len(known),
    }  # fmt: skip
    allowed = check_names(despite)
    if not cell or (like and cell not in known):
        return page("trend", "Trends", found=None, notes=(), turns={}, refused=(), **shown)
    from collect.compare.trend import trend
    from collect.compare.words import trend_notes
    from collect.serve.charts import trend_chart

    with serving.drawing(cell):
        found, refused = trend(serving.archive, cell, OUTCOMES[by], allowed, index=serving.index)
    shown |= {"found": found, "notes": trend_notes(found), "turns": _turns(found), "refused": refused}
    return page("trend", f"Trend of {cell}", charts=[trend_chart(found)] if found.points else None, **shown)


def _turns(found: Trend) -> dict[str, str]:
    """Return what changed, by the first run after it."""
    return {
        turn.run_id: f"{turn.verdict}: {turn.ratio:.3f} ({turn.low:.3f} to {turn.high:.3f})" for turn in found.turns
    }
