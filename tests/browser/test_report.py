"""The report in a real browser: nothing amiss, nothing fetched, and the archive's own digits on the page."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collect.archive.store import Archive
from collect.cli import main
from collect.report.table import WAYS
from collect.report.words import whole
from tests.support.browser import Browser, chromium
from tests.support.cells import cells, measured
from tests.support.judged import ARTICLE_WAY, judged
from tests.support.plans import small_plan
from tests.support.synthetic import Setting, finish, plausible

pytestmark = [pytest.mark.browser, pytest.mark.skipif(chromium() is None, reason="no Chromium here")]
CELLS = "[...document.querySelectorAll('SELECTOR')].map(row => [ID, [...row.querySelectorAll('[data-value]')].map(cell => cell.dataset.value)])"  # noqa: E501

OVER = """[...document.querySelectorAll('TABLE tr')].filter(row => {
    const boxes = [...row.cells].map(cell => cell.getBoundingClientRect()).filter(box => box.width);
    return boxes.some((a, i) => boxes.some((b, j) => i < j && a.left < b.right - 1 && b.left < a.right - 1
        && a.top < b.bottom - 1 && b.top < a.bottom - 1)) }).length"""
"""Rows of a table of which two cells overlap."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from collect.archive import begin_run

    folder = tmp_path_factory.mktemp("archive")
    run = begin_run(folder, small_plan(3, window_s=5, workloads=("redis", "none")), inventory="local")
    run.update_session(facts={"server1": {"role": "server", "cpu_model": "<b>odd</b>"}, "client1": {"role": "client"}})
    for spec in run.trials():
        spoilt = spec.block == 2 and spec.cell.workload == "redis"
        finish(run, spec, Setting(redis_lost=100) if spoilt else plausible(spec))
    run.seal()
    return folder


@pytest.fixture(scope="module")
def page(archive: Path) -> Path:
    path = archive / "report.html"
    assert main(["report", "latest", "-o", str(path), "--archive", str(archive)]) == 0
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as started:
        yield started


@pytest.fixture(scope="module")
def shown(browser: Browser, page: Path) -> Browser:
    """Return the browser with the page open, for tests that only look."""
    browser.open(page, 1000)
    return browser


