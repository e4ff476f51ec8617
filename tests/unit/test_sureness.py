"""How sure a difference is: known differences in known noise, cut and counted as real runs are."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.measuring import sealed, under_way, write_plan
from benchmarks.noise import read_run
from benchmarks.outcomes import OUTCOMES, Outcome, Pairs, read_pairs
from benchmarks.page import table, write_between
from benchmarks.sureness import app_cpu_s, calibration_plan, main, names_of, read_questions, same_plan, slowed_plan
from benchmarks.sureness_page import alarms, page
from collect.archive.partial import begin_run
from collect.plan import Plan, TrialSpec, load_plan
from tests.support.synthetic import FACTS, Setting, finish

RPS, ADJUSTED, SHARED, APP, APP_SHARED = OUTCOMES
APP_S = 800e-6
QUESTIONS = read_questions()


def pairs_of(seed: int, count: int, busy_us: int = 0, speed: float = 0.1, own: float = 0.01) -> Pairs:
    """Pairs on a machine whose speed drifts for server and client alike, beside noise of each figure's own."""
    rng = np.random.default_rng(seed)
    sides = []
    for busy_s in (0.0, busy_us / 1e6):
        slower = np.exp(rng.normal(0, speed, count))
        app = (APP_S * slower + busy_s) * np.exp(rng.normal(0, own, count))
        generator = 250e-6 * slower * np.exp(rng.normal(0, own, count))
        sides.append({"rps": (1 / app).tolist(), "app_s": app.tolist(), "generator_s": generator.tolist()})
    return made(sides, busy_us)


def made(sides: Sequence[Mapping[str, Sequence[float]]], busy_us: int) -> Pairs:
    return Pairs(
        run_id="r", base="starlette-uvicorn.redis.locust-fast.10.controlled", busy_us=busy_us, base_values=sides[0],
        other_values=sides[1], pair_s=8.0, window_s=1.0, planned=100, limited_by="server-cpu", server_share=1.0,
    )  # fmt: skip


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.name)
def test_what_is_the_same_is_called_different_in_one_of_twenty(outcome: Outcome) -> None:
    found, of = alarms([pairs_of(seed, 50) for seed in range(60)], 5, outcome)
    assert of == 600
    assert 0.03 <= found / of <= 0.075


@pytest.mark.parametrize("outcome", [RPS, APP], ids=lambda outcome: outcome.name)
@pytest.mark.parametrize("busy_us", [8, 80])
def test_a_slowdown_is_estimated_without_bias(outcome: Outcome, busy_us: int) -> None:
    errors = []
    for seed in range(40):
        pairs = pairs_of(seed, 60, busy_us)
        effect = pairs.effect(outcome)
        assert effect is not None
        errors.append(effect.value - pairs.truth(outcome))
    assert abs(np.mean(errors)) < 3 * np.std(errors) / math.sqrt(40)


def test_a_slowdown_slows_the_rate_and_costs_the_app_the_same() -> None:
    pairs = pairs_of(1, 40, 80, speed=0, own=0)
    assert pairs.truth(APP) == pytest.approx(math.log(1.1))
    assert pairs.truth(RPS) == pytest.approx(-math.log(1.1))
    assert pairs.truth(APP, 0.02) == pytest.approx(math.log(1.02))
    slower = {**pairs.base_values, "rps": [each / 2 for each in pairs.base_values["rps"]]}
    half_idle = made([slower, slower], 80)
    assert half_idle.truth(RPS) == pytest.approx(-math.log(1.05)), "of a rate that the app alone does not make"


def test_the_covariate_takes_the_machines_speed_off() -> None:
    pairs = pairs_of(3, 100, 16)
    plain, adjusted = (pairs.deviation(outcome)[0] for outcome in (RPS, ADJUSTED))
    assert adjusted < plain / 5
    assert pairs.slope(SHARED, slice(0)) == pytest.approx(-1, abs=0.05)
    effect = pairs.effect(ADJUSTED)
    assert effect is not None
    assert effect.found
    assert effect.covers(pairs.truth(ADJUSTED))


