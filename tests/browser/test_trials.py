"""The report's trials second by second: one chooser, one axis of time, the archive's own numbers, pictures to keep."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_report import asked
from tests.support.browser import Browser, chromium

pytestmark = [pytest.mark.browser, pytest.mark.skipif(chromium() is None, reason="no Chromium here")]
VIEW = "report.views[0]"
RANGE = "[CHARTS.time.start, CHARTS.time.end]"
CONTRAST = """(ink => {
    const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b };
    const probe = document.createElement("span"); probe.style.color = ink; document.body.append(probe);
    const [a, b] = [getComputedStyle(probe).color, getComputedStyle(document.body).backgroundColor]
        .map(c => light(c.match(/[\\d.]+/g).slice(0, 3).map(Number)));
    probe.remove();
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) })(
    [...Bokeh.documents[0].all_models].find(model => model.axis_label_text_color).axis_label_text_color)"""
"""Between what names the axes of the first chart and what is behind it, as WCAG 2.1 has it."""


@pytest.fixture
def opened(browser: Browser, page: Path) -> Browser:
    """Return the browser with the page open and the first cell's trial drawn."""
    browser.open(page, 1100)
    browser.evaluate(f"{VIEW}.open = true; {VIEW}.scrollIntoView()")
    browser.ask(f"report.show({VIEW}).then(() => 0)")
    browser.rest()
    return browser


def charts(view: int = 0) -> str:
    return f"report.views[{view}].charts"


def seconds(archive: Path, capsys: pytest.CaptureFixture[str], ordinal: int) -> list[dict[str, Any]]:
    """Return what the archive has of a trial's seconds, but for the last one, which the end of the load cuts off."""
    sql = (
        "SELECT CAST(floor((start_us + latency_us) / 1e6) AS INTEGER) + 0.5 AS at_s,"
        " count(*) FILTER (WHERE outcome = 'ok') AS ok, count(*) FILTER (WHERE outcome <> 'ok') AS failed,"
        " quantile_disc(latency_us, 0.99) FILTER (WHERE outcome = 'ok') / 1000 AS p99_ms"
        f" FROM requests WHERE trial_id = (SELECT trial_id FROM trials WHERE ordinal = {ordinal})"
        " GROUP BY ALL ORDER BY 1"
    )
    return asked(archive, capsys, sql)[:-1]


