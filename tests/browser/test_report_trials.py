"""The trials of a report in a real browser: one zoom for all charts, a chooser, tables, pictures, a filter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import Browser, chromium

pytestmark = [pytest.mark.browser, pytest.mark.skipif(chromium() is None, reason="no Chromium here")]
VIEW = "report.views[0]"
RANGES = f"{VIEW}.charts.doc.roots().map(plot => [plot.x_range.start, plot.x_range.end])"
PANELS = (
    "rate", "latency", "heat", "units-0", "units-1", "states-0", "states-1", "memory-0", "memory-1", "sockets-0",
    "sockets-1", "ports-1",
)  # fmt: skip


@pytest.fixture
def shown(browser: Browser, page: Path) -> Browser:
    """Return the browser with the charts of a trial drawn."""
    browser.open(page, 1200)
    browser.ask(f"report.show({VIEW}).then(() => true)")
    browser.evaluate(f"{VIEW}.scrollIntoView()")
    browser.rest()
    return browser


def series(browser: Browser, ordinal: int) -> dict[str, Any]:
    """Return what the page holds of a trial."""
    found: dict[str, Any] = json.loads(browser.evaluate(f"document.getElementById('series-{ordinal}').textContent"))
    return found


def chosen(browser: Browser) -> int:
    return int(browser.evaluate(f"{VIEW}.querySelector('select').value"))


def test_all_charts_of_a_trial_are_drawn_on_one_axis(shown: Browser) -> None:
    assert shown.evaluate(f"{VIEW}.charts.shape.panels.map(panel => panel.name)") == list(PANELS)
    sizes = shown.evaluate(
        f"[...{VIEW}.querySelectorAll('.plot')].map(e => e.firstElementChild.getBoundingClientRect())"
        ".map(box => [box.width, box.height])"
    )
    assert len(sizes) == len(PANELS)
    assert min(width for width, _ in sizes) > 300
    assert min(height for _, height in sizes) > 100
    (only,) = {tuple(each) for each in shown.evaluate(RANGES)}
    assert list(only) == series(shown, chosen(shown))["range"]
    assert shown.errors == []


def test_one_zoom_is_the_zoom_of_all(shown: Browser) -> None:
    shown.evaluate(f"{VIEW}.charts.doc.roots()[3].x_range.setv({{start: 1, end: 2}})")
    assert {tuple(each) for each in shown.evaluate(RANGES)} == {(1, 2)}
    shown.evaluate(f"{VIEW}.querySelector('[data-span=window]').click()")
    window = series(shown, chosen(shown))["window"]
    shown.until(f"{RANGES}[5][0] === {window[0]} && {RANGES}[5][1] === {window[1]}")
    shown.evaluate(f"{VIEW}.querySelector('[data-span=range]').click()")
    begin = series(shown, chosen(shown))["range"][0]
    shown.until(f"{RANGES}[0][0] === {begin}")
    assert len({tuple(each) for each in shown.evaluate(RANGES)}) == 1


def test_another_trial_is_drawn_when_it_is_chosen(shown: Browser) -> None:
    ordinals = [int(value) for value in shown.evaluate(f"[...{VIEW}.querySelectorAll('option')].map(e => e.value)")]
    assert len(ordinals) == 3
    for ordinal in ordinals:
        shown.evaluate(
            f"(s => {{ s.value = {ordinal}; s.dispatchEvent(new Event('change')) }})({VIEW}.querySelector('select'))"
        )
        wanted = series(shown, ordinal)["sources"]
        ok = json.dumps(wanted["rate"]["ok"], separators=(",", ":"))
        shown.until(f"JSON.stringify({VIEW}.charts.columns.rate.ok) === '{ok}'")
        drawn = shown.evaluate(f"Array.from({VIEW}.charts.doc.get_model_by_name('source host-0').get_column('busy'))")
        assert drawn == wanted["host-0"]["busy"]
    assert shown.errors == []


def test_each_chart_has_its_data_as_a_table(shown: Browser) -> None:
    shown.evaluate(f"{VIEW}.querySelectorAll('details.rows').forEach(part => part.open = true)")
    shown.until(f"{VIEW}.querySelectorAll('details.rows table').length === {len(PANELS)}")
    rows = shown.evaluate(
        f"[...{VIEW}.querySelectorAll('details.rows table')]"
        ".map(table => [table.tHead.rows[0].cells.length, table.tBodies[0].rows.length])"
    )
    held = series(shown, chosen(shown))["sources"]
    assert rows[0] == [3, len(held["rate"]["ok"])]
    assert rows[2] == [5, len(held["heat"]["answers"])]
    assert all(columns > 1 and count > 0 for columns, count in rows)


def test_charts_are_saved_as_png_and_svg(shown: Browser) -> None:
    for place in (f"{VIEW}.querySelector('[data-panel=heat]')", "document.querySelector('[data-chart]')"):
        kind, size = shown.ask(f"report.picture({place}, 'png').then(blob => [blob.type, blob.size])")
        assert kind == "image/png"
        assert size > 5000
        text = shown.ask(f"report.picture({place}, 'svg').then(blob => blob.text())")
        assert text.lstrip().startswith("<svg") or "<svg" in text[:200]
        assert '<rect width="100%" height="100%"' in text
        assert text.rstrip().endswith("</svg>")
    buttons = shown.evaluate(f"[...{VIEW}.querySelectorAll('[data-save]')].map(e => e.getAttribute('aria-label'))")
    assert len(set(buttons)) == 2 * len(PANELS)
    assert shown.errors == []


def test_trials_are_found_by_what_they_hold(shown: Browser) -> None:
    def looked_for(words: str) -> int:
        shown.evaluate(
            f"(i => {{ i.value = {json.dumps(words)}; i.dispatchEvent(new Event('input')) }})"
            "(document.querySelector('[data-filter=each]'))"
        )
        visible = "[...document.querySelectorAll('#each tbody tr')].filter(row => row.offsetParent).length"
        found: int = shown.evaluate(visible)
        return found

    assert looked_for("flask redis") == 3
    assert looked_for("nothing like that") == 0
    assert shown.evaluate("document.querySelector('.filter output').textContent") == "0 of 12"
    assert looked_for("") == 12


def test_a_trials_link_draws_it(shown: Browser) -> None:
    link = "document.querySelectorAll('[data-draws]')[1]"
    ordinal = shown.evaluate(f"{link}.dataset.draws")
    shown.evaluate(f"{link}.click()")
    view = f"document.querySelector({link}.hash)"
    shown.until(f"{view}.querySelector('select').value === '{ordinal}' && {view}.charts?.trial")
    assert shown.errors == []
