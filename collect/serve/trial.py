"""One trial: its figures, what limited it, and its seconds on both machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from collect.serve.render import page
from collect.serve.served import served


def trial_page(request: Request) -> Response:
    """Return the page of a trial, which the address names by its place in the run or its id."""
    serving = served(request)
    run_id = serving.run_id(request.path_params["run"])
    from collect.archive.columns import columns
    from collect.archive.query import open_run
    from collect.report import words
    from collect.report.thin import SAID
    from collect.report.trial import limits
    from collect.report.trial_charts import trial_charts
    from collect.report.trial_series import recorded
    from collect.report.viewer import script_json
    from collect.serve.seconds import seconds_table

    with serving.drawing(run_id):
        manifest = serving.archive.manifest(run_id)
        with open_run(serving.archive, run_id) as database:
            rows = database.rows("SELECT * FROM trials ORDER BY ordinal")
            row = _named(rows, request.path_params["trial"], run_id)
            found = recorded(database, [row])
        trial_id, charted = str(row["trial_id"]), trial_charts(found)
        entry: dict[str, Any] = next((each for each in manifest["trials"] if each["trial_id"] == trial_id), {})
        return page(
            "trial",
            f"Trial {row['ordinal']} of {len(rows)}",
            run_id=run_id,
            row=row,
            rows=rows,
            limits=limits(row, entry),
            described=columns()["trials"],
            words=words,
            seconds=seconds_table(found, trial_id),
            thinned=SAID if found.trials[trial_id].thinned else None,
            panels=charted.panels,
            shape=script_json(charted.to_json()),
            charts=(),
            series=script_json(found.trials[trial_id].to_json()),
        )


def _named(rows: Sequence[Mapping[str, Any]], trial: str, run_id: str) -> Mapping[str, Any]:
    """Return the row of a trial; HTTPException (404) for one that the run has not."""
    for row in rows:
        if trial in (row["trial_id"], str(row["ordinal"])):
            return row
    raise HTTPException(HTTPStatus.NOT_FOUND, f"there is no such trial ({run_id}): it has 1 to {len(rows)}")
