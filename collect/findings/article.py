"""Whether what the article says holds here: its ratios, file and no I/O alike, the database gaining most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collect.findings.evidence import MARGIN, RATIOS, Hypothesis, all_of, divided, paid, paired, rates
from collect.findings.prose import FEW, capital, doubt, times, way, whose_limits
from collect.findings.statement import (
    ALIKE,
    COUNTED,
    FOUND,
    NONE,
    UNKNOWN,
    Finding,
    Holds,
    Kind,
    Link,
    Said,
    Statement,
    finding,
    tested,
)
from collect.report.extras import Extra
from collect.report.figures import RatioFigures, RunFigures
from collect.report.table import ARTICLE, WAYS, ArticleTable, TableRatio, TableRow, article_table
from collect.report.verdicts import PLAIN
from collect.report.words import counted, on_workload

DATABASE, FILE, NOTHING_READ, REDIS = "db", "file", "none", "redis"


def _statements(figures: RunFigures, _: Sequence[Extra]) -> list[Statement]:
    table = article_table(figures)
    if table is None:
        return []
    return [*_ratios(figures, table), *_alike(figures, table), *_database_most(figures, table)]


def _ratios(figures: RunFigures, table: ArticleTable) -> Iterator[Statement]:
    """Hold each of the article's ratios against ours; with the client out of the way only the servers' own ones."""
    for workload, _, items in table.workloads:
        for item in items:
            for each, ratio in item.ways.items():
                if item.article and (each == ARTICLE or ratio.comparable):
                    yield _ratio(figures, workload, item, each, ratio)


def _ratio(figures: RunFigures, workload: str, item: TableRatio, each: str, ratio: RatioFigures) -> Statement:
    assert item.article
    known: dict[str, float] = {"table": item.article}
    if item.article_text:
        known["text"] = item.article_text
    found = paired(rates(figures, ratio.top), rates(figures, ratio.bottom))
    times_paid = paid(figures, ratio)
    tests = tested(**{name: found.differs(value, times_paid) if found else None for name, value in known.items()})
    by_text = f" ({item.article_text:.2f} by its text)" if item.article_text else ""
    begin = (
        f"{capital(on_workload(workload))} the article has {item.top} answer {item.article:.1f} times{by_text} as many"
        f" requests as {item.bottom}; {way(each, ratio.top.generator)}"
    )

    def say(holds: Holds) -> Finding:
        estimate = ratio.ratio
        if estimate is None:
            text, says = f"{begin} there is no ratio here.", UNKNOWN
        elif not tests:
            text, says = f"{begin} it is {times(estimate)} here; {FEW}.", UNKNOWN
        elif all(holds.values()) and len({estimate.value < value for value in known.values()}) == 1:
            less = "less" if estimate.value < known["table"] else "more"
            text = f"{begin} it is {times(estimate)} here, {less} than the article's; {whose_limits(ratio)}."
            says = FOUND
        elif all(holds.values()):
            text = f"{begin} it is {times(estimate)} here, between the two; {whose_limits(ratio)}."
            says = FOUND
        else:
            same = next(value for name, value in known.items() if not holds[name])
            text = (
                f"{begin} it is {times(estimate)} here, which cannot be told from the article's"
                f" {same:.2f}{doubt(estimate, same)}; {whose_limits(ratio)}."
            )
            says = NONE
        return finding(figures, text, says, estimate, ratio.top, ratio.bottom)

    return Statement(say, tests, lead=workload == REDIS, about=("ratio", each))


def _alike(figures: RunFigures, table: ArticleTable) -> Iterator[Statement]:
    """Ask of each framework whether a file costs it anything, which by the article's figures it does not."""
    rows = {(row.workload, row.framework): row for row in table.rows}
    for (workload, framework), file in rows.items():
        none = rows.get((NOTHING_READ, framework))
        if workload != FILE or none is None or not file.article or not none.article:
            continue
        for each in file.ways:
            if each in none.ways:
                yield _file(figures, file, none, each)


def _file(figures: RunFigures, file: TableRow, none: TableRow, each: str) -> Statement:
    assert file.article
    assert none.article
    top, bottom = file.ways[each].cell, none.ways[each].cell
    found = paired(rates(figures, top), rates(figures, bottom))
    tests = tested(differ=found.differs(), alike=found.alike()) if found else {}
    figure = file.article.rps / none.article.rps
    article = f"the article's figures for {file.title} on a file and without I/O are alike ({figure:.2f} times)"
    words = [PLAIN.get(cell.verdict.word or "", "something not known") for cell in (bottom, top)]
    limited = f"{words[0]} limited it without I/O, {words[1]} on the file"
    if words[0] == words[1]:
        limited = f"{words[0]} limited both"

    def say(holds: Holds) -> Finding:
        begin = f"{capital(article)}; {way(each, top.generator)}"
        if found is None:
            text, says = f"{begin} no block has a usable trial of both.", UNKNOWN
        elif not tests:
            text, says = f"{begin} the file gives {times(found.estimate)} as many requests; {FEW}.", UNKNOWN
        elif holds["alike"]:
            gives = f"the file gives {times(found.estimate)} as many requests"
            text = f"{begin} they are alike within {MARGIN:.0%}: {gives}; {limited}."
            says = ALIKE
        elif holds["differ"]:
            text = f"{begin} they are not: the file gives {times(found.estimate)} as many requests; {limited}."
            says = FOUND
        else:
            text = (
                f"{begin} a difference cannot be told from none, nor are they shown to be alike within {MARGIN:.0%}:"
                f" the file gives {times(found.estimate)} as many requests{doubt(found.estimate)}; {limited}."
            )
            says = NONE
        return finding(figures, text, says, found.estimate if found else None, top, bottom)

    return Statement(say, tests, about=("alike", each))


