"""Which run a run repeats: asked for, or the newest of its plan, inventory and hosts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from collect.rerun.repeats import KEY, MOST_RUNS, Repeats, newest_alike, repeats_of
from tests.support.many_runs import FLASK, STARLETTE, ManyRuns
from tests.support.plans import small_plan
from tests.support.synthetic import write_run

RUN = "20260101T000000Z-000000"
BOTH = {FLASK: [1.0], STARLETTE: [2.0]}
Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "repeats",
    [
        Repeats(RUN, asked=False),
        Repeats(RUN, asked=True, despite=("cpu", "kernel")),
        Repeats(RUN, asked=True, locks={"apps/requirements.lock": "0" * 64}, commit="a" * 40),
    ],
)
def test_what_is_put_on_record_comes_back(repeats: Repeats) -> None:
    assert repeats_of(json.loads(json.dumps({KEY: repeats.to_json()}))) == repeats


@pytest.mark.parametrize("odd", [None, [], "x", {}, {"run_id": 7}, {"run_id": "../../etc"}, {"run_id": f"{RUN}/.."}])
def test_what_cannot_be_meant_is_nothing(odd: Any) -> None:
    assert repeats_of({KEY: odd}) is None
    assert repeats_of({}) is None


def test_odd_parts_of_what_is_meant_are_left_out() -> None:
    odd = {"run_id": RUN, "asked": 1, "despite": "kernel", "locks": 3, "commit": 4}
    assert repeats_of({KEY: odd}) == Repeats(RUN, asked=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest.update(inventory="lab"),
        lambda manifest: manifest["plan"].update(name="other"),
        lambda manifest: manifest["hosts"]["client1"].update(cpu_model="Other CPU"),
        lambda manifest: manifest["hosts"].update(client2={}),
        lambda manifest: manifest.update(validity="invalid"),
        lambda manifest: manifest.update(schema_version=99),
        lambda manifest: manifest.update(hosts=None),
        lambda manifest: manifest["plan"].update(cells=[]),
    ],
)
def test_runs_that_are_not_alike_are_passed_over(runs: ManyRuns, change: Change) -> None:
    alike = runs.add(BOTH)
    runs.add(BOTH, change=change)
    last = runs.add(BOTH)
    manifest = dict(runs.archive.manifest(last))
    assert newest_alike(runs.path, manifest) == Repeats(alike, asked=False)


def test_what_may_change_in_a_month_leaves_runs_alike(runs: ManyRuns) -> None:
    runs.add(BOTH)
    newer = runs.add(BOTH, commit="b" * 40, change=lambda manifest: manifest["hosts"]["server1"].update(kernel="6.9"))
    last = runs.add(BOTH, change=lambda manifest: manifest["plan"].update(blocks=9))
    assert newest_alike(runs.path, runs.archive.manifest(last)) == Repeats(newer, asked=False)


def test_only_runs_from_before_count_and_the_first_repeats_none(runs: ManyRuns) -> None:
    ids = [runs.add(BOTH) for _ in range(3)]
    assert newest_alike(runs.path, runs.archive.manifest(ids[0])) is None
    assert newest_alike(runs.path, runs.archive.manifest(ids[1])) == Repeats(ids[0], asked=False)


def test_no_more_than_some_runs_are_looked_at(runs: ManyRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [runs.add(BOTH)]
    ids += [runs.add(BOTH, change=lambda manifest: manifest.update(inventory="lab")) for _ in range(2)]
    last = runs.archive.manifest(runs.add(BOTH))
    monkeypatch.setattr("collect.rerun.repeats.MOST_RUNS", 2)
    assert newest_alike(runs.path, last) is None
    monkeypatch.setattr("collect.rerun.repeats.MOST_RUNS", MOST_RUNS)
    assert newest_alike(runs.path, last) == Repeats(ids[0], asked=False)


def test_a_run_is_sealed_with_the_one_before_it(runs: ManyRuns) -> None:
    before = runs.add(BOTH)
    entry = write_run(runs.path, small_plan(1)).seal()
    said = json.loads((entry / "manifest.json").read_text())[KEY]
    assert said == {"run_id": before, "asked": False, "despite": []}
    assert runs.archive.manifest(before)[KEY] is None
