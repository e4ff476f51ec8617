"""Pages from their templates (collect/data/serve_*.html.j2); whatever the archive says is text in them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import jinja2
from starlette.responses import HTMLResponse

from collect.paths import DATA_DIR
from collect.serve.static import version

if TYPE_CHECKING:
    from collect.report.chart import Chart


@dataclass(frozen=True)
class Drawn:
    """Charts of a page, each with its data as JSON, and the colour in it that stands for the page's soft text."""

    charts: Sequence[Chart]
    data: Sequence[str]
    ink: str


def drawn(charts: Sequence[Chart]) -> Drawn:
    """Return the charts as the report's script draws them."""
    from bokeh.embed import json_item

    from collect.report.chart import TEXT
    from collect.report.viewer import script_json

    return Drawn(charts, [script_json(json_item(chart.plot)) for chart in charts], TEXT)


def page(
    template: str, title: str, *, status: int = 200, charts: Sequence[Chart] | None = None, **shown: Any
) -> HTMLResponse:
    """Return the page that ``serve_<template>.html.j2`` makes of what is to be shown.

    With ``charts``, and were they none, it has what draws them; the template may have charts of a trial to draw, too.
    """
    text = (
        _environment()
        .get_template(f"serve_{template}.html.j2")
        .render(title=title, drawn=None if charts is None else drawn(charts), **shown)
    )
    return HTMLResponse(text, status)


def address(path: str, parameters: Mapping[str, Any]) -> str:
    """Return an address with those of the parameters that have a value."""
    given = {name: value for name, value in parameters.items() if value not in (None, "", ())}
    return path + (f"?{urlencode(given, doseq=True)}" if given else "")


def dated(moment: str) -> str:
    """Return a moment of ISO 8601 as people read it, to the minute."""
    return moment[:16].replace("T", " ")


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(DATA_DIR),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["dated"] = dated
    environment.globals.update(address=address, version=version())
    return environment
