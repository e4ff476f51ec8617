from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from collect.archive.probes import add_probes
from collect.errors import BenchError
from collect.paths import DATA_DIR
from collect.plan import Cell, Plan, load_plan
from collect.verdicts.probes import Usage, choose, judged, outcomes, plan_probes, settings
from tests.support.synthetic import finish, plausible, write_run

PLAN = replace(load_plan("article"), blocks=1)
ARTICLE = Cell("flask-werkzeug", "redis", "locust-http", 10, "article")
CONTROLLED = Cell("starlette-uvicorn", "redis", "locust-fast", 10, "controlled")


def usage(
    word: str, cell: Cell = ARTICLE, server_idle: float = 0.02, client_idle: float = 0.02, cpus: float = 1
) -> Usage:
    return Usage(cell, word, cpus, server_idle, cpus, client_idle)


def chosen(use: Usage, plan: Plan = PLAN) -> list[tuple[str, str]]:
    return [(each.text, each.expect) for each in choose(plan, use)[0]]


def row(cell: Cell, word: str, trial_id: str = "t", rps: float = 100, **changes: Any) -> dict[str, Any]:
    return {
        "trial_id": trial_id, "cell": cell.name, "kind": "cell", "validity": "valid", "limited_by": [word],
        "limited_by_confidence": ["high"], "rps": rps, "server_cpus": 1, "server_cpu_cores": 0.98, "client_cpus": 1,
        "client_cpu_cores": 0.5,
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("use", "named", "other"),
    [
        (usage("concurrency"), ("20 users instead of 10", "rise"), ("wider client ports, used again at once", "same")),
        (usage("client-ports"), ("wider client ports, used again at once", "rise"), ("20 users instead of 10", "same")),
        (usage("generator"), ("FastHttpUser as a cheaper generator", "rise"), ("20 users instead of 10", "same")),
        (usage("generator", CONTROLLED), ("wrk as a cheaper generator", "rise"), ("20 users instead of 10", "same")),
        (
            usage("generator", client_idle=3, cpus=4),
            ("2 generator processes instead of 1", "rise"),
            ("20 users instead of 10", "same"),
        ),
        (usage("client-cpu"), ("FastHttpUser as a cheaper generator", "rise"), ("20 users instead of 10", "same")),
        (
            usage("server-cpu"),
            ("25% of the server's CPU taken away", "fall"),
            ("wider client ports, used again at once", "same"),
        ),
        (
            usage("server-app", CONTROLLED, server_idle=3, cpus=4),
            ("2 app processes instead of 1", "rise"),
            ("20 users instead of 10", "same"),
        ),
        (
            usage("server-app"),  # Werkzeug's server has one process only
            ("25% of the server's CPU taken away", "fall"),
            ("wider client ports, used again at once", "same"),
        ),
        (
            # A set of several cores: all of them are the database's ceiling, so a busy loop takes from it.
            usage("database", CONTROLLED, server_idle=0.9, cpus=4),
            ("25% of the server's CPU taken away", "fall"),
            ("20 users instead of 10", "same"),
        ),
        (
            usage("database"),
            ("25% of the server's CPU taken away", "fall"),
            ("wider client ports, used again at once", "same"),
        ),
        (
            usage("redis", CONTROLLED),
            ("25% of the server's CPU taken away", "fall"),
            ("20 users instead of 10", "same"),
        ),
    ],
)
def test_more_of_what_is_named_and_more_of_what_is_not(
    use: Usage, named: tuple[str, str], other: tuple[str, str]
) -> None:
    assert chosen(use) == [named, other]
    assert [each.named for each in choose(PLAN, use)[0]] == [True, False]


@pytest.mark.parametrize(
    "use",
    [
        usage("network"),
        usage("unsteady"),
        usage("client-ports", CONTROLLED),
        # A process that loses its core to a busy loop would find another one.
        usage("server-app", server_idle=3, cpus=4),
        usage("redis", CONTROLLED, server_idle=3, cpus=4),
        usage("generator", replace(CONTROLLED, generator="wrk"), client_idle=3, cpus=4),
    ],
)
def test_what_cannot_be_tested_says_why(use: Usage) -> None:
    found, reason = choose(PLAN, use)
    assert found == []
    assert reason


