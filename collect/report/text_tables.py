"""The tables that a run is told by, on the terminal: the article's against ours, variants, Pythons."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from collect.report.costs import Measured
from collect.report.figures import RatioFigures, RunFigures
from collect.report.table import WAYS, ArticleTable, TableRatio, TableRow, article_table
from collect.report.terminal import COLORS, plain_table, rate, spread_or_blocks, sure
from collect.report.variants import Pairs, Ranking, Renewal, rankings, renewals
from collect.report.words import NOTHING, costs, number, span

COSTS = "CPU seconds of app / server for 1,000 requests, app's MiB"


def print_tables(figures: RunFigures, console: Console) -> None:
    """Print those of the tables that the run has."""
    if table := article_table(figures):
        console.print(Text.assemble(*((piece.text, COLORS.get(piece.kind, "")) for piece in table.told)))
        console.print(_article(table))
        for note in table.notes:
            console.print(Text(note, style="yellow"))
    if renewed := renewals(figures):
        console.print(_renewals(renewed))
    for ranking in rankings(figures):
        console.print(_ranking(ranking))
        for pairs in ranking.pairs:
            console.print(_pairs(pairs))


def _article(table: ArticleTable) -> Table:
    ways = table.ways
    shown = plain_table(f"The article against this run, requests per second; below: {COSTS}")
    shown.add_column("", no_wrap=True)
    shown.add_column("article", justify="right")
    for way in ways:
        shown.add_column(WAYS[way].lower(), justify="right")
        shown.add_column("limited by")
    for workload, rows, ratios in table.workloads:
        shown.add_row(Text(workload, style="bold"))
        for row in rows:
            shown.add_row(f" {row.framework}", _told(row), *(each for way in ways for each in _way(row.ways.get(way))))
        for ratio in ratios:
            shown.add_row(*_ratio_row(ratio, ways))
        shown.add_section()
    return shown


def _told(row: TableRow) -> str:
    if row.article is None:
        return NOTHING
    by_text = f"\n{number(row.article.text_rps, 0)} in text" if row.article.text_rps else ""
    return number(row.article.rps, 0) + by_text


def _way(each: Measured | None) -> tuple[Text, Text]:
    if each is None:
        return Text(NOTHING), Text(NOTHING)
    figure = rate(each.cell).append(f" {spread_or_blocks(each.cell)}", style="dim")
    return figure.append(f"\n{costs(each)}", style="dim"), _whose(each)


def _whose(each: Measured) -> Text:
    style = "bold red" if each.cell.verdict.refuted else "dim"
    return Text(each.whose.text, style=COLORS[each.whose.kind]).append(f"\n{each.cell.verdict.certainty}", style=style)


def _ratio_row(ratio: TableRatio, ways: list[str]) -> list[str | Text]:
    cells: list[str | Text] = [Text(f" {ratio.top}/{ratio.bottom}".lower(), style="italic")]
    article = NOTHING if ratio.article is None else f"{ratio.article:.1f}"
    cells.append(article + (f"\n{ratio.article_text:.2f} in text" if ratio.article_text else ""))
    for way in ways:
        each = ratio.ways.get(way)
        cells += [_figure(each), _sides(each)] if each else [NOTHING, NOTHING]
    return cells


def _figure(ratio: RatioFigures) -> Text:
    """Return a ratio's figure: with its interval, or struck out where it is not comparable."""
    value = NOTHING if ratio.ratio is None else f"{ratio.ratio.value:.2f}"
    if ratio.comparable and ratio.ratio:
        return Text(value, style="bold").append(f"\n{span(ratio.ratio)}", style="not bold")
    return Text("not comparable\n", style="red").append(f"({value})", style="strike dim")


def _sides(ratio: RatioFigures) -> Text:
    """Return what limited both sides, the upper one first."""
    top, bottom = (Text(cell.verdict.short, style=COLORS[cell.verdict.kind]) for cell in (ratio.top, ratio.bottom))
    return top.append("\n").append_text(bottom)


def _ranking(ranking: Ranking) -> Table:
    shown = plain_table(f"{ranking.title}: the fastest first; CPU seconds for 1,000 requests")
    shown.add_column("variant", overflow="fold")
    for name in ("req/s", "± 95 %"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("limited by")
    for name in ("app s", "server s", "MiB"):
        shown.add_column(name, justify="right", no_wrap=True)
    for each in ranking.rows:
        shown.add_row(
            each.cell.variant,
            rate(each.cell),
            spread_or_blocks(each.cell),
            Text(each.whose.text, style=COLORS[each.whose.kind]),
            sure(each.app_cpu),
            sure(each.server_cpu),
            sure(each.memory, 0),
        )
    return shown


def _pairs(pairs: Pairs) -> Table:
    shown = plain_table("asynchronous (down) / synchronous (across), what limited them below; ! not comparable")
    shown.add_column("", overflow="fold")
    for name in pairs.bottoms:
        shown.add_column(name.replace("-", "-\n", 1), justify="right", overflow="fold")
    for top in pairs.tops:
        shown.add_row(top, *(_pair(pairs.of(top, bottom)) for bottom in pairs.bottoms))
    return shown


def _pair(ratio: RatioFigures) -> Text:
    if ratio.ratio is None:
        return Text(NOTHING, style="red")
    text = Text(f"{ratio.ratio.value:.2f}", style="bold" if ratio.comparable else "strike dim")
    if not ratio.comparable:
        text.append(" !", style="not strike red")
    sides = "\n".join(cell.verdict.short for cell in (ratio.top, ratio.bottom))
    return text.append(f"\n{sides}", style="not bold not strike dim")


def _renewals(renewed: list[Renewal]) -> Table:
    shown = plain_table(f"Today's Python and packages against the article's; below the rates: {COSTS}")
    shown.add_column("variant", overflow="fold")
    shown.add_column("article's", justify="right")
    shown.add_column("limited by")
    shown.add_column("today's", justify="right")
    shown.add_column("limited by")
    shown.add_column("times", justify="right")
    loads = dict.fromkeys(each.ratio.top.load for each in renewed)
    for load in loads:
        workload, users, generator, profile = load
        shown.add_row(Text(workload, style="bold"), "", f"{users} users", generator, profile)
        for each in renewed:
            if each.ratio.top.load == load:
                sides = (*_way(each.article), *_way(each.modern))
                shown.add_row(f" {each.ratio.bottom.variant}", *sides, _figure(each.ratio))
        shown.add_section()
    return shown