def test_what_is_drawn_is_what_the_archive_holds(
    opened: Browser, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = opened.evaluate(f"[...{VIEW}.querySelectorAll('select option')].map(option => option.value)")
    assert len(places) == 3  # one a block
    for place in places[::-1]:
        opened.evaluate(
            f"(select => {{ select.value = '{place}'; select.dispatchEvent(new Event('change')) }})"
            f"({VIEW}.querySelector('select'))"
        )
        opened.until(
            f"JSON.stringify({charts()}.trial) ==="
            f" JSON.stringify(JSON.parse(document.getElementById('series-{place}').textContent))"
        )
        found = opened.evaluate(
            "(data => Object.fromEntries(['at_s', 'ok', 'failed', 'p99_ms'].map(name => [name, [...data[name]]])))"
            f"({charts()}.doc.get_model_by_name('source rate').data)"
        )
        held = seconds(archive, capsys, int(place))
        assert len(held) > 5
        for name in ("at_s", "ok", "failed"):
            assert found[name][: len(held)] == [row[name] for row in held], name
        assert found["p99_ms"][: len(held)] == pytest.approx([row["p99_ms"] for row in held], rel=1e-3)
        heat = opened.evaluate(f"{charts()}.columns.heat.answers.reduce((sum, answers) => sum + answers, 0)")
        (whole,) = asked(
            archive, capsys,
            "SELECT count(*) AS ok FROM requests WHERE outcome = 'ok' AND"
            f" trial_id = (SELECT trial_id FROM trials WHERE ordinal = {place})",
        )  # fmt: skip
        assert heat == whole["ok"]


def test_zooming_into_one_chart_zooms_all_of_the_trial_and_no_other(opened: Browser) -> None:
    opened.ask("report.show(report.views[1]).then(() => 0)")
    opened.evaluate(f"{VIEW}.querySelector('[data-panel=rate]').scrollIntoView({{block: 'center'}})")
    opened.rest()
    plots = f"{charts()}.doc.roots()"
    assert opened.evaluate(f"{plots}.length") > 8
    assert opened.evaluate(f"{plots}.every(plot => plot.x_range === {charts()}.time)")
    before, other = (opened.evaluate(RANGE.replace("CHARTS", charts(view))) for view in (0, 1))
    opened.evaluate(
        f"{plots}.find(plot => plot.name === 'rate').toolbar.tools"
        ".find(tool => tool.type === 'BoxZoomTool').active = true"
    )
    left, top, width, height = opened.evaluate(
        f"(box => [box.left, box.top, box.width, box.height])"
        f"({VIEW}.querySelector('[data-panel=rate]').getBoundingClientRect())"
    )
    middle = top + height * 0.5
    opened.drag((left + width * 0.4, middle), (left + width * 0.6, middle))
    opened.until(f"{charts()}.time.end - {charts()}.time.start < {0.5 * (before[1] - before[0])}")
    start, end = opened.evaluate(RANGE.replace("CHARTS", charts()))
    assert before[0] < start < end < before[1]
    assert opened.evaluate(RANGE.replace("CHARTS", charts(1))) == other
    opened.evaluate(f"{VIEW}.querySelector('[data-span=window]').click()")
    opened.until(f"{charts()}.time.start === 0")
    assert opened.evaluate(RANGE.replace("CHARTS", charts())) == [0, 5]
    opened.evaluate(f"{VIEW}.querySelector('[data-span=range]').click()")
    opened.until(f"{charts()}.time.start === {before[0]}")
    assert opened.errors == []


def test_each_chart_of_a_trial_is_drawn_and_has_its_table_and_its_buttons(opened: Browser) -> None:
    names = opened.evaluate(f"{charts()}.shape.panels.map(panel => panel.name)")
    assert {"rate", "latency", "heat"} < set(names)
    for kind in ("units", "states", "memory", "sockets"):
        assert {f"{kind}-0", f"{kind}-1"} < set(names)  # of both hosts
    sizes = (
        f"[...{VIEW}.querySelectorAll('[data-panel]')].map(place => place.firstElementChild.getBoundingClientRect())"
        ".map(box => [box.width, box.height])"
    )
    found = opened.evaluate(sizes)
    assert len(found) == len(names)
    assert min(width for width, _ in found) > 300
    assert min(height for _, height in found) > 100
    opened.evaluate(f"{VIEW}.querySelectorAll('details.rows').forEach(part => part.open = true)")
    opened.until(f"{VIEW}.querySelectorAll('details.rows table').length === {len(names)} && 1")
    tables = opened.evaluate(
        f"[...{VIEW}.querySelectorAll('details.rows table')]"
        ".map(table => [table.tHead.rows[0].cells.length, table.tBodies[0].rows.length])"
    )
    assert all(columns > 1 and rows > 0 for columns, rows in tables)
    assert tables[names.index("heat")][1] == opened.evaluate(f"{charts()}.columns.heat.answers.length")
    buttons = opened.evaluate(f"[...{VIEW}.querySelectorAll('[data-save]')].map(button => button.ariaLabel)")
    assert len(set(buttons)) == 2 * len(names)  # whoever only hears them can tell them apart
    assert opened.errors == []


def test_the_data_of_a_trials_chart_is_a_table_when_it_is_asked_for(opened: Browser) -> None:
    rows = f"{VIEW}.querySelector('figure:has([data-panel=rate]) details.rows')"
    assert opened.evaluate(f"{rows}.querySelector('table')") is None
    opened.evaluate(f"{rows}.querySelector('summary').click()")
    opened.until(f"{rows}.querySelector('table')?.tBodies[0].rows.length > 0 && 1")
    shown = opened.evaluate(f"[...{rows}.querySelector('table').tBodies[0].rows].map(row => row.cells[1].textContent)")
    held = opened.evaluate(f"{charts()}.columns.rate.ok")
    assert shown == ["" if value is None else str(value) for value in held]


def test_a_link_draws_the_trial_that_it_names(opened: Browser) -> None:
    link = "[...document.querySelectorAll('a[data-draws]')].at(-1)"
    ordinal = opened.evaluate(f"{link}.dataset.draws")
    opened.evaluate(f"{link}.closest('details').open = true; {link}.click()")
    view = opened.evaluate(f"report.views.findIndex(view => '#' + view.id === {link}.hash)")
    opened.until(
        f"JSON.stringify(report.views[{view}].charts?.trial) ==="
        f" JSON.stringify(JSON.parse(document.getElementById('series-{ordinal}').textContent))"
    )
    assert opened.evaluate(f"report.views[{view}].open")


@pytest.mark.parametrize("place", ["[data-chart]", "[data-panel=heat]"])
@pytest.mark.parametrize(("kind", "begin"), [("png", b"\x89PNG\r\n\x1a\n"), ("svg", b"<svg")])
def test_a_chart_can_be_saved(opened: Browser, tmp_path: Path, place: str, kind: str, begin: bytes) -> None:
    opened.keep_downloads(tmp_path)
    figure = f"[...document.querySelectorAll('figure:has({place})')].find(figure => figure.offsetParent)"
    opened.evaluate(f"{figure}.scrollIntoView()")
    opened.until(f"{figure}.querySelector('{place}').firstElementChild !== null")
    opened.evaluate(f"{figure}.querySelector('[data-save={kind}]').click()")
    deadline = time.monotonic() + 20
    while not (kept := list(tmp_path.glob(f"*.{kind}"))):
        assert time.monotonic() < deadline, f"nothing was saved: {opened.errors}"
        opened.evaluate("0")
        time.sleep(0.1)
    data = kept[0].read_bytes()
    assert begin in data[:200]
    assert len(data) > 2000
    assert opened.errors == []
    assert opened.outside == []


def test_trials_are_found_by_words(browser: Browser, page: Path) -> None:
    browser.open(page, 1100)
    browser.evaluate("document.querySelector('[data-filter=each]').focus()")
    shown = "[...document.querySelectorAll('#each tbody tr')].filter(row => row.offsetParent).length"
    assert browser.evaluate(shown) == 12
    browser.write("starlette REDIS")
    browser.until(f"{shown} === 3")
    assert browser.evaluate("document.querySelector('.filter output').textContent") == "3 of 12"
    browser.evaluate(
        "(field => { field.value = ''; field.dispatchEvent(new Event('input')) })"
        "(document.querySelector('[data-filter=each]'))"
    )
    assert browser.evaluate(shown) == 12


def test_axes_can_be_read_on_light_and_dark_and_when_one_becomes_the_other(browser: Browser, page: Path) -> None:
    browser.open(page, 1000)
    assert browser.evaluate(CONTRAST) >= 4.5
    browser.emulate(dark=True)
    browser.until("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every(part => part < 60) && 1")
    browser.until(f"{CONTRAST} >= 4.5")
    browser.open(page, 1000, dark=True)
    assert browser.evaluate(CONTRAST) >= 4.5


def test_all_of_the_trials_are_within_five_mib(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    parts = text.split('<script type="application/json" id="series-')[1:]
    bodies = [part.split(">", 1)[1].split("</script>", 1)[0] for part in parts]
    assert len(bodies) == 12
    assert sum(len(body.encode()) for body in bodies) <= 5 * 2**20
    assert all(json.loads(body)["sources"]["rate"]["ok"] for body in bodies)