def asked(archive: Path, capsys: pytest.CaptureFixture[str], sql: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["query", sql, "--json", "--archive", str(archive)]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


@pytest.mark.parametrize(("width", "dark"), [(400, False), (1400, False), (800, True)])
def test_nothing_is_amiss_at_any_width(browser: Browser, page: Path, width: int, dark: bool) -> None:
    browser.open(page, width, dark=dark)
    assert browser.errors == []
    assert {url for url in browser.requests if not url.startswith("data:")} == {page.resolve().as_uri()}
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate("document.querySelectorAll('[data-chart]').length") == 2 + 2 * 3 + 12 * 2
    assert browser.evaluate("document.querySelectorAll('b').length") == 0  # facts are text, whatever they hold
    dark_back = "rgb(23, 24, 27)" if dark else "rgb(255, 255, 255)"
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == dark_back


def test_each_trials_digits_are_the_archives(shown: Browser, archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = shown.evaluate(
        "[...document.querySelectorAll('#columns tbody tr')].map(r => [...r.cells].map(c => c.textContent))"
    )
    rows = asked(archive, capsys, "SELECT * FROM trials ORDER BY ordinal")
    for name, *values in found:
        if not name.endswith("_at"):
            assert values == [whole(row[name]) for row in rows], name
    names = (
        "requests", "failures", "rps", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "latency_max_ms",
        "redis_gets_diff",
    )  # fmt: skip
    found = shown.evaluate(CELLS.replace("SELECTOR", "#each tbody tr").replace("ID", "row.dataset.trial"))
    assert found == [[row["trial_id"], [str(row[n]) for n in names if row[n] is not None]] for row in rows]


def test_each_cells_figures_are_made_of_the_archives(
    shown: Browser, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = dict(shown.evaluate(CELLS.replace("SELECTOR", "#rates tbody tr").replace("ID", "row.dataset.cell")))
    resources = dict(shown.evaluate(CELLS.replace("SELECTOR", "#resources tbody tr").replace("ID", "row.dataset.cell")))
    rows = asked(archive, capsys, "SELECT * FROM trials WHERE validity <> 'invalid'")
    assert len(rates) == len({row["cell"] for row in rows}) == 4
    for cell, figures in rates.items():
        mine = [row for row in rows if row["cell"] == cell]
        assert float(figures[0]) == statistics.fmean(row["rps"] for row in mine)
        latencies = [statistics.fmean(row[f"latency_{p}_ms"] for row in mine) for p in ("p50", "p95", "p99")]
        assert [float(value) for value in figures[2:5]] == latencies
        assert float(resources[cell][0]) == statistics.fmean(row["app_cpu_cores"] for row in mine)
        assert float(resources[cell][-1]) == statistics.fmean(row["client_cpu_cores"] for row in mine)


def test_invalid_trials_are_struck_out_with_their_reason(shown: Browser) -> None:
    line = "getComputedStyle(row.cells[3]).textDecorationLine"
    struck = shown.evaluate(f"[...document.querySelectorAll('#each tr.invalid')].map(row => {line})")
    assert struck == ["line-through"] * 2
    assert "Redis counted 100 GETs fewer" in shown.evaluate("document.querySelector('#each tr.invalid').textContent")


def test_charts_in_folded_parts_are_drawn_when_unfolded(shown: Browser) -> None:
    assert shown.evaluate("document.querySelectorAll('[data-chart] .bk-Figure').length") < 2 + 2 * 3 + 12 * 2
    shown.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    shown.evaluate("dispatchEvent(new Event('beforeprint'))")  # draws all, also what is far from the window
    widths: list[float] = []
    for _ in range(50):
        widths = shown.evaluate(
            "[...document.querySelectorAll('.pair figure .bk-Figure')].map(e => e.getBoundingClientRect().width)"
        )
        if len(widths) == 24 and min(widths) > 300:
            break
        time.sleep(0.1)
    assert len(widths) == 24
    assert min(widths) > 300
    assert shown.errors == []


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a run of which one ratio counts and the other does not."""
    archive = judged(tmp_path_factory.mktemp("limited"), ARTICLE_WAY)
    path = archive.path / "report.html"
    assert main(["report", "latest", "-o", str(path), "--archive", str(archive.path)]) == 0
    return path


@pytest.mark.parametrize(("width", "dark"), [(400, False), (1400, False), (800, True)])
def test_what_does_not_count_is_struck_out_and_says_why(
    browser: Browser, limited: Path, width: int, dark: bool
) -> None:
    browser.open(limited, width, dark=dark)
    assert browser.errors == []
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    struck = "document.querySelector('.versus tr.times td.article s')"
    assert browser.evaluate(f"getComputedStyle({struck}).textDecorationLine") == "line-through"
    assert float(browser.evaluate(f"{struck}.textContent")) > 1
    for seen in (struck, "document.querySelector('.versus tr.times td.article .not')"):
        box = browser.evaluate(f"(b => [b.left, b.right, b.top, b.height])({seen}.getBoundingClientRect())")
        assert 0 <= box[0] < box[1] <= width
        assert box[2] > 0
        assert box[3] > 10
    text = browser.evaluate("document.querySelector('.versus tr.times td.article').innerText")
    assert "not comparable" in text
    assert "held back by the client's ports" in text
    counts = "document.querySelector('.versus tr.times td.controlled')"
    assert browser.evaluate(f"{counts}.querySelectorAll('s').length") == 0
    assert browser.evaluate(f"[...{counts}.querySelectorAll('[data-verdict]')].map(e => e.innerText)") == (
        ["server-app"] * 2
    )
    badges = browser.evaluate("[...document.querySelectorAll('.versus .limit')].map(e => e.innerText)")
    assert badges == ["client's: ports", "server's own: app", "client's: generator", "server's own: app"]


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a run of all workloads and frameworks, both ways."""
    some = cells(("none", "file", "redis", "db"), ("flask-werkzeug", "starlette-uvicorn", "aiohttp"), tuple(WAYS))
    words = {cell.name: "generator" for cell in some if cell.profile == "article" and "flask" not in cell.variant}
    return drawn(measured(tmp_path_factory.mktemp("wide"), some, words, blocks=1))


@pytest.fixture(scope="module")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a run of variants on both Pythons."""
    names = ("flask-gunicorn-gthread", "starlette-uvicorn-uvloop")
    some = cells(("redis",), (*names, *(f"{name}-modern" for name in names)), ("controlled",))
    return drawn(measured(tmp_path_factory.mktemp("ranked"), some, {}))


def drawn(archive: Archive) -> Path:
    path = archive.path / "report.html"
    assert main(["report", "latest", "-o", str(path), "--archive", str(archive.path)]) == 0
    return path


@pytest.mark.parametrize(("width", "dark"), [(1400, False), (1000, True), (400, False)])
def test_the_tables_fit_every_window(browser: Browser, wide: Path, ranked: Path, width: int, dark: bool) -> None:
    for path, table, rows in ((wide, "#versus", 12), (ranked, ".renewals", 2)):
        browser.open(path, width, dark=dark)
        assert browser.errors == []
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        assert browser.evaluate(f"document.querySelectorAll('{table} tr.framework').length") == rows
        # Nothing of it has to be scrolled to, and nothing lies over something else.
        hidden = f"(e => e.scrollWidth - e.clientWidth)(document.querySelector('{table}').parentElement)"
        assert browser.evaluate(hidden) == 0
        assert browser.evaluate(OVER.replace("TABLE", table)) == 0
    browser.open(wide, width, dark=dark)
    colors = browser.evaluate(
        "[...document.querySelectorAll('td.says')].map(e => [e.className, getComputedStyle(e).backgroundColor])"
    )
    shades = {name.split()[-1]: color for name, color in colors}
    assert set(shades) == {"server", "client", "none"}
    assert len(set(shades.values())) == 3


def test_a_figure_leads_to_its_trials(browser: Browser, wide: Path) -> None:
    browser.open(wide, 1400)
    browser.evaluate("document.querySelectorAll('#versus a.big')[3].click()")
    part = "document.querySelector('details.cell:target')"
    for _ in range(50):
        if browser.evaluate(f"{part}.open"):
            break
        time.sleep(0.1)
    assert browser.evaluate(f"{part}.open")
    assert browser.evaluate(f"{part}.id") == "trials-starlette-uvicorn.redis.locust-fast.10.controlled"
    browser.evaluate(f"{part}.querySelector('a').click()")
    row = "document.querySelector('#each tr:target').dataset.trial"
    assert browser.evaluate(row).endswith("starlette-uvicorn.redis.locust-fast.10.controlled")


def test_the_verdicts_can_be_read_on_light_and_dark(browser: Browser, limited: Path) -> None:
    # WCAG 2.1, 1.4.3: at least 4.5 to 1 between text and what is behind it.
    contrast = """[...document.querySelectorAll('.limit')].map(e => {
        const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map(v => (v /= 255) <= 0.03928
            ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b };
        const [a, b] = [light(getComputedStyle(e).color), light(getComputedStyle(e).backgroundColor)];
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) })"""
    for dark in (False, True):
        browser.open(limited, 1000, dark=dark)
        found = browser.evaluate(contrast)
        assert len(found) > 10
        assert min(found) >= 4.5
