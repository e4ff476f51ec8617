"""Whose limit each figure shows: the server's, the client's, or neither's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from collect.findings.prose import rate, where
from collect.findings.statement import COUNTED, UNKNOWN, Finding, Kind, Link, Said, Statement, finding
from collect.report.article import ArticleFigure
from collect.report.comparison import called
from collect.report.costs import Measured, measured
from collect.report.extras import Extra
from collect.report.figures import RunFigures
from collect.report.table import ARTICLE, article_table
from collect.report.verdicts import PLAIN
from collect.report.words import counted, number
from collect.statistics.power import share_interval
from collect.verdicts.findings import UNSTEADY


def _statements(figures: RunFigures, _: Sequence[Extra]) -> list[Statement]:
    table = article_table(figures)
    if table is None:
        return [_statement(figures, measured(figures, cell), None) for cell in figures.cells]
    return [
        _statement(figures, each, row.article if way == ARTICLE else None)
        for row in table.rows
        for way, each in row.ways.items()
    ]


def _statement(figures: RunFigures, each: Measured, article: ArticleFigure | None) -> Statement:
    cell = each.cell
    if cell.rps is None:
        text = f"{where(cell)}, {called(cell)} has no valid trial, so no figure."
        said = finding(figures, text, UNKNOWN, None, cell, unit="requests/s")
    else:
        text = f"{where(cell)}, {called(cell)} answered {rate(cell.rps)}{_article(article)}; {_limit(each)}."
        said = finding(figures, text, COUNTED, cell.rps, cell, unit="requests/s")
    return Statement(lambda _: said, about=each)


def _article(article: ArticleFigure | None) -> str:
    if article is None:
        return ""
    by_text = f" ({number(article.text_rps, 0)} in its text)" if article.text_rps else ""
    return f", where the article says {number(article.rps, 0)}{by_text}"


def _limit(each: Measured) -> str:
    verdict = each.cell.verdict
    if verdict.word is None or verdict.refuted:
        return "what limited it is not known"
    if each.whose.kind == "unknown":
        return "what limited it is not sure"
    first, total = verdict.firsts.get(verdict.word, 0), sum(verdict.firsts.values())
    said = "its rate was not steady" if verdict.word == UNSTEADY else f"{PLAIN[verdict.word]} limited it"
    if not total:
        return said
    low, high = share_interval(first, total)
    return f"{said} in {first} of {counted(total, 'trial')} (95 % interval {low:.0%} to {high:.0%} of all)"


def _summary(figures: RunFigures, said: Said) -> Finding | None:
    if not said:
        return None
    table = article_table(figures)
    kinds = Counter(statement.about.whose.kind for statement, _ in said)
    if table is not None:
        its_way = [row for row in table.rows if row.article and ARTICLE in row.ways]
        server = sum(row.ways[ARTICLE].whose.kind == "server" for row in its_way)
        return Finding(
            table.sentence, COUNTED, float(server), "figures", None, None, len(its_way), "figures",
            (Link("the article's table against ours", "versus"),),
        )  # fmt: skip
    parts = [f"the server limited {kinds['server']}", f"the client {kinds['client']}", f"neither {kinds['between']}"]
    unknown = f"; of {kinds['unknown']} it is not known" if kinds["unknown"] else ""
    text = f"Of {counted(len(said), 'cell')}, {', '.join(parts[:-1])} and {parts[-1]}{unknown}."
    return Finding(
        text, COUNTED, float(kinds["server"]), "cells", None, None, len(said), "cells",
        (Link("the figures", "figures"),),
    )  # fmt: skip


KIND = Kind("whose", "What limited each figure", _statements, _summary)
