"""What is told of more clients is what their runs hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.measuring import write_plan
from benchmarks.more_clients import SHARE, Reached, beyond, grows, page, plan_of, reached
from collect.archive.partial import begin_run
from collect.plan import load_plan
from tests.support.several import Client, write_several
from tests.support.synthetic import EPOCH, FACTS, Setting

MASTER_CORES = 0.02


def entry(folder: Path, clients: int, rps: float) -> Path:
    """Seal a run in which each worker used 0.28 of a core, and the master on the first client what it needs."""
    plan = load_plan(write_plan(f"more-clients-{clients}", plan_of(clients, 1), folder))
    run = begin_run(folder, plan, inventory="local")
    run.update_session(facts={"server1": FACTS, **{f"client{n + 1}": FACTS for n in range(clients)}})
    for spec in run.trials():
        workers = int(spec.generator["processes"])
        master = MASTER_CORES if workers > 1 else 0.0
        made = {
            f"client{n + 1}": Client(workers=workers // clients, generator_cores=0.28 + master * (n == 0))
            for n in range(clients)
        }
        setting = Setting(rps=rps, app_cores=0.1, redis_cores=0.0, keep_alive=True)
        written, record, _ = write_several(run.trial_folder(spec), spec, setting, made, EPOCH + 300 * spec.ordinal)
        assert written.generator == spec.generator
        run.finish_trial(spec, run.trial_folder(spec), record)
    return run.seal()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Reached]:
    folder = tmp_path_factory.mktemp("archive")
    return [*reached(entry(folder, 1, 400)), *reached(entry(folder, 3, 1150))]


def test_the_plans_are_plans(tmp_path: Path) -> None:
    for clients in (1, 2, 3):
        plan = load_plan(write_plan(f"more-clients-{clients}", plan_of(clients, 2), tmp_path))
        processes = {spec.generator["processes"] for spec in plan.trials()}
        assert processes == ({1, 2, 3} if clients == 1 else {clients})
        assert {spec.profile["cpu_quota"]["client"] for spec in plan.trials()} == {SHARE}
        assert clients * SHARE < 1


def test_rates_and_costs_are_those_of_the_trials(found: list[Reached]) -> None:
    assert [(each.clients, each.workers) for each in found] == [(1, 1), (1, 2), (1, 3), (3, 3)]
    alone, _, _, three = found
    assert alone.mean == pytest.approx(400, rel=0.05)
    assert alone.worker_ms == pytest.approx(1000 * 0.28 / alone.mean, rel=0.02)
    assert (alone.master_cores, alone.invalid) == (None, 0)
    assert three.worker_ms == pytest.approx(1000 * 0.28 * 3 / three.mean, rel=0.02)
    assert three.cost_ms == pytest.approx(1000 * (0.28 * 3 + MASTER_CORES) / three.mean, rel=0.02)
    assert three.master_cores == pytest.approx(MASTER_CORES, abs=0.005)
    assert [each.worker_ms for each in found[1:3]] == [None, None], "the master's part is not known there"


def test_what_lies_beyond_is_reckoned_from_the_costs(found: list[Reached]) -> None:
    three = found[-1]
    assert three.worker_ms is not None
    whole = 1000 / three.worker_ms
    assert beyond(found, 1) == pytest.approx(whole)
    assert beyond(found, 8) == pytest.approx(whole * (8 - 8 * MASTER_CORES / 3), rel=0.02)
    assert beyond(found, 1000) is None, "the master would need several cores"
    assert beyond(found[:1], 8) is None


def test_the_tables_say_all_of_it(found: list[Reached]) -> None:
    text = page(found, "Measured somewhere.")
    assert text.startswith("Measured somewhere.")
    (line,) = [line for line in text.splitlines() if line.startswith("| 3 | 3 | 1,")]
    assert f"{found[-1].mean / found[0].mean:.2f}" in line
    assert "| 16 | " in text


def test_three_clients_that_reach_less_than_twice_as_much_are_a_failure(found: list[Reached]) -> None:
    assert grows(found)
    assert not grows([*found[:3], replace(found[-1], rps=(700.0,))])