@pytest.mark.parametrize(
    ("framework", "server", "possible"),
    [("flask", "gunicorn-gevent", True), ("starlette", "uvicorn-uvloop", True), ("aiohttp", "aiohttp", False)],
)
def test_which_server_takes_one_more_process_says_the_serving_table(
    framework: str, server: str, possible: bool
) -> None:
    variants = {**PLAN.catalog.variants}
    variants[CONTROLLED.variant] = {**variants[CONTROLLED.variant], "framework": framework, "server": server}
    plan = replace(PLAN, catalog=replace(PLAN.catalog, variants=variants))
    found = [each.text for each in choose(plan, usage("server-app", CONTROLLED, server_idle=3, cpus=4))[0]]
    assert ("2 app processes instead of 1" in found) is possible


def test_wrk_at_its_limit_is_tested_by_taking_the_clients_cpu() -> None:
    use = usage("generator", replace(CONTROLLED, generator="wrk"))
    assert chosen(use)[0] == ("25% of the client's CPU taken away", "fall")


def test_an_intervention_changes_one_thing() -> None:
    profile = choose(PLAN, usage("server-cpu", CONTROLLED))[0][0]
    assert profile.cell == replace(CONTROLLED, profile="controlled+burn-server")
    own = PLAN.catalog.profiles["controlled"]
    assert profile.entries == {"profile": {**own, "burn": {"server": {"duty": 0.25}}}}


def test_the_cell_and_its_changes_take_turns() -> None:
    plan = replace(PLAN, cells=(ARTICLE,))
    specs, tests = plan_probes(plan, [row(ARTICLE, "server-cpu")], 20000, 10)
    taken, ports = tests
    shown = {None: "cell", taken["intervention"]: "taken", ports["intervention"]: "ports"}
    assert [shown[spec.intervention] for spec in specs] == ["cell", "taken", "ports", "cell", "ports", "taken", "cell"]
    ids = [spec.trial_id for spec in specs]
    assert len(set(ids)) == len({spec.port for spec in specs}) == len(ids)
    assert taken["triples"] == [[ids[0], ids[1], ids[3]], [ids[3], ids[5], ids[6]]]
    assert ports["triples"] == [[ids[0], ids[2], ids[3]], [ids[3], ids[4], ids[6]]]
    for spec in specs:
        assert (spec.kind, spec.block, spec.probe_of) == ("probe", plan.blocks + 1, ARTICLE.name)
        assert spec.window_s == plan.probe_window_s
    assert [spec.ordinal for spec in specs] == list(range(11, 18))
    assert {spec.total for spec in specs} == {17}


def test_ports_take_their_time_to_run_out() -> None:
    specs, _ = plan_probes(replace(PLAN, cells=(ARTICLE,)), [row(ARTICLE, "client-ports")], 20000, 10)
    assert {spec.window_s for spec in specs} == {settings()["ports_window_s"]}
    assert len(specs) == 4


def test_a_cell_without_a_usable_trial_is_left_out() -> None:
    rows = [row(ARTICLE, "server-cpu", validity="invalid")]
    assert plan_probes(replace(PLAN, cells=(ARTICLE,)), rows, 20000, 10) == ([], [])


def test_the_article_plan_takes_its_quarter_of_an_hour_at_most() -> None:
    words = {("redis", "article"): "client-ports", ("none", "article"): "client-ports"}
    rows = [
        row(cell, words.get((cell.workload, cell.profile), "server-cpu") if "flask" in cell.variant else "server-cpu")
        for cell in PLAN.cells
    ]
    specs, _ = plan_probes(PLAN, rows, 20000, 0)
    assert PLAN.estimate_s(specs, probes=False) < 15.5 * 60


@pytest.mark.parametrize(
    ("expect", "taken", "low", "high", "outcome"),
    [
        ("rise", 0, 1.2, 1.4, "confirmed"),
        ("rise", 0, 0.96, 1.04, "refuted"),
        ("rise", 0, 1.02, 1.2, "unclear"),
        ("same", 0, 0.96, 1.04, "confirmed"),
        ("same", 0, 0.5, 0.6, "confirmed"),  # less is no sign that more was needed
        ("same", 0, 1.2, 1.3, "refuted"),
        ("same", 0, 1.0, 1.2, "unclear"),
        ("fall", 0.25, 0.70, 0.80, "confirmed"),
        ("fall", 0.25, 0.95, 1.02, "refuted"),
        ("fall", 0.25, 0.80, 0.95, "unclear"),
        ("same", 0.25, 0.95, 1.02, "confirmed"),
        ("same", 0.25, 0.70, 0.80, "refuted"),
    ],
)
def test_what_a_ratio_says(expect: str, taken: float, low: float, high: float, outcome: str) -> None:
    assert judged(expect, taken, low, high) == outcome


