"""The report for people who do without a mouse, a screen, small print or colours: axe-core, the keyboard, paper."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path

import pytest

from tests.browser.test_report import BUILT, KINDS, UNDRAWN, WIDTHS
from tests.support.axe import COLORS, LOCK, axe, faults
from tests.support.browser import Browser, chromium

pytestmark = [pytest.mark.browser, pytest.mark.skipif(chromium() is None, reason="no Chromium here")]
asking_axe = pytest.mark.skipif(axe() is None, reason="no axe-core here: script/bootstrap --browser")
both = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
TABS = 60
FOCUS = """(at => at === document.body ? null : {
    tag: at.tagName, text: at.textContent.trim().slice(0, 40), outline: getComputedStyle(at).outlineStyle,
    order: [...document.querySelectorAll('*')].indexOf(at), left: at.getBoundingClientRect().left,
    width: at.getBoundingClientRect().width, top: at.getBoundingClientRect().top})(document.activeElement)"""
"""What has the focus: what it is, whether it shows, and where it stands in the document."""


@asking_axe
def test_faults_would_be_found(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "faulty.html"
    path.write_text(
        '<!doctype html><title>faulty</title><link rel="icon" href="data:,"><main><h1>A page</h1><button></button>'
        '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="><input>'
        '<p style="color: #aaa; background: #fff">can hardly be read</p></main>'
    )
    browser.open(path, 800)
    found = " ".join(faults(browser))
    for rule in ("html-has-lang", "button-name", "image-alt", "label", "color-contrast"):
        assert rule in found
    path.write_text(
        '<!doctype html><html lang="en"><title>fine</title><link rel="icon" href="data:,"><main>All is well.</main>'
    )
    browser.open(path, 800)
    assert faults(browser) == []


@asking_axe
@both
@pytest.mark.parametrize("kind", KINDS)
def test_a_report_has_no_grave_fault(browser: Browser, kind: str, dark: bool, request: pytest.FixtureRequest) -> None:
    # All rules at the widest and the narrowest; of dark only what is another there than on light.
    browser.open(request.getfixturevalue(kind), WIDTHS[0], dark=dark)
    found = faults(browser, COLORS if dark else ())
    if not dark:
        browser.resize(WIDTHS[-1])
        browser.rest()
        found += [f"{WIDTHS[-1]} px: {fault}" for fault in faults(browser)]
    assert found == []


@asking_axe
@both
@pytest.mark.parametrize("kind", ["page"])
def test_nor_has_what_is_folded_away(browser: Browser, kind: str, dark: bool, request: pytest.FixtureRequest) -> None:
    browser.open(request.getfixturevalue(kind), 1000, dark=dark)
    browser.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    browser.evaluate("dispatchEvent(new Event('beforeprint'))")
    browser.until(f"{UNDRAWN} === 0", 60)
    browser.until(BUILT, 60)
    assert faults(browser, COLORS if dark else ()) == []


def test_the_first_key_leads_past_the_top(browser: Browser, page: Path) -> None:
    browser.open(page, 1000)
    browser.press("Tab")
    link = browser.evaluate(FOCUS)
    assert link is not None
    assert link["tag"] == "A"
    # Out of sight until it has the focus, then in the window.
    assert link["left"] >= 0
    assert link["top"] >= 0
    assert link["width"] > 10
    target = browser.evaluate("document.activeElement.getAttribute('href')")
    assert target.startswith("#")
    assert browser.evaluate(f"document.querySelector('main').contains(document.querySelector('{target}'))")
    browser.press("Enter")
    browser.until(f"location.hash === '{target}'")
    browser.press("Tab")
    assert browser.evaluate("document.querySelector('main').contains(document.activeElement)")


@both
def test_the_keyboard_goes_through_the_page_in_its_order_and_shows_where(
    browser: Browser, page: Path, dark: bool
) -> None:
    browser.open(page, 1000, dark=dark)
    visited = []
    for _ in range(TABS):
        browser.press("Tab")
        at = browser.evaluate(FOCUS)
        if at is None:
            break
        visited.append(at)
    assert len(visited) > 10
    orders = [at["order"] for at in visited]
    assert orders == sorted(orders)
    hidden = [f"{at['tag']} {at['text']}" for at in visited if at["outline"] == "none"]
    assert hidden == []


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_parts_unfold_by_a_key(browser: Browser, page: Path, key: str) -> None:
    browser.open(page, 1000)
    browser.evaluate("window.part = document.querySelector('main details:not([open])')")
    browser.evaluate("part.querySelector('summary').focus()")
    assert browser.evaluate("part.open") is False
    browser.press(key)
    browser.until("part.open")


def test_tables_that_are_wider_than_the_window_can_be_moved_by_keys(browser: Browser, page: Path) -> None:
    browser.open(page, 400)
    still = browser.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(box => box.offsetParent)"
        ".filter(box => box.scrollWidth > box.clientWidth + 1)"
        ".filter(box => box.tabIndex < 0).length"
    )
    assert still == 0


@both
def test_on_paper_it_is_dark_on_white_and_whole(browser: Browser, page: Path, dark: bool) -> None:
    browser.open(page, 800, dark=dark, media="print")
    back = "getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number)"
    channels = browser.evaluate(back)
    # Transparent is paper's own colour.
    assert min(channels[:3]) > 230 or channels[3:] == [0]
    ink = browser.evaluate("getComputedStyle(document.body).color.match(/\\d+/g).map(Number)")
    assert max(ink[:3]) < 90
    assert browser.paper().startswith(b"%PDF-")
    browser.until(f"{UNDRAWN} === 0", 60)
    assert browser.errors == []


def test_the_lock_holds_what_is_asked_for_by_its_hash() -> None:
    wanted = json.loads(LOCK.with_name("package.json").read_text())["dependencies"]
    locked = json.loads(LOCK.read_text())["packages"]
    assert locked[""]["dependencies"] == wanted
    assert {f"node_modules/{name}" for name in wanted} == set(locked) - {""}
    for name, version in wanted.items():
        held = locked[f"node_modules/{name}"]
        assert held["version"] == version
        assert len(b64decode(held["integrity"].removeprefix("sha512-"))) == 64
