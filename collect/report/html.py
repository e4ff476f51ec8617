"""The report of a run: one HTML file that needs no network, made from the sealed entry alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jinja2
from bokeh.document import Document
from bokeh.embed import components
from bokeh.resources import Resources

from collect.archive.query import open_run
from collect.archive.store import Archive
from collect.paths import DATA_DIR
from collect.report import words
from collect.report.charts import Chart, latency_chart, load_chart, rate_chart, socket_chart
from collect.report.figures import CellFigures, Row, RunFigures, run_figures
from collect.report.series import HostLoad, latency_curve, loads, rates, sockets


def render(archive: Archive, run_id: str) -> str:
    """Return the page of a sealed run; BenchError when it cannot be read."""
    figures = run_figures(archive, run_id)
    by_cell = {cell.name: [row for row in figures.rows if row["cell"] == cell.name] for cell in figures.cells}
    with open_run(archive, run_id) as database:
        lines, waiting, load = rates(database, figures.rows), sockets(database), loads(database)
        curves = {cell.name: curve for cell in figures.cells if (curve := latency_curve(database, by_cell[cell.name]))}
    groups = []
    for title, cells in _comparable(figures.cells):
        pairs = [(cell, by_cell[cell.name]) for cell in cells]
        groups.append(
            {
                "title": title,
                "charts": [
                    rate_chart("Requests per second", pairs, lines),
                    latency_chart("Latency", cells, curves),
                    socket_chart("Sockets of the client in TIME_WAIT", pairs, waiting, usable_ports(figures)),
                ],
                "loads": [_loads(cell, rows, load) for cell, rows in pairs],
            }
        )
    drawn = _embed(groups)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            figures=figures,
            manifest=figures.manifest,
            words=words,
            headline=headline(figures),
            groups=groups,
            hosts=_hosts(figures.manifest["hosts"]),
            drawn=drawn,
            bokeh=Resources(mode="inline", components=["bokeh"]).render_js(),
        )
    )


def headline(figures: RunFigures) -> str:
    """Return the run in one sentence."""
    if not figures.ratios:
        return f"{words.counted(len(figures.rows), 'trial')} of {words.counted(len(figures.cells), 'cell')} measured."
    first = figures.ratios[0]
    top, bottom = first.top, first.bottom
    assert top.rps
    assert bottom.rps
    on = "on Redis I/O" if top.workload == "redis" else f'on "{top.workload}"'
    return (
        f"{top.title} answered {first.ratio.value:.2f} times as many requests a second as {bottom.title} {on}: "
        f"{top.rps.value:,.0f} against {bottom.rps.value:,.0f} ({words.interval(first.ratio)})."
    )


def usable_ports(figures: RunFigures) -> int | None:
    """Return how many ports a client host has for connections, the fewest of all; None where no fact says."""
    counts = []
    servers = {trial["server"]["name"] for trial in figures.manifest["trials"]}
    for host, facts in figures.manifest["hosts"].items():
        span = str((facts.get("sysctl") or {}).get("net.ipv4.ip_local_port_range", "")).split()
        if len(span) == 2 and host not in servers:
            counts.append(int(span[1]) - int(span[0]) + 1)
    return min(counts, default=None)


def _comparable(cells: Sequence[CellFigures]) -> Iterator[tuple[str, list[CellFigures]]]:
    """Yield the cells that differ in the variant alone, with what they share."""

    def shared(cell: CellFigures) -> tuple[str, str, int, str]:
        return cell.workload, cell.generator, cell.users, cell.profile

    order = list(dict.fromkeys(shared(cell) for cell in cells))
    for key, group in itertools.groupby(sorted(cells, key=lambda cell: order.index(shared(cell))), key=shared):
        workload, generator, users, profile = key
        yield f"Workload {workload}: {users} users, {generator}, profile {profile}", list(group)


def _loads(cell: CellFigures, rows: Sequence[Row], load: Mapping[str, list[HostLoad]]) -> dict[str, Any]:
    trials = [
        {"row": row, "charts": [load_chart(host, row["window_s"]) for host in load.get(row["trial_id"], ())]}
        for row in rows
    ]
    return {"cell": cell, "trials": trials}


def _embed(groups: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the script that draws all charts, and each one's place by the chart's identity."""
    charts: list[Chart] = []
    for group in groups:
        charts += group["charts"]
        charts += [chart for cell in group["loads"] for trial in cell["trials"] for chart in trial["charts"]]
    if not charts:
        return {"script": "", "places": {}}
    document = Document()
    with document.models.freeze():  # else each addition walks through all models anew
        for chart in charts:
            document.add_root(chart.plot)
    script, places = components([chart.plot for chart in charts])
    return {"script": script, "places": {id(chart): place for chart, place in zip(charts, places, strict=True)}}


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