def rates(**by_trial: float) -> list[dict[str, Any]]:
    return [row(ARTICLE, "server-cpu", name, rps) for name, rps in by_trial.items()]


TEST = {
    "cell": ARTICLE.name, "word": "server-cpu", "expect": "fall", "intervention": "less", "named": True, "taken": 0.25,
    "triples": [["a", "x", "b"], ["b", "y", "c"]],
}  # fmt: skip


def test_a_steady_drift_drops_out() -> None:
    """The cell's rate halves meanwhile; the change alone takes a quarter."""
    [found] = outcomes([TEST], rates(a=1000, x=0.75 * 840.9, b=707.1, y=0.75 * 594.6, c=500))
    assert found["ratio"] == pytest.approx(0.75, rel=1e-3)
    assert found["outcome"] == "confirmed"
    assert found["baseline_rps"] == [1000, 707.1, 500]
    assert "0.75 times the rate" in found["text"]


def test_a_trial_that_is_missing_or_invalid_takes_its_comparison_with_it() -> None:
    rows = [*rates(a=100, x=75, b=100, c=100), row(ARTICLE, "x", "y", 10, validity="invalid")]
    [found] = outcomes([TEST], rows)
    assert (found["rps"], found["outcome"]) == ([75], "confirmed")
    [nothing] = outcomes([TEST], rates(a=100, c=100))
    assert (nothing["outcome"], nothing["ratio"]) == ("unclear", None)


def test_what_did_not_limit_the_cell_this_time_is_not_refuted_by_it() -> None:
    """Ports that do not run out in the probe's window: more of them change nothing."""
    test = TEST | {"word": "client-ports", "expect": "rise", "taken": 0}
    same = dict.fromkeys("axbyc", 100.0)
    [short] = outcomes([test], [row(ARTICLE, "server-cpu", name, rps) for name, rps in same.items()])
    [full] = outcomes([test], [row(ARTICLE, "client-ports", name, rps) for name, rps in same.items()])
    assert (short["outcome"], full["outcome"]) == ("unclear", "refuted")


def test_an_untested_one_stays_as_it_is() -> None:
    test = {"cell": "a", "word": "network", "untested": "not from here", "triples": []}
    assert outcomes([test], []) == [test]


def test_a_run_goes_through_its_probes_and_is_sealed_with_what_came_of_them(tmp_path: Path) -> None:
    run = write_run(tmp_path, replace(load_plan("quick"), window_s=3, blocks=1, probe=True, ceiling_window_s=0))
    add_probes(run)
    added = run.remaining()
    assert {spec.kind for spec in added} == {"probe"}
    add_probes(run)
    assert run.remaining() == added
    for spec in added:
        finish(run, spec, plausible(spec))
    entry = run.seal()
    manifest = yaml.safe_load((entry / "manifest.json").read_text())
    assert {probe["outcome"] for probe in manifest["probes"]} <= {"confirmed", "refuted", "unclear"}
    assert manifest["probes"]
    assert set(manifest["cells"]) == {cell.name for cell in run.plan.cells}
    assert all(cell["verdict"] != "untested" for cell in manifest["cells"].values())


def test_probes_can_be_given_up_and_wanted_again(tmp_path: Path) -> None:
    run = write_run(tmp_path, replace(load_plan("quick"), window_s=3, blocks=1, probe=True, ceiling_window_s=0))
    add_probes(run)
    first = run.remaining()
    finish(run, first[0], plausible(first[0]))
    run.want_probes(False)
    assert run.remaining() == []
    run.want_probes(True)
    add_probes(run)
    assert [spec.trial_id for spec in run.remaining()] == [spec.trial_id for spec in first[1:]]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"taken": 2}, ("2 is out of range", "taken")),
        ({"repeat": 2}, ('unknown key "repeat"', 'did you mean "repeats"')),
        ({"noise": "much"}, ("'much' is not a number", "noise")),
    ],
)
def test_wrong_numbers_are_told_in_one_line(tmp_path: Path, changes: dict[str, Any], told: tuple[str, ...]) -> None:
    path = tmp_path / "probes.yml"
    path.write_text(yaml.safe_dump({**yaml.safe_load((DATA_DIR / "probes.yml").read_text()), **changes}))
    with pytest.raises(BenchError) as caught:
        settings(path)
    for part in told:
        assert part in str(caught.value)
