"""What a report tells whoever has nothing but it: what the words mean, how to measure again, how to read a figure."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest

from collect.archive.query import open_run
from collect.archive.store import Archive
from collect.paths import CHECKOUT
from collect.report.html import render
from collect.report.verdicts import KIND, MEANING, PLAIN, SHORT
from tests.support.plans import small_plan
from tests.support.synthetic import write_run


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Two runs: of a plan that comes with the testbed, then of one that does not."""
    folder = tmp_path_factory.mktemp("again")
    for plan in (replace(small_plan(1), name="quick"), small_plan(1)):
        write_run(folder, plan).seal()
    return Archive(folder)


def commands(archive: Archive, run_id: str) -> list[str]:
    """Return what the page says to type."""
    (section,) = re.findall(r'<section id="again">.*?</section>', render(archive, run_id), re.DOTALL)
    return [html.unescape(text) for text in re.findall(r"<dd><code>(.*?)</code>", section)]


def test_the_words_are_those_of_the_method_each_with_its_meaning(archive: Archive) -> None:
    listed = re.findall(r"^\| `([a-z-]+)` \|", (CHECKOUT / "docs" / "method.md").read_text(), re.MULTILINE)
    assert listed[: len(MEANING)] == list(MEANING)
    assert set(MEANING) == set(PLAIN) == set(SHORT) == set(KIND)
    text = html.unescape(render(archive, archive.resolve("latest")))
    for word, meaning in MEANING.items():
        assert f'<dt class="{KIND[word]}">{word}</dt><dd>{meaning}</dd>' in text


def test_a_run_of_a_plan_that_is_there_says_how_to_measure_it_anywhere(archive: Archive) -> None:
    run_id = archive.run_ids()[0]
    assert commands(archive, run_id)[:-1] == [
        "script/bench -i inventory/mine -e plan=quick",
        "script/bench -e plan=quick",
        f"script/bench -i inventory/local -e rerun={run_id}",
    ]


def test_a_run_of_another_plan_can_be_measured_again_only_by_its_entry(archive: Archive) -> None:
    run_id = archive.run_ids()[1]
    assert commands(archive, run_id)[:-1] == [f"script/bench -i inventory/local -e rerun={run_id}"]


def test_the_figure_that_it_reads_by_pandas_is_the_archives(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = pytest.importorskip("pandas")
    run_id = archive.resolve("latest")
    with open_run(archive, run_id) as database:
        (row,) = database.rows("SELECT latency_p99_ms FROM trials ORDER BY ordinal DESC LIMIT 1")
    monkeypatch.chdir(archive.folder(run_id))
    found = eval(commands(archive, run_id)[-1], {"pandas": pandas})
    assert found == row["latency_p99_ms"]
