"""The article's table against ours, the variants beside one another, and what differs in the setup."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from collect.archive.store import Archive
from collect.catalog import Catalog, load_catalog
from collect.report.article import ArticleFigure, article_figures, article_setup, python_of, side_of
from collect.report.comparison import comparisons, headline
from collect.report.data import run_data
from collect.report.figures import RunFigures, run_figures
from collect.report.html import render as render_page
from collect.report.manifest import ratios_of
from collect.report.setup import UNKNOWN, setup
from collect.report.table import article_table
from collect.report.text import render
from collect.report.variants import rankings, renewals
from collect.report.verdicts import CellVerdict, whose
from collect.verdicts.findings import WORDS
from tests.support.cells import cells, measured
from tests.support.judged import ARTICLE_WAY, change, judged

ARTICLE = {
    "redis": {"flask": 315, "starlette": 1361},
    "none": {"flask": 463, "starlette": 1539, "aiohttp": 1455},
    "file": {"flask": 453, "starlette": 1538, "aiohttp": 1490},
    "db": {"flask": 225, "starlette": 1496},
}
"""The ten, as the article's table has them."""
SIDES = {"flask": "flask-werkzeug", "starlette": "starlette-uvicorn", "aiohttp": "aiohttp"}


def figures(archive: Archive) -> RunFigures:
    return run_figures(archive, archive.resolve("latest"))


