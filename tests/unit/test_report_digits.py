"""Every figure on a report is the archive's, to the last digit: each data-value against what `collect query` says."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from collect.archive.store import Archive
from collect.catalog import Catalog
from collect.cli import main
from collect.report.article import article_figures
from collect.report.data import run_data
from collect.report.figures import run_figures
from collect.report.html import render
from tests.support.cells import cells, measured
from tests.support.judged import ARTICLE_WAY, change, judged
from tests.unit.test_report_composition import run as apart

Row = Mapping[str, Any]
KEPT = ("data-trial", "data-cell", "data-top", "data-bottom", "data-column")
"""What an element has of those around it."""
CEILINGS = {
    "redis": {"gets_per_s": 60_000.0, "clients": 100},
    "network": {
        "up_mbit_per_s": 900.0, "down_mbit_per_s": 800.0, "up_packets_per_s": 9e4, "down_packets_per_s": 8e4,
    },
    "generators": [],
}  # fmt: skip
VOID = ("meta", "link", "input", "br", "wbr", "col", "img", "hr")


class Figures(HTMLParser):
    """Gathers the figures of a page, each with what the elements around it say of what it is."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []
        self._around: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = {name: value or "" for name, value in attrs}
        around = self._around[-1][1] if self._around else {}
        known = {**around, **{name: own[name] for name in KEPT if name in own}}
        for name in ("data-value", "data-ratio"):
            if name in own:
                self.found.append({**known, name: own[name]})
        if tag not in VOID:
            self._around.append((tag, known))

    def handle_endtag(self, tag: str) -> None:
        while any(around == tag for around, _ in self._around):
            if self._around.pop()[0] == tag:
                return


def figures(archive: Archive) -> list[dict[str, str]]:
    return Figures(render(archive, archive.resolve("latest"))).found


class Said(NamedTuple):
    """What the archive says."""

    rows: list[Row]
    catalog: Catalog


def asked(archive: Archive, capsys: pytest.CaptureFixture[str]) -> Said:
    capsys.readouterr()
    sql = "SELECT * FROM trials ORDER BY ordinal"
    assert main(["query", sql, "--json", "--archive", str(archive.path)]) == 0
    rows: list[Row] = json.loads(capsys.readouterr().out)
    return Said(rows, Catalog.from_json(archive.manifest(archive.resolve("latest"))["catalog"]))


def usable(rows: Iterable[Row], cell: str) -> list[Row]:
    return [row for row in rows if row["cell"] == cell and row["kind"] == "cell" and row["validity"] != "invalid"]


def by_block(rows: Iterable[Row], figure: Callable[[Row], float]) -> dict[int, float]:
    return {row["block"]: figure(row) for row in rows}


def ratio(top: Mapping[int, float], bottom: Mapping[int, float]) -> float:
    logs = [math.log(top[block] / bottom[block]) for block in sorted(top.keys() & bottom.keys())]
    return math.exp(statistics.fmean(logs))


def expected(said: Said, at: Mapping[str, str]) -> float:
    """Return what the archive says a figure is."""
    column, rows = at["data-column"], said.rows
    if "data-trial" in at:
        (row,) = (row for row in rows if row["trial_id"] == at["data-trial"])
        value: float = row[column]
        return value
    if column in ("ratio", "cpu", "article", "article_text"):
        top, bottom = (usable(rows, at[name]) for name in ("data-top", "data-bottom"))
        return _ratio(said.catalog, column, top, bottom)
    mine = usable(rows, at["data-cell"])
    if column == "failures":
        failures: int = sum(row["failures"] for row in rows if row["cell"] == at["data-cell"] and row["kind"] == "cell")
        return failures
    if column == "article_rps":
        return _article(said.catalog, mine[0])[0]
    if column.endswith("_cpu_s_per_1000"):
        name = column.replace("_cpu_s_per_1000", "_cpu_cores")
        return math.fsum(row[name] * 1000 for row in mine) / math.fsum(row["rps"] for row in mine)
    if column in TAKEN:
        return TAKEN[column](lambda name: statistics.fmean(row[name] for row in mine))
    return statistics.fmean(row[column] for row in mine)


