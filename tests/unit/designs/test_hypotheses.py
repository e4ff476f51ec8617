"""A made-up run in which one hypothesis is true: its figures stand in the article's proportions."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from collect.archive.partial import begin_run
from collect.archive.query import open_run
from collect.archive.store import Archive
from collect.designs.cuts import LATEST, MEAN, Seconds, by_second
from collect.designs.hypotheses import Hypotheses, hypotheses, hypotheses_data
from collect.plan import Cell, Plan, TrialSpec, load_plan
from collect.report.extras import extras
from collect.report.figures import RunFigures, run_figures
from collect.report.html import render
from tests.support.synthetic import FACTS, Setting, finish

WORKLOADS = ("redis", "none")
PROFILES = {
    "flask-werkzeug": ("article", "windows-ports", "slow-client", "slow-client-windows-ports"),
    "starlette-uvicorn": ("article", "slow-client"),
}
ARTICLE = {("flask", "redis"): 315, ("flask", "none"): 463, ("starlette", "redis"): 1361, ("starlette", "none"): 1539}
TRUE = "slow-client-windows-ports"


def small(blocks: int) -> Plan:
    cells = tuple(
        Cell(variant, workload, "locust-http", 10, profile)
        for variant, profiles in PROFILES.items()
        for workload in WORKLOADS
        for profile in profiles
    )
    return replace(
        load_plan("hypotheses"), cells=cells, blocks=blocks, ramp_s=2, warmup_s=0.5, window_s=4, ceiling_window_s=0,
        windows_s={"flask-werkzeug": 9}, design={"kind": "hypotheses", "lengths_s": [5, 10]},
    )  # fmt: skip


def setting(spec: TrialSpec) -> Setting:
    """Return the article's proportions at half of its rates where the hypothesis is true, else all alike."""
    framework = spec.variant["framework"]
    quiet = framework == "starlette" and spec.cell.profile == "slow-client"
    true = quiet or spec.cell.profile == TRUE
    rps = 0.5 * ARTICLE[framework, spec.cell.workload] if true else 300.0
    noise = 1 + 0.02 * math.sin(7 * spec.ordinal)
    return Setting(rps=rps * noise, seed=spec.ordinal, keep_alive=framework == "starlette", app_cores=0.5)


def figures_of(folder: Path, plan: Plan) -> RunFigures:
    run = begin_run(folder, plan, inventory="local")
    run.update_session(facts={"server1": FACTS, "client1": FACTS})
    for spec in run.trials():
        finish(run, spec, setting(spec))
    return run_figures(Archive(folder), run.seal().name)


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> RunFigures:
    return figures_of(tmp_path_factory.mktemp("archive"), small(3))


@pytest.fixture(scope="module")
def found(figures: RunFigures) -> Hypotheses:
    made = hypotheses(figures)
    assert made is not None
    return made


def test_the_true_one_is_found_and_the_wrong_ones_are_told_apart(found: Hypotheses) -> None:
    best = found.fits[0]
    assert (best.hypothesis.ports, best.hypothesis.client_speed) == (16384, 0.67)
    assert best.low is not None
    assert best.low <= 0.03
    assert best.fit < 0.05
    wrong = [each for each in found.fits if (each.hypothesis.ports, each.hypothesis.client_speed) != (16384, 0.67)]
    assert all(each.apart for each in wrong)
    # What differs in the length, the ramp or the reading alone has the same figures here, but for the noise.
    assert len(found.fits) == 32
    assert len(found.untold) >= 4
    assert not [each for each in found.untold if each in wrong]


def test_the_factor_and_the_rates_are_those_that_were_put_in(found: Hypotheses) -> None:
    steady = next(
        each for each in found.fits
        if (each.hypothesis.ports, each.hypothesis.client_speed) == (16384, 0.67)
        and not each.hypothesis.ramp and each.hypothesis.reading == MEAN and each.hypothesis.length_s == 10
    )  # fmt: skip
    assert steady.factor == pytest.approx(0.5, rel=0.05)
    for name, rps in ARTICLE.items():
        assert steady.rates[name] == pytest.approx(0.5 * rps, rel=0.08)
    assert set(found.names) == set(ARTICLE)
    assert len(found.missing) == 6


