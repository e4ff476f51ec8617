"""The report of a run: one HTML file that needs no network, made from the sealed entry alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jinja2
from bokeh.embed import json_item
from bokeh.resources import Resources

from collect.archive.looks import blocks_of
from collect.archive.query import open_run
from collect.archive.store import Archive
from collect.findings.page import findings
from collect.paths import DATA_DIR
from collect.report import words
from collect.report.bars import bar_chart
from collect.report.ceilings import ceilings
from collect.report.charts import Chart, latency_chart, load_chart, rate_chart, socket_chart
from collect.report.comparison import headline, held, lead
from collect.report.extras import Extra, extras
from collect.report.figures import CellFigures, Row, RunFigures, groups, kind, run_figures, usable
from collect.report.notices import gathered, notices, probes
from collect.report.series import HostLoad, latency_curve, loads, rates, sockets
from collect.report.setup import setup
from collect.report.table import WAYS, article_table
from collect.report.variants import rankings, renewals
from collect.report.verdicts import KIND

UNITS = ("app", "redis", "relay", "database", "generator")
LOADS_OF_ALL = 48
"""Of so many trials the CPU of each is drawn, of more that of one a cell, so that a page stays quick."""


def render(archive: Archive, run_id: str, figures: RunFigures | None = None) -> str:
    """Return the page of a sealed run, from its figures if they are made; BenchError when it cannot be read."""
    figures = figures or run_figures(archive, run_id)
    by_cell = {cell.name: figures.trials_of(cell) for cell in figures.cells}
    with open_run(archive, run_id) as database:
        lines, waiting, load = rates(database, figures.rows), sockets(database), loads(database)
        curves = {cell.name: curve for cell in figures.cells if (curve := latency_curve(database, by_cell[cell.name]))}
    every = sum(len(rows) for rows in by_cell.values()) <= LOADS_OF_ALL
    sections = []
    for title, cells in groups(figures.cells):
        pairs = [(cell, by_cell[cell.name]) for cell in cells]
        charts = (
            rate_chart("Requests per second", pairs, lines),
            latency_chart("Latency", cells, curves),
            socket_chart("Sockets of the client in TIME_WAIT", pairs, waiting, _ports(pairs, figures)),
        )
        sections.append(
            {
                "title": title,
                "charts": [chart for chart in charts if chart.plot.renderers],
                "loads": [_loads(cell, rows, load, every=every) for cell, rows in pairs],
            }
        )
    bars = [bar_chart(figures, workload) for workload in dict.fromkeys(cell.workload for cell in figures.cells)]
    own = extras(figures)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            figures=figures,
            manifest=figures.manifest,
            blocks=blocks_of(figures.manifest),
            words=words,
            headline=headline(figures),
            lead=lead(figures),
            findings=findings(figures, own),
            versus=article_table(figures),
            ways=WAYS,
            rankings=rankings(figures),
            renewals=renewals(figures),
            extras=own,
            setup=setup(figures),
            ceilings=ceilings(figures),
            probes=probes(figures),
            notices=notices(figures),
            gathered=gathered,
            kind=kind,
            kinds=KIND,
            units=[unit for unit in UNITS if any(cell.means.get(f"{unit}_cpu_cores") for cell in figures.cells)],
            held=held,
            bars=bars,
            groups=sections,
            loads_of_all=every,
            hosts=_hosts(figures.manifest["hosts"]),
            drawn=_embed(bars, own, sections),
            bokeh=Resources(mode="inline", components=["bokeh"]).render_js(),
        )
    )


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


def _loads(
    cell: CellFigures, rows: Sequence[Row], load: Mapping[str, list[HostLoad]], *, every: bool
) -> dict[str, Any]:
    """Draw the CPU of a cell's hosts: in every trial, or in the first that counts."""
    drawn = rows if every else (usable(rows) or rows)[:1]
    trials = [
        {"row": row, "charts": [load_chart(host, row["window_s"]) for host in load.get(row["trial_id"], ())]}
        for row in drawn
    ]
    return {"cell": cell, "trials": trials}


def _embed(bars: Sequence[Chart], own: Sequence[Extra], sections: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return all charts as JSON, and each one's place by the chart's identity; the page draws those that are seen."""
    charts = [*bars, *(chart for extra in own for chart in extra.charts)]
    for group in sections:
        charts += group["charts"]
        charts += [chart for cell in group["loads"] for trial in cell["trials"] for chart in trial["charts"]]
    items = [json_item(chart.plot) for chart in charts]
    places = {
        id(chart): f'<div id="chart-{number}" data-chart="{number}" style="min-height: {chart.plot.height}px"></div>'
        for number, chart in enumerate(charts)
    }
    # In a script element nothing but "</" can end the data.
    return {"items": json.dumps(items).replace("</", "<\\/"), "places": places}


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
