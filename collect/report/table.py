"""The article's table against ours: workload by workload, framework by framework, and whose limit each figure shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from collect.report.article import ArticleFigure, article_figures
from collect.report.costs import Measured, measured
from collect.report.figures import CellFigures, RatioFigures, Row, RunFigures, usable
from collect.report.words import listed
from collect.verdicts.findings import CLIENT_PORTS

ARTICLE, CONTROLLED = "article", "controlled"
WAYS = {ARTICLE: "Measured the article's way", CONTROLLED: "With the client out of the way"}
"""The profiles that the table holds against the article, each with its name."""
USERS = 10
"""The article's; other numbers of users go into the table only where these were not measured."""
TIME_WAIT_S = 60.0
"""For so long a closed connection keeps its port (the kernel's TCP_TIMEWAIT_LEN)."""
LONG_WINDOW = "plan article has windows of 120 s"


@dataclass(frozen=True)
class TableRow:
    """One workload of one framework."""

    workload: str
    framework: str
    title: str
    article: ArticleFigure | None
    """None where the article measured no such thing."""
    ways: Mapping[str, Measured]
    """By profile, as far as they were measured."""
    ports_after_s: float | None = None
    """After how much load half of the client's ports would wait, where the article-way trials ended before that."""

    @property
    def name(self) -> str:
        """The row in words: "Flask on redis"."""
        return f"{self.title} on {self.workload}"


@dataclass(frozen=True)
class TableRatio:
    """An asynchronous framework against the synchronous one."""

    top: str
    bottom: str
    article: float | None
    article_text: float | None
    ways: Mapping[str, RatioFigures]
    """By profile, as far as both were measured alike."""


@dataclass(frozen=True)
class Piece:
    """A part of a sentence, and where it points: server, client, between, unknown, or "" for the words between."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class ArticleTable:
    """All of it."""

    workloads: Sequence[tuple[str, Sequence[TableRow], Sequence[TableRatio]]]
    told: Sequence[Piece]
    """How many of the article's figures are whose, in a sentence."""
    notes: Sequence[str]

    @property
    def rows(self) -> list[TableRow]:
        """All rows, in their order."""
        return [row for _, rows, _ in self.workloads for row in rows]

    @property
    def ways(self) -> list[str]:
        """The profiles that any row has."""
        return [way for way in WAYS if any(way in row.ways for row in self.rows)]

    @property
    def sentence(self) -> str:
        """The sentence without its colours."""
        return "".join(piece.text for piece in self.told)


def article_table(figures: RunFigures) -> ArticleTable | None:
    """Return the table of a run; None for one that measured none of the article's cells, or only other things.

    A run without the article's own profile that holds other variants, or two Pythons, has other tables.
    """
    known = article_figures(figures.catalog)
    workloads = [
        (workload, rows, list(_ratios(figures, rows)))
        for workload in known
        if (rows := list(_rows(figures, workload, known[workload])))
    ]
    every = [row for _, rows, _ in workloads for row in rows]
    others = any(not cell.side and cell.style != "none" for cell in figures.cells)
    if not every or (others and not any(ARTICLE in row.ways for row in every)):
        return None
    total = sum(len(sides) for sides in known.values())
    return ArticleTable(workloads, _told(every, total), list(_notes(figures, every)))


def _rows(figures: RunFigures, workload: str, known: Mapping[str, ArticleFigure]) -> Iterator[TableRow]:
    """Yield the frameworks of a workload that were measured, the article's first and in its order."""
    cells = [cell for cell in figures.cells if cell.workload == workload and cell.side]
    for side in dict.fromkeys((*known, *(cell.side for cell in cells))):
        mine = [cell for cell in cells if cell.side == side]
        ways = {
            way: measured(figures, cell)
            for way in WAYS
            if (cell := _preferred(figures, (each for each in mine if each.profile == way)))
        }
        if ways:
            after_s = _half_of_ports_after(figures, ways[ARTICLE]) if ARTICLE in ways else None
            yield TableRow(workload, side, mine[0].title, known.get(side), ways, after_s)


