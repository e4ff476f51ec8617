"""The few files that pages load: style, scripts, and the library that draws charts. All are on this machine."""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Callable, Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from collect.paths import DATA_DIR
from collect.serve.policy import KEPT_HEADERS

CSS, SCRIPT = "text/css", "text/javascript"
OWN = {
    "report.css": "report_style.css.j2",
    "report.js": "report_script.js.j2",
    "serve.css": "serve.css",
    "live.js": "serve_live.js",
}
"""By the name in the address: the file in collect/data. Those of the report hold nothing to be filled in."""


def _bokeh() -> str:
    from bokeh.resources import Resources

    return "\n".join(Resources(mode="inline", components=["bokeh"]).js_raw)


def _own(file: str) -> Callable[[], str]:
    return lambda: (DATA_DIR / file).read_text(encoding="utf-8")


FILES: Mapping[str, Callable[[], str]] = {**{name: _own(file) for name, file in OWN.items()}, "bokeh.js": _bokeh}
"""By the name in the address, which so never reaches the disk: what gives the content."""


def static(request: Request) -> Response:
    """Return one of the files; HTTPException (404) for anything else."""
    name = request.path_params["name"]
    if name not in FILES:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such file")
    kind = CSS if name.endswith(".css") else SCRIPT
    return Response(_content(name), headers=dict(KEPT_HEADERS), media_type=kind)


@functools.cache
def version() -> str:
    """Return what differs wherever one of the files does; pages put it into the files' addresses."""
    newest = max((DATA_DIR / file).stat().st_mtime_ns for file in OWN.values())
    return f"{importlib.metadata.version('bokeh')}-{newest:x}"


@functools.cache
def _content(name: str) -> str:
    return FILES[name]()
