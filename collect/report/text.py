"""The closing tables of a run, for a terminal. Each figure stands beside what limited it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from collect.archive.validity import DEGRADED, INVALID, VALID
from collect.findings.markdown import beside
from collect.paths import shown
from collect.report.ceilings import ceilings
from collect.report.comparison import headline, lead
from collect.report.extras import Extra, extras
from collect.report.figures import CellFigures, RatioFigures, RunFigures, groups
from collect.report.notices import Notice, gathered, notices, probes
from collect.report.terminal import COLORS, failed, plain_table, rate, spread_or_blocks, sure, verdict_text
from collect.report.text_tables import print_tables
from collect.report.words import (
    NOTHING,
    article_ratio,
    cost_ratio,
    low_rate,
    number,
    pegged,
    percent,
    ratio_name,
    ratio_value,
    ratio_verdicts,
    share,
)
from collect.verdicts.cells import UNTESTED

Cells = list[tuple[str, Callable[[CellFigures], str | Text]]]
SHOWN_NOTICES = 8
SHOWN_RATIOS = 8
"""Beyond that the tables have them, and the page their evidence."""


def render(figures: RunFigures, console: Console, entry: Path, report: Path | None = None) -> None:
    """Print headline, tables, ratios, what is not valid and where things are."""
    console.print(Text(headline(figures), style="bold"))
    if told := lead(figures):
        console.print(Text(told))
    own = extras(figures)
    _print_extras([extra for extra in own if not extra.ends], console)
    print_tables(figures, console)
    for title, cells in groups(figures.cells):
        console.print(_table(f"{title}: mean over blocks, latencies in ms", cells, RATES))
    for title, cells in groups(figures.cells):
        console.print(_table(f"{title}: CPU in cores, memory in MiB", cells, RESOURCES))
    console.print()
    ratios = (*figures.ratios, *figures.tools, *figures.pythons)
    for ratio in ratios if len(ratios) <= SHOWN_RATIOS else figures.tools:
        console.print(_ratio(ratio))
    if len(ratios) > SHOWN_RATIOS:
        console.print(Text(f"{len(ratios)} ratios, the reason of each that is not comparable: see the report"))
    _print_ceilings(figures, console)
    _print_probes(figures, console)
    _print_notices(figures, console)
    _print_validity(figures, console)
    _print_places(console, entry, report)
    _print_extras([extra for extra in own if extra.ends], console)


def _print_extras(some: Sequence[Extra], console: Console) -> None:
    for extra in some:
        console.print(Text(f"\n{extra.title}", style="bold"))
        for line in extra.lines:
            console.print(Text(line))


def _print_places(console: Console, entry: Path, report: Path | None) -> None:
    places = {"archive": entry, **({"report": report, "findings": beside(report)} if report else {})}
    for name, path in places.items():
        if path.exists() or name != "findings":
            console.print(Text(f"{name:8} {shown(path)}"), soft_wrap=True)  # a path is copied as it stands


RATES: Cells = [
    ("req/s", rate),
    ("± 95 %", spread_or_blocks),
    ("limited by", lambda cell: verdict_text(cell.verdict)),
    ("p50", lambda cell: sure(cell.outcomes.get("latency_p50_ms"))),
    ("p95", lambda cell: sure(cell.outcomes.get("latency_p95_ms"))),
    ("p99", lambda cell: sure(cell.outcomes.get("latency_p99_ms"))),
    ("failed", failed),
]
RESOURCES: Cells = [
    ("app", lambda cell: _unit(cell, "app")),
    ("redis", lambda cell: _unit(cell, "redis")),
    ("generator", lambda cell: _unit(cell, "generator")),
    ("server", lambda cell: _host(cell, "server")),
    ("client", lambda cell: _host(cell, "client")),
    ("limited by", lambda cell: Text(cell.verdict.word or "not judged", style=COLORS[cell.verdict.kind])),
]


def _ratio(ratio: RatioFigures) -> Text:
    """Return a ratio as a sentence, never without its two verdicts."""
    line = Text(f"{ratio_name(ratio)}: ")
    if ratio.comparable:
        line.append(ratio_value(ratio), style="bold")
    else:
        line.append("not comparable", style="bold red").append(f": {ratio.why}. Struck out: ")
        line.append(ratio_value(ratio), style="strike dim")
    line.append(f"; {ratio_verdicts(ratio)}")
    line.append(f"; the app's CPU a request {cost_ratio(ratio)}" if ratio.cpu else "")
    if ratio.top.python != ratio.bottom.python:
        return line
    if ratio.top.variant != ratio.bottom.variant:
        line.append(f"; {article_ratio(ratio)}")
    elif low := low_rate(ratio):
        line.append(f"; {low}", style="bold yellow")
    return line


def _print_ceilings(figures: RunFigures, console: Console) -> None:
    found = ceilings(figures)
    if not found:
        return
    table = plain_table("Ceilings: what each part reached alone, and the cell that took most of it")
    table.add_column("ceiling", overflow="fold")
    table.add_column("alone", justify="right", overflow="fold")
    table.add_column("taken", justify="right", no_wrap=True)
    table.add_column("by", overflow="fold")
    table.add_column("limited by", no_wrap=True)
    for item in found:
        by_itself = "not measured" if item.missing else f"{number(item.value, 0)} {item.unit}"
        if item.limited_by:
            by_itself += f", by {item.limited_by}"
        most = max(item.reached, key=lambda reached: reached.share, default=None)
        if most is None:
            table.add_row(f"{item.resource} {item.name}", by_itself, NOTHING, NOTHING, NOTHING)
            continue
        verdict = most.cell.verdict
        table.add_row(
            f"{item.resource} {item.name}",
            by_itself,
            percent(most.share),
            f"{most.cell.variant}, {most.cell.profile}",
            Text(verdict.word or "not judged", style=COLORS[verdict.kind]),
        )
    console.print(table)
    for item in found:
        if item.missing:
            console.print(Text(f"not measured: {item.resource}, {item.name}: {item.missing}", style="yellow"))


def _print_probes(figures: RunFigures, console: Console) -> None:
    for probe in probes(figures):
        span_text = "" if probe.low is None or probe.high is None else f" ({probe.low:.2f} to {probe.high:.2f})"
        line = Text("test: ")
        style = {"refuted": "bold red", "confirmed": "green"}.get(probe.outcome, "yellow")
        line.append(probe.outcome.upper() if probe.outcome == "refuted" else probe.outcome, style=style)
        if probe.outcome == UNTESTED:
            console.print(line.append(f": {probe.cell}, limited by {probe.word}: {probe.text}"))
            continue
        named = "more or less of" if probe.named else "something else than"
        line.append(
            f": {probe.cell}: {probe.intervention} ({named} {probe.word}), rate expected to {_expected(probe.expect)}:"
            f" x {number(probe.ratio)}{span_text}; limited by {probe.limits[0]} before, {probe.limits[1]} with it"
        )
        console.print(line)


def _expected(expect: str) -> str:
    return {"same": "stay the same"}.get(expect, expect)


def _print_notices(figures: RunFigures, console: Console) -> None:
    found = gathered(notices(figures))
    for notice in found[:SHOWN_NOTICES]:
        console.print(Text(f"warning: {notice.about}: {notice.text}", style="yellow"))
    if len(found) > SHOWN_NOTICES:
        console.print(Text(f"{len(found) - SHOWN_NOTICES} more warnings: see the report", style="yellow"))


def _print_validity(figures: RunFigures, console: Console) -> None:
    for validity, style in ((INVALID, "red"), (DEGRADED, "yellow")):
        reasons = [
            Notice(f"trial {row['ordinal']}", reason)
            for row in figures.rows
            if row["validity"] == validity
            for reason in row["reasons"]
        ]
        for notice in reasons if validity == INVALID and len(reasons) <= SHOWN_NOTICES else gathered(reasons):
            console.print(Text(f"{validity}: {notice.about}: {notice.text}", style=style))
    if figures.manifest["validity"] != VALID:
        why = "; ".join(figures.manifest["reasons"])
        console.print(Text(f"the run is {figures.manifest['validity']}: {why}", style="yellow"))


def _table(title: str, cells: Sequence[CellFigures], columns: Cells) -> Table:
    table = plain_table(title)
    table.add_column("variant", overflow="fold")
    for name, _ in columns:
        table.add_column(name, justify="left" if name == "limited by" else "right", no_wrap=True)
    for cell in cells:
        marks = "*" * (cell.degraded > 0) + "!" * (cell.invalid > 0)
        table.add_row(Text(f"{cell.variant}{marks}"), *(show(cell) for _, show in columns))
    return table


def _unit(cell: CellFigures, unit: str) -> str:
    cores, mib = cell.means.get(f"{unit}_cpu_cores"), cell.means.get(f"{unit}_rss_mib")
    return f"{number(cores)} {number(mib, 0):>4}"


def _host(cell: CellFigures, side: str) -> Text:
    used, cpus = cell.means.get(f"{side}_cpu_cores"), cell.means.get(f"{side}_cpus")
    return Text(f"{number(used)} {share(used, cpus):>4}", style="bold red" if pegged(cell, side) else "")