def test_an_experiments_slope_is_that_of_the_others() -> None:
    pairs = pairs_of(4, 20)
    for side in (pairs.base_values, pairs.other_values):
        for values in side.values():
            assert isinstance(values, list)
    first, *_ = pairs.experiments(5)
    broken = made([pairs.base_values, {**pairs.other_values, "rps": [1e6, *pairs.other_values["rps"][1:]]}], 0)
    assert broken.slope(SHARED, first) == pytest.approx(pairs.slope(SHARED, first))
    assert broken.slope(SHARED, slice(0)) != pytest.approx(pairs.slope(SHARED, slice(0)))


def test_the_whole_run_has_no_rest_so_its_slope_costs_a_degree_of_freedom() -> None:
    pairs = pairs_of(4, 20)
    for shared, own in ((SHARED, ADJUSTED), (APP_SHARED, Outcome("own", "app_s", "generator_s"))):
        assert pairs.effect(shared) == pairs.effect(own)
        assert pairs.effect(shared, slice(0, 5)) != pairs.effect(own, slice(0, 5))


def test_what_is_left_over_is_in_no_experiment() -> None:
    assert [part.indices(100)[:2] for part in pairs_of(1, 13).experiments(5)] == [(0, 5), (5, 10)]


def test_the_page_tells_alarms_power_and_minutes() -> None:
    text = "\n".join(page([pairs_of(1, 100), pairs_of(2, 40, 8), pairs_of(3, 40, 80)], 5))
    assert "of 20 (" in text
    assert "| 8 µs | RPS | -0.9" in text
    assert "| 80 µs | app's CPU s per request | +10.1" in text or "| 80 µs | app's CPU s per request | +9.9" in text
    assert "minutes" in text
    only_same = "\n".join(page([pairs_of(1, 100)], 5))
    assert "Slowdowns" not in only_same


def test_each_question_is_a_plan_of_two_cells_that_differ_in_one_thing(tmp_path: Path) -> None:
    variant = QUESTIONS["slowdowns"]["variant"]
    plans = [same_plan(QUESTIONS, each) for each in QUESTIONS["same"]["blocks"]]
    plans += [slowed_plan(QUESTIONS, share, APP_S) for share in QUESTIONS["slowdowns"]["blocks"]]
    assert len(names_of(QUESTIONS)) == len(plans)
    for number, document in enumerate(plans):
        plan = load_plan(write_plan(f"q{number}", document, tmp_path))
        base, other = (plan.catalog.variants[cell.variant] for cell in plan.cells)
        base = {key: value for key, value in base.items() if key != "article"}
        assert {**other, "busy_us": 0} == {**base, "busy_us": 0}
    busy = load_plan(tmp_path / "plans" / f"q{len(plans) - 1}.yml")
    assert busy.catalog.variants[busy.cells[1].variant]["busy_us"] == 80
    assert [cell.variant for cell in load_plan(write_plan("c", calibration_plan(QUESTIONS), tmp_path)).cells] == [
        variant
    ]


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed run of pairs that never happened; the third block's base is of a trial that cannot be used."""
    archive = tmp_path_factory.mktemp("archive")

    def setting(spec: TrialSpec) -> Setting:
        slow = bool(spec.variant.get("busy_us"))
        failures = 10_000 if spec.block == 3 and not slow else 0
        rps = 900.0 if slow else 1000.0
        return Setting(rps=rps, app_cores=0.8, generator_cores=0.3, seed=spec.ordinal, failures=failures)

    return sealed_run(archive, small_plan(archive), setting)


def small_plan(archive: Path) -> Plan:
    document = {**slowed_plan(QUESTIONS, 0.1, APP_S), "blocks": 6, "window_s": 1}
    return load_plan(write_plan("sureness-busy-10", document, archive))