TAKEN: Mapping[str, Callable[[Callable[[str], float]], float]] = {
    "generator, requests/s": lambda mean: mean("rps"),
    "Redis, GETs/s": lambda mean: mean("redis_gets") / mean("window_s"),
    "client to server, Mbit/s": lambda mean: mean("client_tx_bytes") * 8e-6 / mean("window_s"),
    "server to client, Mbit/s": lambda mean: mean("client_rx_bytes") * 8e-6 / mean("window_s"),
    "client to server, packets/s": lambda mean: mean("client_tx_packets") / mean("window_s"),
    "server to client, packets/s": lambda mean: mean("client_rx_packets") / mean("window_s"),
}
"""What a cell took of each ceiling, from its means."""


def _ratio(catalog: Catalog, column: str, top: list[Row], bottom: list[Row]) -> float:
    if column == "ratio":
        return ratio(by_block(top, lambda row: row["rps"]), by_block(bottom, lambda row: row["rps"]))
    if column == "cpu":
        costs = [by_block(rows, lambda row: row["app_cpu_cores"] / row["rps"]) for rows in (top, bottom)]
        return ratio(*costs)
    rate, text_rate = _article(catalog, bottom[0])
    return _article(catalog, top[0])[0] / (rate if column == "article" else text_rate or math.nan)


def _article(catalog: Catalog, row: Row) -> tuple[float, float | None]:
    figure = article_figures(catalog)[row["workload"]][catalog.variants[row["variant"]]["article"]]
    return figure.rps, figure.text_rps


def check(archive: Archive, capsys: pytest.CaptureFixture[str]) -> set[str]:
    """Hold every figure of a page against the archive; return the columns that there were."""
    said, found = asked(archive, capsys), figures(archive)
    assert found
    columns = set()
    for at in found:
        if "data-ratio" in at:
            if "data-top" in at and at["data-ratio"]:
                assert at["data-ratio"] == str(expected(said, {**at, "data-column": "ratio"})), at
            continue
        assert "data-column" in at, f"nobody can tell what this is: {at}"
        assert at["data-value"] == str(expected(said, at)), at
        columns.add(at["data-column"])
    return columns


@pytest.fixture(scope="module")
def article(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    archive = judged(tmp_path_factory.mktemp("article"), ARTICLE_WAY)
    change(archive.folder(archive.resolve("latest")), ceilings=CEILINGS)
    return archive


def test_the_articles_way(article: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    columns = check(article, capsys)
    assert columns >= {
        "rps", "ratio", "cpu", "article", "article_text", "article_rps", "latency_p50_ms", "latency_max_ms",
        "redis_gets_diff", "requests", "failures", "app_cpu_cores", "app_rss_mib", "generator_cpu_cores",
        "client_cpu_cores", *TAKEN,
    }  # fmt: skip


def test_variants_beside_one_another_on_both_pythons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ("flask-gunicorn-gthread", "starlette-uvicorn-uvloop")
    some = cells(("redis",), (*names, *(f"{name}-modern" for name in names)), ("controlled",))
    columns = check(measured(tmp_path, some, {}), capsys)
    assert columns >= {"rps", "app_cpu_s_per_1000", "server_cpu_s_per_1000", "app_pss_mib", "ratio"}


@pytest.mark.parametrize("kind", ["ladder", "factorial"])
def test_what_is_reckoned_from_all_trials_is_what_json_says(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = apart(tmp_path, kind)
    known = {"100", *map(str, numbers(run_data(run_figures(archive, archive.resolve("latest")))))}
    said, reckoned = asked(archive, capsys), 0
    for at in figures(archive):
        if "data-value" in at and "data-column" in at:
            assert at["data-value"] == str(expected(said, at)), at
        elif "data-value" in at:
            assert at["data-value"] in known, at
            reckoned += 1
    assert reckoned > 5


def numbers(value: Any) -> Iterator[float]:
    """Yield all numbers of plain data."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from numbers(each)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def test_a_figure_that_is_not_the_archives_is_found(article: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    said = asked(article, capsys)
    at = next(at for at in figures(article) if at.get("data-column") == "rps" and "data-trial" in at)
    assert at["data-value"] == str(expected(said, at))
    other = said._replace(rows=[{**row, "rps": math.nextafter(row["rps"], math.inf)} for row in said.rows])
    assert at["data-value"] != str(expected(other, at))
