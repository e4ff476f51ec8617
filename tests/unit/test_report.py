"""The report of runs that are not as one would wish; how it looks in a browser is tests/browser's."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from collect.archive.partial import begin_run
from collect.archive.store import Archive
from collect.plan import Plan
from collect.report.comparison import headline
from collect.report.figures import RunFigures, run_figures
from collect.report.html import render, usable_ports
from collect.report.words import article_ratio, ratio_value
from tests.support.plans import small_plan
from tests.support.synthetic import FACTS, Setting, finish, plausible


def measured(
    folder: Path, plan: Plan, settings: dict[int, Setting] | None = None, trials: int | None = None
) -> Archive:
    run = begin_run(folder, plan, inventory="local")
    for spec in run.trials()[:trials]:
        finish(run, spec, (settings or {}).get(spec.ordinal, plausible(spec)))
    run.seal(incomplete=True)
    return Archive(folder)


def figures(archive: Archive) -> RunFigures:
    return run_figures(archive, archive.resolve("latest"))


def page(archive: Archive) -> str:
    return render(archive, archive.resolve("latest"))


def test_a_run_is_held_against_the_article(tmp_path: Path) -> None:
    archive = measured(tmp_path, small_plan())
    (ratio,) = figures(archive).ratios
    assert ratio.ratio
    assert ratio.ratio.low is not None
    assert ratio.article == pytest.approx(1361 / 315)
    assert ratio.article_text == pytest.approx(1361 / 342)
    assert article_ratio(ratio) == "article: 4.3, 3.98 by its text, its limits not told"


def test_the_page_is_one_small_file_that_asks_for_nothing(tmp_path: Path) -> None:
    text = page(measured(tmp_path, small_plan()))
    assert len(text.encode()) < 3 * 2**20
    assert not re.findall(r"<(?:script|img|iframe|link)[^>]+(?:src|href)=[\"'](?!data:)", text)
    assert "@import" not in text


def test_too_few_blocks_give_no_interval_and_it_says_so(tmp_path: Path) -> None:
    archive = measured(tmp_path, small_plan(2))
    (ratio,) = figures(archive).ratios
    assert "no interval from fewer than 3 blocks" in ratio_value(ratio)
    assert "(2 of 3 blocks)" in page(archive)


def test_one_side_alone_is_no_ratio(tmp_path: Path) -> None:
    plan = small_plan(1)
    archive = measured(tmp_path, replace(plan, cells=plan.cells[:1]))
    assert figures(archive).ratios == []
    assert headline(figures(archive)) == "1 trial of 1 cell measured."
    assert "flask-werkzeug" in page(archive)


def test_invalid_trials_leave_every_figure_and_stay_on_the_page(tmp_path: Path) -> None:
    plan = small_plan(3)
    good = figures(measured(tmp_path / "good", plan))
    spoilt = {spec.ordinal: Setting(rps=100, redis_lost=90) for spec in plan.trials() if spec.block == 2}
    archive = measured(tmp_path / "bad", plan, spoilt)
    found = figures(archive)
    assert [cell.invalid for cell in found.cells] == [1, 1]
    assert [cell.rps.blocks for cell in found.cells if cell.rps] == [2, 2]
    ratios = [each.ratios[0].ratio for each in (found, good)]
    assert ratios[0]
    assert ratios[1]
    assert ratios[0].value == pytest.approx(ratios[1].value, rel=0.02)
    text = page(archive)
    assert text.count('<tr class="invalid"') == 2
    assert "Redis counted 90 GETs fewer" in text


def test_a_run_with_nothing_valid_is_still_shown(tmp_path: Path) -> None:
    plan = small_plan(1)
    archive = measured(tmp_path, plan, {n: Setting(redis_lost=90) for n in (1, 2)})
    found = figures(archive)
    assert [cell.rps for cell in found.cells] == [None, None]
    assert found.manifest["validity"] == "invalid"
    (ratio,) = found.ratios
    assert (ratio.comparable, ratio.ratio) == (False, None)
    assert ratio.why == "flask-werkzeug has no valid trial; starlette-uvicorn has no valid trial"
    assert "The run is <strong>invalid</strong>" in page(archive)


def test_failures_are_counted_and_seen(tmp_path: Path) -> None:
    archive = measured(tmp_path, small_plan(1), {1: Setting(failures=30)})
    assert sum(cell.failures for cell in figures(archive).cells) > 0
    assert "requests failed" in page(archive)


def test_what_hosts_say_is_text_and_never_markup(tmp_path: Path) -> None:
    run = begin_run(tmp_path, small_plan(1), inventory="<script>alert(1)</script>")
    run.update_session(facts={"server1": {"cpu_model": "<img src=x onerror=alert(1)>"}, "client1": FACTS})
    for spec in run.trials():
        finish(run, spec, plausible(spec))
    run.seal()
    text = page(Archive(tmp_path))
    assert "<script>alert" not in text
    assert "<img" not in text
    assert usable_ports(figures(Archive(tmp_path))) == 28232
