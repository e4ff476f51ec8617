"""One run: what came out in short, with its trials, and its whole report."""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from collect.archive.citation import citation
from collect.archive.labels import labels
from collect.serve.kept import kept, report_key
from collect.serve.policy import REPORT_HEADERS
from collect.serve.render import page
from collect.serve.served import Served, served


def run_page(request: Request) -> Response:
    """Return a run's headline, cells and trials, with links to all that is known of them."""
    serving = served(request)
    run_id = serving.run_id(request.path_params["run"])
    from collect.report import words
    from collect.report.comparison import headline, lead
    from collect.report.figures import kind, run_figures

    with serving.drawing(run_id):
        figures = run_figures(serving.archive, run_id)
        return page(
            "run",
            f"Run {run_id}",
            figures=figures,
            manifest=figures.manifest,
            headline=headline(figures),
            lead=lead(figures),
            labels=labels(serving.archive, run_id),
            cited=citation(serving.archive, run_id, figures.manifest),
            kind=kind,
            words=words,
        )


def report_page(request: Request) -> Response:
    """Return the report as `collect report` draws it; drawn once, and again where run, labels or code have changed."""
    serving = served(request)
    run_id = serving.run_id(request.path_params["run"])
    key = report_key(serving.archive, run_id)
    headers = {**REPORT_HEADERS, "ETag": f'"{key}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    with serving.drawing(run_id):
        return HTMLResponse(kept(serving.reports, run_id, key, lambda: _drawn(serving, run_id)), headers=headers)


def _drawn(serving: Served, run_id: str) -> str:
    from collect.report.html import render

    return render(serving.archive, run_id)
