"""The application: which page answers which address, and what is said when something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from collect.archive.index import Index
from collect.archive.store import Archive
from collect.errors import BenchError
from collect.paths import index_dir
from collect.serve.comparison import comparison_page
from collect.serve.guard import Guard
from collect.serve.listing import listing_page
from collect.serve.live import live_events, live_page
from collect.serve.policy import HEADERS
from collect.serve.render import page
from collect.serve.run import report_page, run_page
from collect.serve.served import Served
from collect.serve.static import static
from collect.serve.trend import trend_page
from collect.serve.trial import trial_page

LOOPBACK = "127.0.0.1"
STREAM_S = 3600.0


def create_app(
    archive: Archive,
    token: str | None = None,
    *,
    host: str = LOOPBACK,
    closing: Callable[[], bool] = lambda: False,
    stream_s: float = STREAM_S,
) -> Starlette:
    """Return the application that serves an archive.

    ``token`` is what a visitor must bring (None: nothing), ``host`` what the server listens on, by which it knows the
    names that it may be called. ``closing`` says whether the server is about to end; a stream of a run under way ends
    then, and after ``stream_s`` seconds.
    """
    app = Starlette(
        routes=[
            Route("/", listing_page, name="archive"),
            Route("/run/{run}", run_page, name="run"),
            Route("/run/{run}/report", report_page, name="report"),
            Route("/run/{run}/trial/{trial}", trial_page, name="trial"),
            Route("/compare", comparison_page, name="compare"),
            Route("/trend", trend_page, name="trend"),
            Route("/live", live_page, name="live"),
            Route("/live/events", live_events, name="events"),
            Route("/static/{name}", static, name="static"),
        ],
        middleware=[Middleware(Guard, host=host, token=token)],
        exception_handlers={BenchError: _told, HTTPException: _refused, Exception: _broken},
    )
    reports = index_dir(archive.path) / "reports"
    app.state.served = Served(archive, Index(archive), reports, closing, stream_s)
    return app


TITLES = {
    HTTPStatus.BAD_REQUEST: "That cannot be asked",
    HTTPStatus.NOT_FOUND: "There is no such page",
    HTTPStatus.UNPROCESSABLE_ENTITY: "That cannot be shown",
    HTTPStatus.INTERNAL_SERVER_ERROR: "This page cannot be made",
    HTTPStatus.SERVICE_UNAVAILABLE: "Too much at once",
}
"""What a page is called on which nothing can be shown."""


def _told(_: Request, error: Exception) -> Response:
    """Say what the archive cannot answer, and what to do about it."""
    assert isinstance(error, BenchError)
    return _error(HTTPStatus.UNPROCESSABLE_ENTITY, f"{error.what} ({error.where})", error.remedy)


def _refused(_: Request, error: Exception) -> Response:
    """Say that an address leads nowhere, or is wrong."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    return _error(status, "nothing is at this address" if error.detail == HTTPStatus.NOT_FOUND.phrase else error.detail)


def _broken(*_: object) -> Response:
    """Say that it is our fault; what it was is in the terminal. No other part of the server sees this answer."""
    response = _error(HTTPStatus.INTERNAL_SERVER_ERROR, "this page cannot be made; the terminal of the server says why")
    response.headers.update(HEADERS)
    return response


def _error(status: HTTPStatus, text: str, remedy: str | None = None) -> Response:
    return page("error", TITLES.get(status, status.phrase), status=status, text=text, remedy=remedy)