def sealed_run(archive: Path, plan: Plan, setting: Callable[[TrialSpec], Setting]) -> Path:
    run = begin_run(archive, plan, inventory="local")
    run.update_session(facts={"server1": FACTS, "client1": FACTS})
    assert under_way(archive, plan) == run.run_id
    for spec in run.trials():
        finish(run, spec, setting(spec))
    path = run.seal()
    assert under_way(archive, plan) is None
    return path


def test_a_sealed_run_is_read_pair_by_pair_and_not_measured_again(entry: Path) -> None:
    pairs = read_pairs(entry, json.loads((entry / "manifest.json").read_bytes()))
    assert (len(pairs), pairs.planned, pairs.busy_us, pairs.window_s) == (5, 6, 80, 1)
    effect = pairs.effect(RPS)
    assert effect is not None
    assert math.exp(effect.value) == pytest.approx(0.9, abs=0.02)
    plan = small_plan(entry.parent)
    assert sealed(entry.parent, plan) == entry
    variants = {cell.variant for cell in plan.cells}
    assert sealed(entry.parent, replace(plan, windows_s=dict.fromkeys(variants, plan.window_s))) == entry
    assert sealed(entry.parent, replace(plan, windows_s={plan.cells[0].variant: 9})) is None
    other = write_plan("sureness-busy-10", {**slowed_plan(QUESTIONS, 0.1, APP_S), "blocks": 7}, entry.parent)
    assert sealed(entry.parent, load_plan(other)) is None
    assert app_cpu_s(entry) == pytest.approx(0.8 / 950, rel=0.08)


def test_a_page_keeps_what_is_outside_the_markers(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("a\n<!-- made by benchmarks/x.py: begin -->\nold\n<!-- end -->\nb\n<!-- end -->\n")
    write_between(path, "x.py", "new")
    assert path.read_text() == "a\n<!-- made by benchmarks/x.py: begin -->\nnew\n<!-- end -->\nb\n<!-- end -->\n"
    with pytest.raises(ValueError, match=r"y\.py"):
        write_between(path, "y.py", "new")
    assert table(["a", "b"], [["1", "2"]]) == ["| a | b |", "| --- | ---: |", "| 1 | 2 |"]


def test_a_sealed_runs_windows_are_cut_into_parts(entry: Path) -> None:
    run = read_run(entry, (0.5, 1.0, 6.0))  # its collectors tick once a second
    assert [parts.length_s for parts in run.parts] == [0.5, 1.0], "none is longer than the window"
    halves, wholes = run.parts
    assert len(wholes.trial) == 11, "the trial that cannot be used is left out"
    assert len(halves.trial) == 2 * len(wholes.trial)
    assert np.nanstd(wholes.noise["rps"]) < 0.05
    assert np.isfinite(wholes.noise["app"]).all()
    assert np.isnan(halves.noise["app"]).all(), "nothing is made up between two ticks"
    assert np.isfinite(halves.noise["rps"]).all()
    assert run.trial_s == pytest.approx(300)


def test_a_run_that_cannot_be_used_is_measured_again_and_judged_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = {**same_plan(QUESTIONS, "starlette-uvicorn"), "blocks": 1}
    plan = load_plan(write_plan("sureness-same-starlette-uvicorn", document, tmp_path))
    spoilt = sealed_run(tmp_path, plan, lambda _: Setting(failures=10_000))
    assert sealed(tmp_path, plan) is None
    for text, call in (("has no 5 pairs", main), ("no trial of", lambda: app_cpu_s(spoilt))):
        monkeypatch.setattr("sys.argv", ["sureness", "--judge-only", str(spoilt)])
        with pytest.raises(SystemExit) as caught:
            call()
        assert text in str(caught.value)
        assert "\n" not in str(caught.value)
    monkeypatch.setattr("sys.argv", ["sureness", "--only", "busy-3"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert "there is no question busy-3: use same-flask-werkzeug" in capsys.readouterr().err