def test_ports_and_speed_matter_and_the_rest_does_not(found: Hypotheses) -> None:
    beyond = {level.factor: level.beyond for level in found.levels if level.beyond is not None}
    assert beyond["ports"][0] > 0.1
    assert beyond["client_speed"][0] > 0.1
    best = {level.factor: level.level for level in found.levels if level.beyond is None}
    assert (best["ports"], best["client_speed"]) == (16384, 0.67)
    assert {level.factor for level in found.levels} == {"ports", "client_speed", "length_s", "ramp", "reading"}


def test_who_keeps_connections_needs_no_long_run(found: Hypotheses) -> None:
    kept = {each.variant: each for each in found.kept}
    assert kept["starlette-uvicorn"].connections_each == pytest.approx(0, abs=0.1)
    assert kept["flask-werkzeug"].connections_each == pytest.approx(1, abs=0.1)
    assert kept["starlette-uvicorn"].held_by_ports == 0
    assert kept["starlette-uvicorn"].seconds < kept["flask-werkzeug"].seconds


def test_the_section_is_on_the_terminal_and_in_the_data(figures: RunFigures) -> None:
    (section,) = extras(figures)
    assert section.name == "hypotheses"
    assert json.loads(json.dumps(section.data))["fits"][0]["client_speed"] == 0.67
    assert "a client of 0.67 of the server's speed" in section.lines[0]
    assert "cannot be told apart from it" in section.lines[0]
    taken = "starlette-uvicorn was measured for 7 s and is taken to go on like that: none of its 12 trials"
    assert [note for note in section.content.notes if note.startswith(taken)]


def test_one_block_has_a_ranking_and_no_intervals(tmp_path: Path) -> None:
    figures = figures_of(tmp_path, small(1))
    found = hypotheses(figures)
    assert found is not None
    assert {(each.low, each.high, each.apart) for each in found.fits} == {(None, None, None)}
    assert [level for level in found.levels if level.beyond is not None] == []
    assert found.untold == [found.fits[0]]
    (section,) = extras(figures)
    assert "With 1 block of 3 there is no interval" in section.lines[0]
    assert hypotheses_data(found)["fits"][0]["told_apart"] is None
    assert figures.archive is not None
    page = render(figures.archive, figures.run_id)
    assert '<section id="hypotheses">' in page
    assert page.count("data-fit=") == 32
    assert "no interval" in page


def test_other_plans_have_no_such_section(figures: RunFigures) -> None:
    plan = {key: value for key, value in figures.manifest["plan"].items() if key != "design"}
    assert hypotheses(replace(figures, manifest={**figures.manifest, "plan": plan})) is None
    assert hypotheses(replace(figures, archive=None)) is None


def test_seconds_are_those_of_the_raw_requests(figures: RunFigures) -> None:
    assert figures.archive is not None
    with open_run(figures.archive, figures.run_id) as database:
        whole, users = by_second(database, ramp=True), by_second(database, ramp=False)
        rows = database.rows("SELECT trial_id, ramp_s, warmup_s, window_s FROM trials")
        for row in rows[:4]:
            counted = database.rows(
                "SELECT count(*) AS n FROM requests WHERE trial_id = ? AND outcome = 'ok'"
                " AND start_us + latency_us >= ? AND start_us + latency_us < ?",
                [row["trial_id"], -1e6 * row["warmup_s"], 1e6 * (3 - row["warmup_s"])],
            )
            assert users[row["trial_id"]].counts[:3].sum() == counted[0]["n"]
            assert whole[row["trial_id"]].steady_from == 2
            assert len(whole[row["trial_id"]].counts) == int(row["ramp_s"] + row["warmup_s"] + row["window_s"])


def test_a_rate_is_the_mean_or_what_locust_shows_last() -> None:
    seconds = Seconds(np.arange(20.0), 0)
    assert seconds.rate(10, MEAN) == pytest.approx(4.5)
    assert seconds.rate(20, LATEST) == pytest.approx(np.arange(8, 18).mean())
    assert seconds.rate(5, LATEST) == pytest.approx(np.arange(0, 3).mean())


def test_what_was_not_measured_goes_on_as_it_was_with_all_users() -> None:
    seconds = Seconds(np.array([1.0, 2, 10, 12, 8]), 2)
    assert list(seconds.extended(7)) == [1, 2, 10, 12, 8, 10, 10]
    assert list(seconds.extended(3)) == [1, 2, 10]