def _database_most(figures: RunFigures, table: ArticleTable) -> Iterator[Statement]:
    """Ask whether the ratio on the database is the largest of all, as the article's is."""
    items = {(workload, item.top, item.bottom): item for workload, _, ratios in table.workloads for item in ratios}
    for (workload, top, bottom), item in items.items():
        if workload != DATABASE or not item.article:
            continue
        others = {each[0]: other for each, other in items.items() if each[1:] == (top, bottom) and each[0] != DATABASE}
        for each, ratio in item.ways.items():
            against = {name: other.ways[each] for name, other in others.items() if each in other.ways}
            if against and ratio.ratio:
                yield _most(figures, item, each, ratio, against)


def _most(
    figures: RunFigures, item: TableRatio, each: str, ratio: RatioFigures, against: dict[str, RatioFigures]
) -> Statement:
    def of(one: RatioFigures) -> dict[int, float]:
        return divided(rates(figures, one.top), rates(figures, one.bottom))

    found = {name: pair for name, other in against.items() if (pair := paired(of(ratio), of(other), RATIOS))}
    # The largest of the others is the one that the database's comes out worst against.
    worst = min(found, key=lambda name: found[name].estimate.value, default=None)
    tests: dict[str, Hypothesis] = {}
    if worst and len(found) == len(against):
        # More than each of the others, or less than one that was picked out of them.
        tests = tested(most=all_of(found.values()), rather=found[worst].differs(times=len(found)))
    begin = (
        f"The article's ratio of {item.top} to {item.bottom} is largest on the database"
        f" ({item.article:.1f} times); {way(each, ratio.top.generator)}"
    )
    cells = [cell for one in (ratio, *against.values()) for cell in (one.top, one.bottom)]
    unlike = [name for name, one in {DATABASE: ratio, **against}.items() if not one.comparable]
    # Not every rate is the server's: then this is no order of the servers.
    rider = f"; no ratio of the servers {', '.join(on_workload(name) for name in unlike)}" if unlike else ""

    def say(holds: Holds) -> Finding:
        if worst is None:
            return finding(figures, f"{begin} there is nothing to hold it against.", UNKNOWN, None, *cells)
        estimate = found[worst].estimate
        it_is = f"it is {times(estimate)} the one {on_workload(worst)}"
        if not tests:
            text, says = f"{begin} {it_is}; {FEW}.", UNKNOWN
        elif holds.get("most") and estimate.value > 1:
            text, says = f"{begin} it is so here, too: {it_is}, the next{rider}.", FOUND
        elif holds.get("rather") and estimate.value < 1:
            text, says = f"{begin} it is not so here: {it_is}{rider}.", FOUND
        else:
            text = f"{begin} it cannot be told whether it is so here: {it_is}{doubt(estimate)}{rider}."
            says = NONE
        return finding(figures, text, says, estimate, *cells)

    return Statement(say, tests, about=("most", each))


def _summary(_: RunFigures, said: Said) -> Finding | None:
    """Tell how many of the article's ratios differ from ours, and of how many frameworks file and none are alike."""
    parts, count = [], 0
    for each in WAYS:
        mine = [finding for statement, finding in said if statement.about == ("ratio", each)]
        if mine:
            apart = sum(finding.says == FOUND for finding in mine)
            count += apart
            parts.append(f"{way(each, '')}, {apart} of its {counted(len(mine), 'ratio')} can be told from ours")
        mine = [finding for statement, finding in said if statement.about == ("alike", each)]
        if mine:
            alike, differ = (sum(finding.says == says for finding in mine) for says in (ALIKE, FOUND))
            parts.append(
                f"{way(each, '')}, file and no I/O are alike within {MARGIN:.0%} for {alike} of"
                f" {counted(len(mine), 'framework')} and differ for {differ}"
            )
    if not parts:
        return None
    text = f"What the article says, held against this run: {'; '.join(parts)}."
    return Finding(
        text, COUNTED, float(count), "ratios", None, None, len(said), "sentences",
        (Link("the article's table against ours", "versus"),),
    )  # fmt: skip


KIND = Kind("article", "What the article says", _statements, _summary, summary_leads=False)