def printed(archive: Archive, width: int) -> str:
    run_id = archive.resolve("latest")
    console = Console(width=width, file=io.StringIO())
    render(run_figures(archive, run_id), console, archive.folder(run_id))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Return a run of the article's whole table: its async figures the generator's, its sync ones ports or database."""
    some = cells(tuple(ARTICLE), tuple(SIDES.values()), ("article", "controlled"))
    words: dict[str, Any] = {}
    for cell in some:
        if cell.profile == "article":
            sync = {"redis": "server-cpu", "db": "database"}.get(cell.workload, "client-ports")
            words[cell.name] = sync if "flask" in cell.variant else "generator"
    words["aiohttp.file.locust-http.10.article"] = "unsteady"
    words["starlette-uvicorn.db.locust-http.10.article"] = ["server-cpu", "generator", "network"]
    return measured(
        tmp_path_factory.mktemp("whole"), some, words,
        app_pss_mib=lambda row: 30.0 + row["block"], client_ports=28232, client_ports_used_max=0,
    )  # fmt: skip


def test_the_catalog_has_the_articles_ten_figures() -> None:
    known = article_figures(load_catalog())
    assert {workload: {side: each.rps for side, each in sides.items()} for workload, sides in known.items()} == ARTICLE
    assert list(known) == ["redis", "none", "file", "db"]
    assert known["redis"]["flask"].text_rps == 342
    assert {side: each.latency_ms for side, each in known["none"].items()} == {
        "flask": 19,
        "starlette": 5,
        "aiohttp": 6,
    }


def test_older_entries_are_read_as_they_are() -> None:
    catalog = replace(load_catalog(), article={"redis": {"flask": 315, "flask_text": 342, "starlette": 1361}})
    assert article_figures(catalog) == {"redis": {"flask": ArticleFigure(315, 342), "starlette": ArticleFigure(1361)}}
    assert article_setup(catalog) == {}


def test_what_runs_on_todays_python_is_no_figure_of_the_articles() -> None:
    variants = load_catalog().variants
    sides = {name: side_of(entry) for name, entry in variants.items() if side_of(entry)}
    assert sides == {name: side for side, name in SIDES.items()}
    modern = {**variants["flask-werkzeug"], "python": "modern"}
    assert (side_of(modern), python_of(modern), python_of(variants["aiohttp"])) == ("", "modern", "article")


def test_the_table_holds_every_figure_against_the_articles(whole: Archive) -> None:
    found = figures(whole)
    table = article_table(found)
    assert table
    assert [(workload, [row.framework for row in rows]) for workload, rows, _ in table.workloads] == [
        (workload, ["flask", "starlette", "aiohttp"]) for workload in ARTICLE
    ]
    for row in table.rows:
        assert (row.article.rps if row.article else None) == ARTICLE[row.workload].get(row.framework)
        assert set(row.ways) == {"article", "controlled"}
        for way, each in row.ways.items():
            assert (each.cell.variant, each.cell.workload, each.cell.profile) == (
                SIDES[row.framework], row.workload, way,
            )  # fmt: skip
            trials = [trial for trial in found.rows if trial["cell"] == each.cell.name]
            answered = sum(trial["rps"] for trial in trials)
            assert each.app_cpu_s == pytest.approx(sum(trial["app_cpu_cores"] for trial in trials) / answered * 1000)
            server = sum(trial["server_cpu_cores"] for trial in trials) / answered * 1000
            assert each.server_cpu_s == pytest.approx(server)
            assert server > (each.app_cpu_s or 0) > 0
            assert each.memory
            assert each.memory.value == pytest.approx(32.0)
            assert each.trials == tuple(trial["ordinal"] for trial in trials)


def test_it_says_how_many_of_the_articles_figures_are_whose(whole: Archive) -> None:
    table = article_table(figures(whole))
    assert table
    assert table.sentence == (
        "Of the article's 10 figures, measured its way, 2 were limited by the server, 6 by the client (generator:"
        " Starlette on redis, none and file, aiohttp on none; ports: Flask on none and file), 1 by neither (not steady:"
        " aiohttp on file) and 1 by what is not known (not sure: CPU: Starlette on db)."
    )
    assert {piece.kind for piece in table.told} == {"", "server", "client", "between", "unknown"}


def test_its_ratios_are_those_of_the_cells_it_shows(whole: Archive) -> None:
    found = figures(whole)
    table = article_table(found)
    assert table
    for workload, rows, ratios in table.workloads:
        assert [(ratio.top, ratio.bottom) for ratio in ratios] == [("Starlette", "Flask"), ("aiohttp", "Flask")]
        shown = {each.cell.name for row in rows for each in row.ways.values()}
        for ratio in ratios:
            for way, each in ratio.ways.items():
                assert {each.top.name, each.bottom.name} <= shown
                assert each.comparable == (way == "controlled")
        assert ratios[0].article == pytest.approx(ARTICLE[workload]["starlette"] / ARTICLE[workload]["flask"])
    assert table.workloads[0][2][0].article_text == pytest.approx(1361 / 342)
    assert [told.workload for told in comparisons(found)] == list(ARTICLE)
    assert " on Redis I/O " in headline(found)


def test_the_page_links_each_cell_to_its_trials(whole: Archive) -> None:
    page = render_page(whole, whole.resolve("latest"))
    links = re.findall(r'<a class="big" href="#([^"]+)"', page)
    assert len(links) == len(set(links)) == 24
    for link in links:
        (listed,) = re.findall(rf'<details class="cell" id="{re.escape(link)}">(.*?)</details>', page, re.DOTALL)
        ordinals = re.findall(r'href="#trial-(\d+)"', listed)
        assert len(ordinals) == 3
        for ordinal in ordinals:
            row = re.search(rf'<tr class="\w+" id="trial-{ordinal}" data-trial="([^"]+)"', page)
            assert row
            assert row[1].endswith(link.removeprefix("trials-"))
    kinds = re.findall(r'<td class="n says (\w+)"', page)
    assert (kinds.count("server"), kinds.count("client"), kinds.count("none")) == (2, 6, 2)


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_terminals_table_fits(whole: Archive, width: int) -> None:
    text = printed(whole, width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    words = " ".join(text.split())
    assert "2 were limited by the server" in words
    if width == 120:
        assert words.count("not comparable") >= 8
        line = next(line for line in text.splitlines() if line.startswith(" flask "))
        assert re.match(r" flask +315 +[\d.,]+ ± [\d.]+% server's own: CPU +[\d.,]+ ± [\d.]+% server's own: app", line)


def test_it_is_in_the_json(whole: Archive) -> None:
    data = json.loads(json.dumps(run_data(figures(whole))))["table"]
    rows = {(each["workload"], row["framework"]): row for each in data["workloads"] for row in each["rows"]}
    assert len(rows) == 12
    assert rows["db", "flask"]["article"] == {"rps": 225, "text_rps": None, "latency_ms": None}
    assert rows["db", "flask"]["ways"]["article"]["whose"] == "server"
    assert rows["db", "flask"]["ways"]["article"]["limited_by"] == "database"
    assert rows["redis", "aiohttp"]["article"] is None


def test_a_run_that_lacks_cells_has_the_rows_it_measured(tmp_path: Path) -> None:
    archive = judged(tmp_path, ARTICLE_WAY)
    table = article_table(figures(archive))
    assert table
    assert [(row.workload, row.framework) for row in table.rows] == [("redis", "flask"), ("redis", "starlette")]
    assert table.sentence == (
        "Of 2 of the article's 10 figures, measured its way, none were limited by the server and 2 by the client"
        " (ports: Flask on redis; generator: Starlette on redis)."
    )


def test_a_run_with_one_way_only_says_so(tmp_path: Path) -> None:
    some = cells(("file",), ("flask-werkzeug", "aiohttp"), ("controlled",))
    archive = measured(tmp_path, some, {})
    table = article_table(figures(archive))
    assert table
    assert table.ways == ["controlled"]
    assert table.sentence.startswith("None of the article's figures was measured its way")
    assert "aiohttp / Flask" in render_page(archive, archive.resolve("latest"))


def test_a_run_without_the_articles_variants_has_no_table(tmp_path: Path) -> None:
    some = cells(("redis",), ("flask-gunicorn-sync", "starlette-uvicorn-uvloop"), ("controlled",))
    found = figures(measured(tmp_path, some, {}))
    assert article_table(found) is None
    assert run_data(found)["table"] is None
    assert "Starlette (starlette-uvicorn-uvloop) answers" in headline(found)


@pytest.mark.parametrize(("rate", "window_s", "ports", "seconds"), [
    (600, 3, 28232, "24"), (600, 3, 64512, "54"), (200, 3, 28232, None), (600, 30, 28232, None),
])  # fmt: skip
def test_windows_that_are_too_short_for_the_ports_say_so(
    tmp_path: Path, rate: float, window_s: float, ports: int, seconds: str | None
) -> None:
    columns: dict[str, Any] = {
        "connections": lambda row: int(rate * window_s), "client_ports_used_max": lambda row: int(rate * window_s),
        "client_ports": ports, "window_s": window_s, "ramp_s": 0.0, "warmup_s": 0.5,
    }  # fmt: skip
    some = cells(("none",), ("flask-werkzeug",), ("article",))
    table = article_table(figures(measured(tmp_path / "a", some, {}, **columns)))
    assert table
    assert bool(table.notes) == bool(seconds)
    if seconds:
        assert "too short to see what the client's ports do to Flask on none" in table.notes[0]
        assert f"wait in TIME_WAIT after {seconds} s of load" in table.notes[0]
        assert "plan article has windows of 120 s" in table.notes[0]
    for more in ({"client_ports_used_max": 0}, {"client_ports": None}):  # connections kept; older entries
        table = article_table(figures(measured(tmp_path / str(more), some, {}, **columns | more)))
        assert table
        assert not table.notes
    table = article_table(figures(measured(tmp_path / "c", some, {"": "client-ports"}, **columns)))
    assert table
    assert not table.notes


@pytest.mark.parametrize("word", WORDS)
def test_every_word_says_whose_it_is(word: str) -> None:
    told = whose(CellVerdict(word, "high", "untested", {word: 3}, None), usable=True)
    side = {"server": "server's own: ", "client": "client's: ", "between": "neither's: "}
    assert told.text.startswith(side[told.kind])
    assert (told.kind == "server") == (word in ("server-app", "server-cpu", "redis", "database"))
    low = whose(CellVerdict(word, "low", "untested", {word: 2, "x": 1}, None), usable=True)
    assert low.kind == "unknown"
    assert re.fullmatch(r"not sure: .+ 2 of 3", low.text)
    refuted = whose(CellVerdict(word, "high", "refuted", {word: 3}, None), usable=True)
    assert (refuted.kind, refuted.text) == ("unknown", "not known")
    assert whose(CellVerdict(word, "high", "untested", {word: 3}, None), usable=False).text == "no valid trial"


PRODUCTION = (
    "flask-production-sync", "flask-production-gthread", "starlette-production-uvicorn", "starlette-production-uvloop",
)  # fmt: skip
RATES = dict(zip(PRODUCTION, (900.0, 1000.0, 1100.0, 1300.0), strict=True))


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    some = cells(("none", "redis"), PRODUCTION, ("controlled",))
    words = {"flask-production-sync.redis.locust-fast.10.controlled": "generator"}
    return measured(
        tmp_path_factory.mktemp("production"), some, words, rps=lambda row: RATES[row["variant"]] + row["block"]
    )


def test_variants_are_ranked_and_the_fastest_held_against_each_other(production: Archive) -> None:
    found = figures(production)
    redis, none = rankings(found)
    assert (redis.workload, none.workload) == ("redis", "none")
    for ranking in (redis, none):
        assert [each.cell.variant for each in ranking.rows] == list(PRODUCTION[::-1])
        (pairs,) = ranking.pairs
        assert (pairs.tops, pairs.bottoms) == (list(PRODUCTION[:1:-1]), list(PRODUCTION[1::-1]))
        (best,) = pairs.best
        assert (best.top.variant, best.bottom.variant) == (PRODUCTION[3], PRODUCTION[1])
        assert best.comparable
        assert best.ratio
        assert best.ratio.value == pytest.approx(1.3, abs=0.01)
    (pairs,) = redis.pairs
    assert not pairs.of(PRODUCTION[3], PRODUCTION[0]).comparable
    assert "generator" in str(pairs.of(PRODUCTION[3], PRODUCTION[0]).why)
    assert article_table(found) is None
    assert headline(found).startswith(
        "With the client out of the way, Starlette (starlette-production-uvloop) answers 1.30 times as many requests a"
        " second as Flask (flask-production-gthread) on Redis I/O"
    )


@pytest.mark.parametrize("width", [100, 120])
def test_the_ranking_fits_the_terminal(production: Archive, width: int) -> None:
    text = printed(production, width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    order = [
        line.split()[0] for line in text.splitlines() if re.match(r"(flask|starlette)-production-\w+ +1?,?\d+\.", line)
    ]
    assert order[:4] == list(PRODUCTION[::-1])
    assert "1.44 !" in text
    assert "1.30" in text


def test_no_pair_is_on_the_page_without_its_two_verdicts(production: Archive, modern: Archive) -> None:
    for archive, tables in ((production, 2), (modern, 4)):
        page = render_page(archive, archive.resolve("latest"))
        pairs = re.findall(r'<table class="pairs">(.*?)</table>', page, re.DOTALL)
        assert len(pairs) == tables
        for table in pairs:
            found = re.findall(r"<td.*?</td>", table, re.DOTALL)
            assert found
            assert all(cell.count("data-ratio=") == 1 and cell.count("data-verdict=") == 2 for cell in found)


MODERN = ("flask-werkzeug", "flask-werkzeug-modern", "starlette-uvicorn", "starlette-uvicorn-modern")


@pytest.fixture(scope="module")
def modern(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    some = cells(("none", "redis"), MODERN, ("controlled",))
    words = {"starlette-uvicorn-modern.none.locust-fast.10.controlled": "generator"}

    def rate(row: Mapping[str, Any]) -> float:
        newer = 1.25 if row["variant"].endswith("-modern") else 1.0
        return float((400 if "flask" in row["variant"] else 800) * newer + row["block"])

    return measured(tmp_path_factory.mktemp("modern"), some, words, rps=rate)


def test_each_variant_is_held_against_itself_on_todays_python(modern: Archive) -> None:
    found = figures(modern)
    assert [
        (each.ratio.top.variant, each.ratio.bottom.variant, each.ratio.top.workload) for each in renewals(found)
    ] == [(f"{variant}-modern", variant, workload) for workload in ("redis", "none") for variant in MODERN[::2]]
    assert [each.ratio.comparable for each in renewals(found)] == [True, True, True, False]
    for each in renewals(found):
        assert each.ratio.ratio
        assert each.ratio.ratio.value == pytest.approx(1.25, abs=0.01)
        assert each.ratio.article is None
    told = headline(found)
    assert re.match(r"On today's Python and packages Flask answers 1\.25 times \(1\.2\d to 1\.2\d\) as many", told)
    assert " on Redis I/O as on the article's, Starlette 1.25 times (" in told
    assert {ratio.top.python for ratio in found.ratios} == {"article", "modern"}
    assert all(ratio.top.python == ratio.bottom.python for ratio in found.ratios)
    assert len(ratios_of(found.manifest)) == len(found.ratios) == 4
    data = json.loads(json.dumps(run_data(found)))
    assert [ratio["top"]["variant"] for ratio in data["pythons"]] == [f"{each}-modern" for each in MODERN[::2]] * 2


def test_nothing_of_the_modern_ones_counts_when_nothing_is_the_servers(tmp_path: Path) -> None:
    some = cells(("none",), MODERN[:2], ("controlled",))
    found = figures(measured(tmp_path, some, {"": "generator"}))
    assert headline(found).startswith("What today's Python and packages change is not known: ")
    assert "held back by the load generator" in headline(found)


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_pythons_fit_the_terminal(modern: Archive, width: int) -> None:
    text = printed(modern, width)
    # A path is not broken, so that it can be copied.
    told = [line.rstrip() for line in text.splitlines() if str(modern.path) not in line]
    assert max(map(len, told)) <= width
    assert "Today's Python and packages against the article's" in text


def test_two_variants_that_differ_in_more_than_the_python_are_no_pair(tmp_path: Path) -> None:
    some = cells(("none",), ("flask-gunicorn-sync", "flask-werkzeug-modern"), ("controlled",))
    assert figures(measured(tmp_path, some, {})).pythons == []


def facts(**server: Any) -> dict[str, Any]:
    sysctl = {"net.ipv4.ip_local_port_range": "32768 60999", "net.ipv4.tcp_tw_reuse": "2"}
    return {"server1": {"sysctl": sysctl, **server}, "client1": {"cpu_model": "A client", "sysctl": sysctl}}


def test_the_setup_says_what_differs(whole: Archive) -> None:
    entry = whole.folder(whole.resolve("latest"))
    python = {"version": "3.8.18 (default, today)", "compiler": "GCC 12.2.0", "pgo": False, "lto": True}
    change(
        entry,
        hosts=facts(
            cpu_model="A server", cpu_set=[0, 1], python=python, database={"engine": "mariadb", "version": "10.11.14"},
            distribution="Debian 12", kernel="6.1.0",
        ),
    )  # fmt: skip
    told = {each.what: (each.article, each.ours) for each in setup(figures(whole))}
    assert told["server's CPU"] == ("Intel i7-12700F, 8 + 4 cores, 20 threads", "A server, 2 CPUs of it")
    assert told["client's CPU"][1] == "A client"
    assert told["database"] == ("MySQL 8.0.27 in Docker", "MariaDB 10.11.14, no container")
    assert told["Python"] == ("3.8", "3.8.18, GCC 12.2.0, without PGO and with LTO")
    assert told["size of the file"] == ("not told", "1,024 bytes")
    assert told["rows of the table"] == ("not told", "10")
    assert told["system"][1] == "Debian 12, kernel 6.1.0"
    assert "windows of 3 s" in told["length of a run"][1]
    assert "3 blocks" in told["repeats"][1]
    assert told["client's ports"][1] == (
        "article: 32768 to 60999 (28,232), tcp_tw_reuse 2; controlled: 1024 to 65535 (64,512), tcp_tw_reuse 1"
    )
    assert "article: HttpUser, 1 process, 10 users; controlled: FastHttpUser" in told["load"][1]
    page = render_page(whole, entry.name)
    assert "What differs from the article" in page
    assert "MariaDB 10.11.14, no container" in page


def test_a_setup_that_nobody_recorded_is_not_made_up(modern: Archive) -> None:
    entry = modern.folder(modern.resolve("latest"))
    change(entry, hosts={})
    told = {each.what: each.ours for each in setup(figures(modern))}
    assert {told[what] for what in ("server's CPU", "client's CPU", "system")} == {UNKNOWN}
    assert told["Python"] == f"{UNKNOWN}; today's: {UNKNOWN}"
    assert "database" not in told
    manifest = json.loads((entry / "manifest.json").read_text())
    older = Catalog.from_json({**manifest["catalog"], "article": {"redis": {"flask": 315}}})
    assert setup(replace(figures(modern), catalog=older)) == []
