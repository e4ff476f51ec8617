"""The closing table of a run, for a terminal of 80 columns and more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from collect.archive.validity import INVALID, VALID
from collect.paths import shown
from collect.report.figures import CellFigures, RunFigures
from collect.report.words import NOTHING, caveat, number, pegged, ratio_line, share, spread

Cells = list[tuple[str, Callable[[CellFigures], str | Text]]]

RATES: Cells = [
    ("req/s", lambda cell: number(cell.rps.value, 1) if cell.rps else "invalid"),
    ("± 95 %", lambda cell: spread(cell.rps) if cell.rps else NOTHING),
    ("article", lambda cell: number(cell.article_rps, 0)),
    ("p50 ms", lambda cell: number(cell.means.get("latency_p50_ms"))),
    ("p95 ms", lambda cell: number(cell.means.get("latency_p95_ms"))),
    ("p99 ms", lambda cell: number(cell.means.get("latency_p99_ms"))),
    ("failed", lambda cell: Text(f"{cell.failures:,}", style="red" if cell.failures else "")),
]
RESOURCES: Cells = [
    ("app", lambda cell: _unit(cell, "app")),
    ("redis", lambda cell: _unit(cell, "redis")),
    ("generator", lambda cell: _unit(cell, "generator")),
    ("server cpu", lambda cell: _host(cell, "server")),
    ("client cpu", lambda cell: _host(cell, "client")),
]


def render(figures: RunFigures, console: Console, entry: Path, report: Path | None = None) -> None:
    """Print tables, ratios, what is not valid and where things are."""
    console.print(_table("Rates and latencies, mean over blocks", figures, RATES))
    console.print(_table("CPU in cores and memory in MiB; CPU of each host's set", figures, RESOURCES))
    for ratio in figures.ratios:
        console.print(Text(ratio_line(ratio), style="bold"))
    console.print(Text(caveat(figures)))
    for row in figures.rows:
        if row["validity"] != VALID:
            style = "red" if row["validity"] == INVALID else "yellow"
            console.print(Text(f"{row['validity']}: trial {row['ordinal']}: {'; '.join(row['reasons'])}", style=style))
    if figures.manifest["validity"] != VALID:
        reasons = "; ".join(figures.manifest["reasons"])
        console.print(Text(f"the run is {figures.manifest['validity']}: {reasons}", style="yellow"))
    console.print(Text(f"archive  {shown(entry)}"))
    if report:
        console.print(Text(f"report   {shown(report)}"))


def _table(title: str, figures: RunFigures, columns: Cells) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="dim", box=SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False
    )
    table.add_column("variant", overflow="fold")
    table.add_column("workload", overflow="fold")
    several = [
        key for key in ("generator", "users", "profile") if len({getattr(cell, key) for cell in figures.cells}) > 1
    ]
    for key in several:
        table.add_column(key, overflow="fold")
    for name, _ in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for cell in figures.cells:
        marks = "*" * (cell.degraded > 0) + "!" * (cell.invalid > 0)
        head = [f"{cell.variant}{marks}", cell.workload, *(str(getattr(cell, key)) for key in several)]
        table.add_row(*(Text(word) for word in head), *(show(cell) for _, show in columns))
    return table


def _unit(cell: CellFigures, unit: str) -> str:
    cores, mib = cell.means.get(f"{unit}_cpu_cores"), cell.means.get(f"{unit}_rss_mib")
    return f"{number(cores)} {number(mib, 0):>4}"


def _host(cell: CellFigures, side: str) -> Text:
    used, cpus = cell.means.get(f"{side}_cpu_cores"), cell.means.get(f"{side}_cpus")
    return Text(f"{number(used)} {share(used, cpus):>4}", style="bold red" if pegged(cell, side) else "")
