"""What stands around a report's figures: tags and notes, what is missing and why, how to cite it, where things are."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from collect.archive.citation import citation
from collect.archive.labels import NOTE, TAG, add_all, path_of
from collect.archive.store import Archive
from collect.plan import Cell
from collect.report.html import render
from collect.report.missing import missing
from collect.report.notices import foremost
from tests.support.figured import figured
from tests.support.plans import small_plan
from tests.support.synthetic import write_run

CELLS = [Cell(variant, "redis", "locust-fast", 10, "controlled") for variant in ("flask-werkzeug", "starlette-uvicorn")]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    folder = tmp_path_factory.mktemp("around")
    write_run(folder, small_plan(1)).seal()
    return Archive(folder)


@pytest.fixture
def archive(sealed: Archive) -> Iterator[Archive]:
    """Return an archive of one run without tags and notes."""
    yield sealed
    path_of(sealed, sealed.resolve("latest")).unlink(missing_ok=True)


def page(archive: Archive) -> str:
    return render(archive, archive.resolve("latest"))


def test_tags_and_notes_are_shown_as_text(archive: Archive) -> None:
    run_id = archive.resolve("latest")
    assert 'class="tags"' not in page(archive)
    add_all(archive, run_id, [(TAG, "baseline"), (TAG, "kernel-6.1"), (NOTE, "<b>odd</b> & noted")], by="somebody")
    text = page(archive)
    assert "<li>baseline</li><li>kernel-6.1</li>" in text
    assert "&lt;b&gt;odd&lt;/b&gt; &amp; noted" in text
    assert "<b>odd" not in text
    assert "somebody, 20" in text
    assert "Tags and notes:" not in text


def test_labels_that_were_changed_are_told_of_and_hide_nothing(archive: Archive) -> None:
    run_id = archive.resolve("latest")
    path_of(archive, run_id).write_text("not a label\n")
    text = page(archive)
    assert "Tags and notes:" in text
    assert "line 1: not a label" in text
    assert 'id="rates"' in text


def test_a_run_says_how_to_cite_it(archive: Archive) -> None:
    run_id = archive.resolve("latest")
    cited = citation(archive, run_id)
    text = html.unescape(page(archive))
    assert cited.text in text
    assert cited.bibtex in text
    assert cited.sha256 in text


def test_each_part_can_be_reached_from_the_contents(archive: Archive) -> None:
    text = page(archive)
    (nav,) = re.findall(r'<nav aria-label="Contents">.*?</nav>', text, re.DOTALL)
    anchors = re.findall(r'href="#([^"]+)"', nav)
    assert {"figures", "group-1", "trials", "hosts", "method", "again", "cite"} <= set(anchors)
    assert len(anchors) == len(set(anchors))
    sections = re.findall(r'<section id="([^"]+)">', text)
    assert [anchor for anchor in sections if anchor in anchors] == anchors, "in the order of the page"
    body = text[text.index("<body") :]
    assert body.index('<a class="skip" href="#main">') < body.index("<header>") < body.index('<main id="main"')
    assert re.search(r"<th[^>]*>\s*</th>", body) is None


def test_what_is_missing_is_gathered_from_all_who_say_so() -> None:
    figures = figured(
        CELLS,
        lambda cell, block: 100.0 + block,
        blocks=3,
        invalid=[(CELLS[0].name, 2)],
        reasons=["1 of 6 trials are invalid"],
        failed_attempts=["b1-p1-x-1"],
        ceilings={"redis": {"missing": "no redis-benchmark there"}},
    )
    told = {
        "invalid": {"reasons": ["a collector was away"]},
        "valid": {"evidence_missing": ["the client's range of ports"]},
    }
    rows = [{**row, **told[row["validity"]]} for row in figures.rows]
    rows[0] |= {"validity": "degraded", "reasons": ["a tick was missed"]}
    found = missing(replace(figures, rows=rows))
    assert [(notice.about, notice.text) for notice in found] == [
        ("the run", "1 of 6 trials are invalid"),
        ("invalid: trial 3", "a collector was away"),
        ("degraded: trial 1", "a tick was missed"),
        ("redis-benchmark", "not measured: no redis-benchmark there"),
        ("evidence: trial 1 and 4 more", "the client's range of ports"),
        ("failed attempts", "kept in the archive under failed/: b1-p1-x-1"),
    ]


def test_the_foremost_reason_is_that_of_the_most_trials() -> None:
    taken = "of the server's CPU went to others"
    reasons = [
        [f"96.4% {taken}"],
        ["a collector was away", f"92.4% {taken}"],
        ["a collector was away"],
        [f"75% {taken}"],
    ]
    trials = [{"trial_id": f"b1-p{place}", "reasons": each} for place, each in enumerate(reasons)]
    assert foremost(trials) == (f"96.4% {taken}", 3)
    assert foremost([]) == ("", 0)


def test_a_run_that_lacks_nothing_says_nothing() -> None:
    assert missing(figured(CELLS, lambda cell, block: 100.0, blocks=3)) == []


def test_the_same_run_has_the_same_page(archive: Archive) -> None:
    assert page(archive) == page(archive)


def test_a_page_that_would_be_too_large_goes_without_some_seconds_and_says_so(archive: Archive) -> None:
    whole = page(archive)
    most = len(whole.encode()) - 1
    short = render(archive, archive.resolve("latest"), most_bytes=most)
    assert len(short.encode()) <= most
    assert short.count('id="series-') < whole.count('id="series-')
    assert "can be drawn here" in short
    assert "can be drawn here" not in whole
