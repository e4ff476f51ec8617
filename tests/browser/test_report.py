"""The report in a real browser: nothing amiss, nothing fetched, and the archive's own digits on the page."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from collect.cli import main
from collect.report.words import whole
from tests.support.browser import Browser, chromium

pytestmark = [pytest.mark.browser, pytest.mark.skipif(chromium() is None, reason="no Chromium here")]
WIDTHS = (1400, 768, 400)
KINDS = ("page", "limited", "wide", "ranked", "ladder", "factorial", "mapped", "repeated")
"""Fixtures of conftest.py: the pages of runs of each kind."""
CELLS = "[...document.querySelectorAll('SELECTOR')].map(row => [ID, [...row.querySelectorAll('[data-value]')].map(cell => cell.dataset.value)])"  # noqa: E501

OVER = """[...document.querySelectorAll('TABLE tr')].filter(row => {
    const boxes = [...row.cells].map(cell => cell.getBoundingClientRect()).filter(box => box.width);
    return boxes.some((a, i) => boxes.some((b, j) => i < j && a.left < b.right - 1 && b.left < a.right - 1
        && a.top < b.bottom - 1 && b.top < a.bottom - 1)) }).length"""
"""Rows of a table of which two cells overlap."""
UNDRAWN = "[...document.querySelectorAll('[data-chart]')].filter(place => !place.firstElementChild).length"
BUILT = "report.views.every(view => view.charts?.trial) && 1"
"""Whether the charts of a trial of each cell are drawn."""


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


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_amiss_at_any_width(browser: Browser, kind: str, dark: bool, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(kind)
    browser.open(path, WIDTHS[0], dark=dark)
    back = browser.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert max(back) < 60 if dark else min(back) > 230
    assert browser.evaluate("document.querySelectorAll('b').length") == 0  # facts are text, whatever they hold
    for width in WIDTHS:
        browser.resize(width)
        browser.until(f"document.documentElement.scrollWidth <= {width}", 60)  # charts follow a moment later
    assert browser.errors == []
    assert browser.outside == []
    assert {url for url in browser.requests if not url.startswith("data:")} == {path.resolve().as_uri()}


@pytest.mark.parametrize("kind", KINDS)
def test_each_picture_has_its_data_as_a_table(browser: Browser, kind: str, request: pytest.FixtureRequest) -> None:
    browser.open(request.getfixturevalue(kind), 1000)
    figures = browser.evaluate(
        "[...document.querySelectorAll('figure')].filter(figure => figure.querySelector('[data-chart]')).map(figure =>"
        " [figure.querySelector('figcaption')?.textContent.trim().length > 0,"
        " figure.querySelectorAll('details table thead th').length > 0,"
        " figure.querySelectorAll('details table tbody tr').length > 0,"
        " figure.querySelectorAll('[data-save]').length === 2])"
    )
    assert figures
    assert all(all(each) for each in figures), figures
    inside = browser.evaluate("document.querySelectorAll('figure [data-chart]').length")
    assert browser.evaluate("document.querySelectorAll('[data-chart]').length") == inside


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


def test_charts_far_away_are_drawn_when_they_are_needed(shown: Browser) -> None:
    assert shown.evaluate(UNDRAWN) > 0
    shown.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    shown.evaluate("dispatchEvent(new Event('beforeprint'))")  # draws all, also what is far from the window
    shown.until(f"{UNDRAWN} === 0", 60)
    shown.until(BUILT, 60)
    narrow = (
        "[...document.querySelectorAll('[data-chart], [data-panel]')].filter(place => place.offsetParent)"
        ".map(place => place.firstElementChild.getBoundingClientRect())"
        ".filter(box => box.width < 300 || box.height < 100)"
    )
    shown.until(f"{narrow}.length === 0")
    assert shown.errors == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
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
    browser.until(f"{part}.open")
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
