"""The report in a real browser: nothing amiss, nothing fetched, and the archive's own digits on the page."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collect.cli import main
from collect.report.words import whole
from tests.support.browser import Browser, chromium
from tests.support.judged import ARTICLE_WAY, judged
from tests.support.plans import small_plan
from tests.support.synthetic import Setting, finish, plausible

pytestmark = [pytest.mark.browser, pytest.mark.skipif(chromium() is None, reason="no Chromium here")]
CELLS = "[...document.querySelectorAll('SELECTOR')].map(row => [ID, [...row.querySelectorAll('[data-value]')].map(cell => cell.dataset.value)])"  # noqa: E501


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
    charts = browser.evaluate("Bokeh.documents.reduce((sum, d) => sum + d.roots().length, 0)")
    assert charts == 2 + 2 * 3 + 12 * 2
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
    shown.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    widths: list[float] = []
    for _ in range(50):
        widths = shown.evaluate(
            "[...document.querySelectorAll('.pair figure .bk-Figure')].map(e => e.getBoundingClientRect().width)"
        )
        if widths and min(widths) > 300:
            break
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
    row = "document.querySelector('.told tr.article:has(s)')"
    struck = f"{row}.querySelector('s')"
    assert browser.evaluate(f"getComputedStyle({struck}).textDecorationLine") == "line-through"
    assert float(browser.evaluate(f"{struck}.textContent")) > 1
    for seen in (struck, f"{row}.querySelector('.not')"):
        box = browser.evaluate(f"(b => [b.left, b.right, b.top, b.height])({seen}.getBoundingClientRect())")
        assert 0 <= box[0] < box[1] <= width
        assert box[2] > 0
        assert box[3] > 10
    text = browser.evaluate(f"{row}.innerText")
    assert "not comparable" in text
    assert "held back by the client's ports" in text
    counts = "document.querySelector('.told tr.controlled')"
    assert browser.evaluate(f"{counts}.querySelectorAll('s').length") == 0
    assert browser.evaluate(f"[...{counts}.querySelectorAll('.limit')].map(e => e.innerText)") == ["server-app"] * 2
    assert browser.evaluate("document.querySelectorAll('header [data-verdict]').length") == 6


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
