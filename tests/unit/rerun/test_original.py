"""Which runs can be measured again, and that a plan comes back as it was; others may have written the archive."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from collect.archive.partial import begin_run
from collect.errors import BenchError
from collect.plan import Plan, load_plan, plan_names
from collect.precision import with_precision
from collect.rerun.original import allowed, original, plan_of
from tests.support.many_runs import FLASK, STARLETTE, ManyRuns
from tests.support.plans import small_plan

BOTH = {FLASK: [1.0], STARLETTE: [2.0]}
Manifest = dict[str, Any]


def on_record(plan: Plan) -> Manifest:
    """Return what a manifest holds of a plan."""
    said = {"run_id": "run", "git": {"commit": None}, "plan": plan.to_json(), "catalog": plan.catalog.to_json()}
    manifest: Manifest = json.loads(json.dumps(said))
    return manifest


@pytest.mark.parametrize("name", plan_names())
def test_every_plan_of_the_checkout_comes_back_trial_by_trial(name: str) -> None:
    plan = with_precision(load_plan(name, client_cores=4, server_cores=3))
    again = plan_of(on_record(plan))
    assert again.to_json() == plan.to_json()
    assert [spec.to_json() for spec in again.trials()] == [spec.to_json() for spec in plan.trials()]


def test_a_run_is_meant_by_its_id_a_prefix_or_as_the_latest(runs: ManyRuns) -> None:
    ids = [runs.add(BOTH) for _ in range(2)]
    assert original(runs.archive, "latest").run_id == ids[1]
    assert original(runs.archive, ids[0][:10]).run_id == ids[0]
    of = original(runs.archive, ids[0], "local")
    assert of.plan.to_json() == small_plan(1).to_json()
    assert (of.head.server, of.head.clients) == ("server1", ("client1",))


def test_runs_that_cannot_be_meant(runs: ManyRuns) -> None:
    run_id = runs.add(BOTH)
    with pytest.raises(BenchError, match="there is no run"):
        original(runs.archive, "2025")
    newer = runs.add(BOTH, change=lambda manifest: manifest.update(schema_version=99))
    with pytest.raises(BenchError, match=r"schema 99.*update the checkout"):
        original(runs.archive, newer)
    partial = begin_run(runs.path, small_plan(1), inventory="local")
    with pytest.raises(BenchError, match=f"is not sealed .* -e resume={partial.run_id}"):
        original(runs.archive, partial.run_id)
    with pytest.raises(BenchError, match=r"inventory local, not lab .*-i inventory/local, .*rerun_despite=inventory"):
        original(runs.archive, run_id, "lab")
    assert original(runs.archive, run_id, "lab", {"inventory"}).run_id == run_id
    path = runs.archive.folder(run_id) / "manifest.json"
    path.write_text(path.read_text() + "\n")
    with pytest.raises(BenchError, match="not as they were sealed"):
        original(runs.archive, run_id)


def renamed(manifest: Manifest) -> None:
    manifest["plan"]["cells"][0]["variant"] = "../../x"
    manifest["catalog"]["variants"]["../../x"] = manifest["catalog"]["variants"]["flask-werkzeug"]


def entry(group: str, name: str, **keys: Any) -> Callable[[Manifest], object]:
    return lambda manifest: manifest["catalog"][group][name].update(keys)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda manifest: manifest["plan"].update(window_s=-1), "-1 is out of range, plan: window_s"),
        (lambda manifest: manifest["plan"].update(seed="x"), "is not a whole number"),
        (lambda manifest: manifest["plan"]["cells"][0].update(users=0), "0 is out of range"),
        (lambda manifest: manifest["catalog"]["variants"].pop("flask-werkzeug"), 'no variant "flask-werkzeug"'),
        (entry("variants", "flask-werkzeug", server="sh -c"), 'has no server "sh -c"'),
        (entry("variants", "flask-werkzeug", more="x"), 'unknown key "more"'),
        (entry("workloads", "redis", path="/nothing"), "nothing serves"),
        (entry("generators", "locust-http", processes="enough"), "locust-http has no number of processes"),
        (lambda manifest: manifest["plan"].update(design={"kind": "x"}), "no design 'x'"),
        (lambda manifest: manifest["plan"]["cells"][0].update(users=[1, 2]), "a cell has no number of users"),
        (entry("profiles", "article", client_sysctls={"kernel.core_pattern": "|x"}), "kernel.core_pattern"),
        (renamed, r'the name "\.\./\.\./x" is not allowed'),
    ],
)
def test_a_plan_that_nobody_could_have_written_is_not_measured(
    runs: ManyRuns, change: Callable[[Manifest], object], said: str
) -> None:
    run_id = runs.add(BOTH, change=change)
    with pytest.raises(BenchError, match=rf"cannot measure the run's plan: .*{said}.*code of then: git fetch"):
        original(runs.archive, run_id)


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest["plan"].update(more=1),
        lambda manifest: manifest["plan"].pop("name"),
        lambda manifest: manifest.update(plan=[]),
        lambda manifest: manifest.update(catalog=None),
        lambda manifest: manifest.pop("inventory"),
        lambda manifest: manifest.pop("git"),
        lambda manifest: manifest["git"].update(commit=7),
        lambda manifest: manifest["locks"].update({"apps/requirements.lock": []}),
        lambda manifest: manifest["hosts"].update(server1="x"),
        lambda manifest: manifest.update(port_base="x"),
    ],
)
def test_a_manifest_that_is_none_is_told_in_one_line(runs: ManyRuns, change: Callable[[Manifest], object]) -> None:
    run_id = runs.add(BOTH, change=change)
    with pytest.raises(BenchError, match="the manifest cannot be read") as caught:
        original(runs.archive, run_id)
    assert "\n" not in str(caught.value)


def test_names_of_what_may_differ() -> None:
    assert allowed(["kernel", "inventory", "variables"]) == {"kernel", "inventory", "variables"}
    with pytest.raises(BenchError, match=r'rerun_despite\): did you mean "kernel"'):
        allowed(["kernle"])
