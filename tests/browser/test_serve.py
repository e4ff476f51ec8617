"""`collect serve` in a real browser: each page whole, nothing fetched from elsewhere, the archive's own digits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from collect.archive.labels import NOTE, TAG, add
from collect.archive.partial import begin_run
from collect.archive.store import Archive
from collect.cli import main
from collect.report.words import whole
from tests.browser.test_accessibility import FOCUS, asking_axe, both
from tests.browser.test_report import CELLS, WIDTHS, asked
from tests.support.axe import COLORS, faults
from tests.support.browser import Browser, chromium
from tests.support.plans import small_plan
from tests.support.served import Served, drawn
from tests.support.synthetic import FACTS, Setting, finish, plausible

pytestmark = [pytest.mark.browser, pytest.mark.skipif(chromium() is None, reason="no Chromium here")]
ODD = "<b>odd</b><img src=x onerror=alert(1)>"
"""What a run may say of itself, and is text wherever it is shown."""
CELL = "starlette-uvicorn.redis.locust-http.10.article"
PAGES = {
    "archive": "/",
    "chosen": "/?plan=small&validity=valid",
    "none fits": "/?plan=no-such-plan",
    "run": "/run/{first}",
    "report": "/run/{first}/report",
    "trial": "/run/{first}/trial/2",
    "invalid trial": "/run/{first}/trial/3",
    "comparison": "/compare?first={first}&second={second}",
    "asking for two runs": "/compare",
    "trend": f"/trend?cell={CELL}",
    "cells": "/trend",
    "under way": "/live",
}


@dataclass(frozen=True)
class Site:
    """A server, and the runs that it has: two alike and one of another plan."""

    server: Served
    archive: Archive
    first: str
    second: str
    other: str

    def at(self, page: str) -> str:
        return self.server.at(page.format(first=self.first, second=self.second, other=self.other))

    def json(self, capsys: pytest.CaptureFixture[str], *command: str) -> Any:
        """Return what a command of `collect` says of the archive; a real difference is an answer, too."""
        capsys.readouterr()
        assert main([*command, "--json", "--archive", str(self.archive.path)]) in (0, 1)
        return json.loads(capsys.readouterr().out)


def measured(folder: Path, name: str, speed: float = 1.0, spoilt: tuple[int, ...] = ()) -> str:
    """Seal a run of a small plan and return its id."""
    run = begin_run(folder, replace(small_plan(3, window_s=4), name=name), inventory=f"local {ODD}")
    run.update_session(facts={"server1": {**FACTS, "distribution": ODD}, "client1": FACTS})
    for spec in run.trials():
        usual = plausible(spec)
        lost = Setting(redis_lost=100, seed=spec.ordinal)
        finish(run, spec, lost if spec.ordinal in spoilt else replace(usual, rps=usual.rps * speed))
    run.seal()
    return run.run_id


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    first = measured(folder, "small", spoilt=(3,))
    second, other = measured(folder, "small", 1.3), measured(folder, "other")
    archive = Archive(folder)
    add(archive, first, TAG, "baseline", by="tests")
    add(archive, first, NOTE, f"a quiet machine {ODD}", by="tests")
    with Served(browser, folder) as server:
        yield Site(server, archive, first, second, other)


def opened(browser: Browser, site: Site, page: str, width: int = 1200, *, dark: bool = False) -> Browser:
    """Open a page of ``PAGES`` and wait for all of its charts."""
    browser.open(site.at(PAGES[page]), width, dark=dark)
    drawn(browser)
    return browser


@both
@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_amiss_at_any_width(browser: Browser, site: Site, page: str, dark: bool) -> None:
    for width in WIDTHS:
        opened(browser, site, page, width, dark=dark)
        assert browser.errors == []
        assert browser.outside == []
        assert [url for url in browser.requests if not url.startswith((site.server.at("/"), "data:", "blob:"))] == []
        assert set(browser.answers.values()) <= {0, 200, 304}
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        assert browser.evaluate("document.querySelectorAll('b, img').length") == 0  # what a run says is text
        back = browser.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
        assert max(back) < 60 if dark else min(back) > 230


@asking_axe
@both
@pytest.mark.parametrize("page", PAGES)
def test_no_page_has_a_grave_fault(browser: Browser, site: Site, page: str, dark: bool) -> None:
    found: list[str] = []
    opened(browser, site, page, WIDTHS[0], dark=dark)
    if page != "report":
        browser.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    for width in WIDTHS:
        browser.resize(width)
        browser.rest()
        found += [f"{width} px: {fault}" for fault in faults(browser, COLORS if dark else ())]
    assert found == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != "report"])
def test_the_keyboard_leads_past_the_top_and_shows_where_it_is(browser: Browser, site: Site, page: str) -> None:
    opened(browser, site, page)
    browser.press("Tab")
    link = browser.evaluate(FOCUS)
    assert link is not None
    assert link["tag"] == "A"
    assert min(link["left"], link["top"]) >= 0
    browser.press("Enter")
    browser.until("document.activeElement === document.querySelector('main') && 1")
    visited = []
    for _ in range(25):
        browser.press("Tab")
        if (at := browser.evaluate(FOCUS)) is None:
            break
        visited.append(at)
    assert [at["order"] for at in visited] == sorted(at["order"] for at in visited)
    assert [at["text"] for at in visited if at["outline"] == "none"] == []


def test_runs_are_chosen_by_what_is_asked_for(browser: Browser, site: Site) -> None:
    opened(browser, site, "archive")
    ids = "[...document.querySelectorAll('#runs tbody tr')].map(row => row.dataset.run)"
    assert sorted(browser.evaluate(ids)) == sorted([site.first, site.second, site.other])
    browser.evaluate("document.querySelector('[name=plan]').focus()")
    browser.write("other")
    browser.follow("document.querySelector('#filters button').click()")
    assert browser.evaluate(ids) == [site.other]
    assert "1 of 3" in browser.evaluate("document.querySelector('#counted').textContent")
    assert browser.evaluate("document.querySelector('[name=plan]').value") == "other"
    browser.follow("document.querySelector('#filters a').click()")
    assert len(browser.evaluate(ids)) == 3
    browser.follow("document.querySelector('a.tag').click()")
    assert browser.evaluate(ids) == [site.first]
    assert browser.errors == []


def test_the_list_has_the_archives_numbers(browser: Browser, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    opened(browser, site, "archive")
    found = browser.evaluate(CELLS.replace("SELECTOR", "#runs tbody tr").replace("ID", "row.dataset.run"))
    told = {run["run_id"]: run for run in site.json(capsys, "list")}
    assert dict(found) == {run_id: [str(run["trials"])] for run_id, run in told.items()}
    text = browser.evaluate(f"document.querySelector('[data-run=\"{site.first}\"]').innerText")
    assert "baseline" in text
    assert "a quiet machine <b>odd</b>" in text


def test_a_runs_figures_are_the_archives(browser: Browser, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    opened(browser, site, "run")
    rows = asked(
        site.archive.path, capsys, f"SELECT * FROM trials WHERE run_id = '{site.first}' ORDER BY ordinal"
    )  # fmt: skip
    found = browser.evaluate(CELLS.replace("SELECTOR", "#each tbody tr").replace("ID", "row.dataset.trial"))
    assert found == [[row["trial_id"], [str(row["rps"]), str(row["latency_p95_ms"])]] for row in rows]
    shown = site.json(capsys, "show", site.first)
    rates = {cell: float(values[0]) for cell, values in _cells(browser, "#rates tbody tr").items()}
    assert rates == {cell["name"]: cell["rps"]["value"] for cell in shown["cells"]}
    browser.follow("document.querySelector('#report').click()")
    assert browser.evaluate("document.body.dataset.run") == site.first
    assert browser.errors == []


@pytest.mark.parametrize("place", [2, 3])
def test_a_trials_digits_are_the_archives(
    browser: Browser, site: Site, place: int, capsys: pytest.CaptureFixture[str]
) -> None:
    opened(browser, site, "trial" if place == 2 else "invalid trial")
    (row,) = asked(
        site.archive.path, capsys, f"SELECT * FROM trials WHERE run_id = '{site.first}' AND ordinal = {place}"
    )  # fmt: skip
    found = browser.evaluate(
        "[...document.querySelectorAll('#row tbody tr')]"
        ".map(row => [row.dataset.column, row.cells[1].textContent.trim()])"
    )
    assert {name for name, _ in found} == set(row)
    for name, text in found:
        if not name.endswith("_at"):
            assert text == whole(row[name]).strip(), name
    values = browser.evaluate("[...document.querySelectorAll('#figures [data-value]')].map(cell => cell.dataset.value)")
    names = (
        "requests", "failures", "rps", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "latency_max_ms",
        "server_cpu_cores", "app_cpu_cores", "client_cpu_cores", "generator_cpu_cores",
    )  # fmt: skip
    assert values == [str(row[name]) for name in names if row[name] is not None]


def test_a_trial_has_both_machines_on_one_axis_with_one_zoom(browser: Browser, site: Site) -> None:
    opened(browser, site, "trial")
    plots = "[...new Set(Bokeh.documents.flatMap(each => each.roots()))].filter(each => each.x_range)"
    names = " ".join(browser.evaluate("[...document.querySelectorAll('figcaption')].map(each => each.textContent)"))
    assert "server1" in names
    assert "client1" in names
    assert browser.evaluate(f"{plots}.length") > 8
    assert browser.evaluate(f"new Set({plots}.map(plot => plot.x_range)).size") == 1
    browser.evaluate("document.querySelector('[data-panel=rate]').scrollIntoView({block: 'center'})")
    browser.rest()
    width_s = f"({plots}[0].x_range.end - {plots}[0].x_range.start)"
    before = browser.evaluate(width_s)
    browser.evaluate(
        f"{plots}.find(plot => plot.name === 'rate').toolbar.tools"
        ".find(tool => tool.type === 'BoxZoomTool').active = true"
    )
    left, top, width, height = browser.evaluate(
        "(box => [box.left, box.top, box.width, box.height])"
        "(document.querySelector('[data-panel=rate]').getBoundingClientRect())"
    )
    browser.drag((left + width * 0.4, top + height / 2), (left + width * 0.6, top + height / 2))
    browser.until(f"{width_s} < {before / 2}")
    assert browser.errors == []


def test_two_runs_are_ticked_and_compared(browser: Browser, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    opened(browser, site, "archive")
    for run_id in (site.first, site.second):
        browser.evaluate(f"document.querySelector('input[value=\"{run_id}\"]').click()")
    browser.follow("document.querySelector('#compare button').click()")
    assert browser.errors == []
    older, newer = sorted((site.first, site.second))
    told = site.json(capsys, "compare", older, newer)
    expected = {
        cell["cell"]: [str(cell["figures"][key]["ratio"]) for key in ("rps", "cpu") if cell["figures"][key]["ratio"]]
        for cell in told["cells"]
    }
    assert expected
    assert _cells(browser, "#cells tbody tr") == expected
    verdicts = browser.evaluate("[...document.querySelectorAll('#cells .judged')].map(each => each.textContent)")
    assert verdicts == [cell["verdict"] for cell in told["cells"]]


def test_a_trend_has_the_commands_numbers(browser: Browser, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    opened(browser, site, "trend")
    told = site.json(capsys, "trend", CELL)
    expected = {
        point["run_id"]: [str(point[name]) for name in ("value", "low", "high", "level") if point[name] is not None]
        for point in told["points"]
    }
    assert len(expected) >= 2
    found = browser.evaluate(CELLS.replace("SELECTOR", "#points tbody tr").replace("ID", "row.dataset.run"))
    assert dict(found) == expected


def test_what_is_not_there_is_said_on_a_page(browser: Browser, site: Site) -> None:
    for path in ("/run/no-such-run", "/run/{first}/trial/99", "/no-such-page", "/run/..%2f..%2fetc/report"):
        browser.open(site.at(path), 800)
        assert browser.evaluate("document.querySelector('#problem').textContent.length > 10")
        assert browser.evaluate("document.querySelectorAll('nav a').length") > 2
        assert browser.outside == []


def test_a_token_lets_in_once_and_stays_in_no_address(browser: Browser, site: Site, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("0123456789abcdef0123456789abcdef\n")
    token.chmod(0o600)
    with Served(browser, site.archive.path, "--token-file", str(token)) as server:
        browser.open(server.at("/"), 800)
        assert browser.answers[server.at("/")] == 401
        assert browser.evaluate("document.querySelector('#runs')") is None
        browser.open(server.at(f"/?token={token.read_text().strip()}"), 800)
        browser.until("document.querySelectorAll('#runs tbody tr').length === 3 && 1")
        assert browser.evaluate("location.search") == ""
        assert browser.evaluate("document.cookie") == ""  # no script can read it
        browser.open(server.at(f"/run/{site.second}"), 800)
        assert browser.answers[server.at(f"/run/{site.second}")] == 200


def _cells(browser: Browser, selector: str) -> Mapping[str, list[str]]:
    return dict(browser.evaluate(CELLS.replace("SELECTOR", selector).replace("ID", "row.dataset.cell")))
