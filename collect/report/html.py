"""The report of a run: one HTML file that needs no network, made from the sealed entry and its labels alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jinja2
from bokeh.embed import json_item
from bokeh.resources import Resources

from collect.archive.citation import Citation, citation
from collect.archive.labels import check, labels
from collect.archive.looked import blocks_of
from collect.archive.query import open_run
from collect.archive.store import Archive
from collect.archive.validity import INVALID
from collect.errors import BenchError
from collect.findings.page import findings
from collect.paths import DATA_DIR
from collect.plan import plan_names
from collect.report import words
from collect.report.bars import bar_chart
from collect.report.ceilings import ceilings
from collect.report.chart import TEXT, Chart
from collect.report.charts import latency_chart, lean, numbered, rate_chart, socket_chart
from collect.report.comparison import headline, held, lead
from collect.report.extras import Extra, extras
from collect.report.figures import CellFigures, Row, RunFigures, groups, kind, run_figures
from collect.report.missing import missing
from collect.report.notices import foremost, gathered, notices, probes
from collect.report.series import latency_curve, rates, sockets
from collect.report.setup import setup
from collect.report.table import WAYS, article_table
from collect.report.thin import MOST_ROWS, SAID
from collect.report.trial_series import recorded
from collect.report.variants import rankings, renewals
from collect.report.verdicts import KIND, MEANING
from collect.report.viewer import MOST_BYTES, Viewer, script_json, viewer

UNITS = ("app", "redis", "relay", "database", "generator")
UNIT = re.compile(r"(\d) (%|s|ms|MB)(?!\w)")
"""A figure and its unit, which no line may come between."""
SPARE_BYTES = 20_000
"""Room for what says which trials were left out."""
NAMED_GROUPS = 8
"""Up to so many groups of cells the contents name one by one."""


def render(archive: Archive, run_id: str, figures: RunFigures | None = None, most_bytes: int = MOST_BYTES) -> str:
    """Return the page of a sealed run, from its figures if they are made; BenchError when it cannot be read."""
    figures = figures or run_figures(archive, run_id)
    by_cell = {cell.name: figures.trials_of(cell) for cell in figures.cells}
    with open_run(archive, run_id) as database:
        found = recorded(database, figures.rows)
        curves = {cell.name: curve for cell in figures.cells if (curve := latency_curve(database, by_cell[cell.name]))}
    lines, waiting = rates(found), sockets(found)
    sections = []
    for number, (title, cells) in enumerate(groups(figures.cells), start=1):
        pairs = [(cell, by_cell[cell.name]) for cell in cells]
        charts = (
            rate_chart("Requests per second", pairs, lines),
            latency_chart("Latency", cells, curves),
            socket_chart("Sockets of the client in TIME_WAIT", pairs, waiting, _ports(pairs, figures)),
        )
        shown = [chart for chart in charts if chart.plot.renderers]
        sections.append({"id": f"group-{number}", "title": title, "charts": shown, "cells": cells})
    bars = [bar_chart(figures, workload) for workload in dict.fromkeys(cell.workload for cell in figures.cells)]
    own = extras(figures)
    template = _environment().get_template("report.html.j2")
    drawn = _embed([*bars, *(chart for extra in own for chart in extra.charts), *_charts(sections)])
    said: dict[str, Sequence[Any]] = {
        "setup": setup(figures),
        "ceilings": ceilings(figures),
        "probes": probes(figures),
        "lacks": missing(figures),
        "notices": notices(figures),
    }

    def page(trials: Viewer) -> str:
        return template.render(
            figures=figures,
            manifest=figures.manifest,
            blocks=blocks_of(figures.manifest),
            words=words,
            headline=UNIT.sub("\\1\u00a0\\2", headline(figures)),
            lead=lead(figures),
            labels=labels(archive, run_id),
            label_problems=check(archive, run_id),
            cited=_cited(archive, figures),
            findings=findings(figures, own),
            versus=article_table(figures),
            ways=WAYS,
            rankings=rankings(figures),
            renewals=renewals(figures),
            extras=own,
            **said,
            contents=list(_contents(own, said, sections, trials)),
            gathered=gathered,
            foremost=foremost([trial for trial in figures.manifest["trials"] if trial["validity"] == INVALID]),
            kind=kind,
            kinds=KIND,
            meanings=MEANING,
            plans=plan_names(),
            units=[unit for unit in UNITS if any(cell.means.get(f"{unit}_cpu_cores") for cell in figures.cells)],
            held=held,
            bars=bars,
            groups=sections,
            viewer=trials,
            most_rows=MOST_ROWS,
            shortened=SAID,
            hosts=_hosts(figures.manifest["hosts"]),
            drawn=drawn,
            ink=TEXT,
            bokeh=Resources(mode="inline", components=["bokeh"]).render_js(),
        )

    # A page that would be too large goes without the seconds of some trials, and says of which.
    trials = viewer(found, figures, most_bytes)
    text = page(trials)
    over = len(text.encode()) - most_bytes
    return page(viewer(found, figures, max(0, trials.bytes - over - SPARE_BYTES))) if over > 0 else text


def _cited(archive: Archive, figures: RunFigures) -> Citation | None:
    """Return how to cite the run; None where it cannot be told."""
    try:
        return citation(archive, figures.run_id, figures.manifest)
    except BenchError:
        return None


def _contents(
    own: Sequence[Extra], said: Mapping[str, Sequence[Any]], sections: Sequence[Mapping[str, Any]], trials: Viewer
) -> Iterator[tuple[str, str]]:
    """Yield the anchors of the page below its head, each with its name."""
    for extra in own:
        if not extra.leads:
            yield extra.name, extra.title
    yield "figures", "Figures"
    named = {
        "setup": "Against the article's setup", "ceilings": "Ceilings", "probes": "Tests of verdicts",
        "lacks": "What is missing", "notices": "Warnings",
    }  # fmt: skip
    anchors = {"lacks": "missing", "notices": "warnings"}
    for key, title in named.items():
        if said[key]:
            yield anchors.get(key, key), title
    if len(sections) > NAMED_GROUPS:
        yield sections[0]["id"], "Second by second"
    else:
        for section in sections:
            yield section["id"], f"Second by second: {section['title']}"
    if trials.others:
        yield "others", "Ceilings and tests, second by second"
    yield "trials", "Every trial"
    yield "hosts", "Hosts"
    yield "method", "Method"
    yield "again", "Measure it again"
    yield "cite", "How to cite it"


def _ports(pairs: Sequence[tuple[CellFigures, Sequence[Row]]], figures: RunFigures) -> int | None:
    """Return how many ports a client had in these trials, the fewest; of older entries, what its kernel gives."""
    own = (row.get("client_ports") for _, rows in pairs for row in rows)
    return min((ports for ports in own if ports), default=usable_ports(figures))


def usable_ports(figures: RunFigures) -> int | None:
    """Return how many ports a client host has for connections, the fewest of all; None where no fact says."""
    counts = []
    servers = {trial["server"]["name"] for trial in figures.manifest["trials"]}
    for host, facts in figures.manifest["hosts"].items():
        span = str((facts.get("sysctl") or {}).get("net.ipv4.ip_local_port_range", "")).split()
        if len(span) == 2 and host not in servers:
            counts.append(int(span[1]) - int(span[0]) + 1)
    return min(counts, default=None)


def _charts(sections: Sequence[Mapping[str, Any]]) -> Iterator[Chart]:
    for section in sections:
        yield from section["charts"]


def _embed(charts: Sequence[Chart]) -> dict[str, Any]:
    """Return charts as JSON, and each one's place by the chart's identity; the page draws those that are seen."""
    places = {
        id(chart): f'<div class="plot" id="chart-{number}" data-chart="{number}"'
        f' style="min-height: {chart.plot.height}px"></div>'
        for number, chart in enumerate(charts)
    }
    return {"charts": [script_json(numbered(json_item(lean(chart.plot)))) for chart in charts], "places": places}


def _hosts(hosts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hosts' facts as rows: a fact, and its value on each host."""
    flat = {host: dict(_flattened(facts)) for host, facts in hosts.items()}
    names = list(dict.fromkeys(name for facts in flat.values() for name in facts))
    return {"names": list(flat), "rows": [(name, [facts.get(name, "") for facts in flat.values()]) for name in names]}


def _flattened(facts: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(facts, Mapping):
        for key, value in facts.items():
            yield from _flattened(value, f"{prefix}{key} " if isinstance(value, Mapping) else f"{prefix}{key}")
    elif isinstance(facts, list):
        yield prefix, ", ".join(map(str, facts))
    else:
        yield prefix, words.NOTHING if facts is None else str(facts)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(DATA_DIR),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["identity"] = id
    return environment