def _preferred(figures: RunFigures, cells: Iterable[CellFigures]) -> CellFigures | None:
    """Return the cell to show of one variant and profile: Locust's, the article's users, its own user class."""

    def rank(cell: CellFigures) -> tuple[bool, bool, bool]:
        user_class = figures.catalog.generators[cell.generator].get("user_class")
        return cell.tool != "locust", cell.users != USERS, cell.profile == ARTICLE and user_class != "HttpUser"

    return min(cells, key=rank, default=None)


def _ratios(figures: RunFigures, rows: Sequence[TableRow]) -> Iterator[TableRatio]:
    for top in rows:
        for bottom in rows:
            ways = {
                way: ratio
                for way in WAYS
                for ratio in figures.ratios
                if way in top.ways and way in bottom.ways
                if (ratio.top, ratio.bottom) == (top.ways[way].cell, bottom.ways[way].cell)
            }
            if ways:
                one = next(iter(ways.values()))
                yield TableRatio(top.title, bottom.title, one.article, one.article_text, ways)


def _told(rows: Sequence[TableRow], total: int) -> list[Piece]:
    its_way = [row for row in rows if row.article and ARTICLE in row.ways]
    if not its_way:
        return [Piece("None of the article's figures was measured its way in this run, so whose they are is not told.")]
    named = {"server": "limited by the server", "client": "by the client", "between": "by neither"}
    parts = []
    for kind, words in (*named.items(), ("unknown", "by what is not known")):
        mine = [row for row in its_way if row.ways[ARTICLE].whose.kind == kind]
        if mine or kind in ("server", "client"):
            was = {"server": f"{_were(len(mine))} "}.get(kind, "")
            count = str(len(mine)) if mine else "none"
            parts.append((Piece(f"{count} {was}{words}", kind), _parts(mine) if kind != "server" else ""))
    some = len(its_way) < total
    begin = f"Of {len(its_way)} of the article's {total} figures" if some else f"Of the article's {total} figures"
    pieces = [Piece(f"{begin}, measured its way, ")]
    for index, (piece, which) in enumerate(parts):
        joint = "" if index == 0 else " and " if index == len(parts) - 1 else ", "
        pieces += [Piece(joint), piece, Piece(f" ({which})" if which else "")]
    return [piece for piece in (*pieces, Piece(".")) if piece.text]


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _parts(rows: Sequence[TableRow]) -> str:
    """Name what each part limited: "ports: Flask on none, file; generator: Starlette on redis"."""
    by_part: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        by_part.setdefault(row.ways[ARTICLE].whose.part, {}).setdefault(row.title, []).append(row.workload)
    return "; ".join(
        f"{part}: {', '.join(f'{title} on {listed(workloads)}' for title, workloads in titles.items())}"
        for part, titles in by_part.items()
    )


def _notes(figures: RunFigures, rows: Sequence[TableRow]) -> Iterator[str]:
    early = [(row.name, row.ports_after_s) for row in rows if row.ports_after_s]
    if early:
        yield (
            f"Windows of {figures.manifest['plan']['window_s']:g} s are too short to see what the client's ports do to"
            f" {listed([name for name, _ in early])}: at these rates half of the ports wait in TIME_WAIT after"
            f" {_seconds(early)} of load, and from then on the kernel searches long for a free one; {LONG_WINDOW}."
        )


def _seconds(early: Sequence[tuple[str, float]]) -> str:
    low, high = min(after for _, after in early), max(after for _, after in early)
    return f"{low:.0f} s" if round(low) == round(high) else f"{low:.0f} to {high:.0f} s"


def _half_of_ports_after(figures: RunFigures, way: Measured) -> float | None:
    """Return after how many seconds of load half of a client's ports would have waited; None where that was in view.

    None, too, where connections are kept, or are so few that a port is free again, after a minute, before that.
    """
    if way.cell.verdict.word == CLIENT_PORTS:
        return None
    return min(filter(None, map(_half_of_ports, usable(figures.trials_of(way.cell)))), default=None)


def _half_of_ports(row: Row) -> float | None:
    ports, waiting, opened = (row.get(name) for name in ("client_ports", "client_ports_used_max", "connections"))
    if not ports or not waiting or not opened or waiting < opened / 2:
        return None
    after_s: float = ports / 2 / (opened / row["window_s"])
    load_s = row["ramp_s"] + row["warmup_s"] + row["window_s"]
    return after_s if load_s < after_s < TIME_WAIT_S else None
