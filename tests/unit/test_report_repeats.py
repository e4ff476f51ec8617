"""A report, its sentences and the terminal tell of a run that repeats another whether it is the same."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from collect.archive.store import Archive
from collect.findings.page import findings
from collect.report.data import run_data
from collect.report.extras import Extra, extras
from collect.report.figures import RunFigures, run_figures
from collect.report.html import render as render_page
from collect.report.text import render
from collect.serve.kept import report_key
from tests.support.judged import change
from tests.support.many_runs import FLASK, STARLETTE, ManyRuns
from tests.support.plans import small_plan
from tests.support.synthetic import write_run

ODD = "<img src=x>"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Archive, str, str]:
    """Two runs of one plan on the same hosts, the second of another kernel and half as fast with Flask."""
    many = ManyRuns(tmp_path_factory.mktemp("repeated"))
    first = many.add(
        {FLASK: [643.5, 650, 656.5], STARLETTE: [792, 800, 808]},
        change=lambda manifest: manifest["hosts"]["server1"].update(kernel=f"6.0 {ODD}"),
    )
    second = write_run(many.path, small_plan(3)).seal()
    return many.archive, first, second.name


def section(archive: Archive, run_id: str) -> tuple[RunFigures, Extra]:
    figures = run_figures(archive, run_id)
    (found,) = [extra for extra in extras(figures) if extra.name == "repeats"]
    return figures, found


def test_the_section_has_the_answer_and_every_cell(runs: tuple[Archive, str, str]) -> None:
    archive, first, second = runs
    _, found = section(archive, second)
    assert found.title == f"Against {first}, the run of this plan and these hosts before it"
    assert (found.leads, found.ends) == (False, True)
    assert found.lines[0].startswith(f"Not the same as {first}")
    assert found.lines[1] == f"What changed meanwhile: kernel (kernel of server): 6.0 {ODD} / 6.1.0."
    flask, starlette = (row for row in found.content["rows"])
    assert (flask.verdict, flask.first, flask.blocks) == ("slower", "650.0", "3, 3")
    assert flask.ratio.startswith("0.5")
    assert starlette.verdict in ("same", "unknown")
    assert any(line.startswith(f"  {FLASK}: 650.0 then, ") for line in found.lines)


def test_the_page_shows_it_and_what_hosts_say_is_text(runs: tuple[Archive, str, str]) -> None:
    archive, first, second = runs
    page = render_page(archive, second)
    assert f'<a href="#repeats">Against {first}' in page
    assert '<table id="repeated">' in page
    assert ODD not in page
    assert "&lt;img src=x&gt;" in page


def test_the_terminal_ends_with_it(runs: tuple[Archive, str, str]) -> None:
    archive, first, second = runs
    console = Console(width=200, file=io.StringIO())
    render(run_figures(archive, second), console, archive.folder(second))
    assert isinstance(console.file, io.StringIO)
    said = console.file.getvalue()
    assert said.index("archive ") < said.index(f"Not the same as {first}")
    assert said.count(f"Not the same as {first}") == 1


def test_the_sentences_and_the_data_have_it(runs: tuple[Archive, str, str]) -> None:
    archive, first, second = runs
    figures = run_figures(archive, second)
    (group,) = [group for group in findings(figures, extras(figures)).groups if group.name == "repeats"]
    (said,) = group.lead
    assert said.text.startswith(f"Not the same as {first}")
    assert (said.figure, said.n, said.of) == (1.0, 2, "cells")
    data = run_data(figures)["repeats"]
    assert (data["run_id"], data["asked"], data["verdict"]) == (first, False, "different")
    assert json.loads(json.dumps(data)) == data


def copied(runs: tuple[Archive, str, str], folder: Path, **keys: Any) -> tuple[Archive, str]:
    """Return the second run alone in an archive, with other keys in its manifest."""
    archive, _, second = runs
    target = folder / second
    target.mkdir()
    for path in archive.folder(second).glob("*"):
        if path.is_file():
            (target / path.name).write_bytes(path.read_bytes())
    change(target, **keys)
    return Archive(folder), second


def test_a_run_that_is_gone_is_said_to_be(runs: tuple[Archive, str, str], tmp_path: Path) -> None:
    first = runs[1]
    alone, second = copied(runs, tmp_path, repeats={"run_id": first, "asked": True, "despite": []})
    figures, found = section(alone, second)
    assert found.leads
    assert found.lines == [f"Not compared: the run {first}, which it repeats, is not in the archive."]
    assert not [group for group in findings(figures, [found]).groups if group.name == "repeats"]
    assert f"the run {first}, which it repeats, is not in the archive" in render_page(alone, second)
    assert run_data(figures)["repeats"]["why"]


@pytest.mark.parametrize("odd", [None, 7, {"run_id": "../x"}])
def test_what_cannot_be_meant_is_no_section(runs: tuple[Archive, str, str], tmp_path: Path, odd: Any) -> None:
    alone, second = copied(runs, tmp_path, repeats=odd)
    assert not [extra for extra in extras(run_figures(alone, second)) if extra.name == "repeats"]


def test_a_page_that_is_kept_is_drawn_anew_when_others_come(runs: tuple[Archive, str, str], tmp_path: Path) -> None:
    alone, second = copied(runs, tmp_path)
    before = report_key(alone, second)
    assert report_key(alone, second) == before
    (tmp_path / "20260101T000000Z-ffffff").mkdir()
    assert report_key(alone, second) != before


def test_a_run_that_says_nothing_of_its_catalog_spoils_no_report(tmp_path: Path) -> None:
    many = ManyRuns(tmp_path)
    first = many.add({FLASK: [1.0]}, change=lambda manifest: manifest.update(catalog={}))
    second = write_run(many.path, small_plan(1)).seal().name
    _, found = section(many.archive, second)
    assert found.lines == [f"Not compared: one of the two runs cannot be read ({first})."]
