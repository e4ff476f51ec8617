"""Verdicts on their way into the archive, and into runs that were sealed before there were any."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from collect.archive.partial import begin_run
from collect.archive.query import Database, open_run
from collect.archive.store import Archive
from collect.plan import CEILING, PROBE, Plan
from tests.support.plans import small_plan
from tests.support.synthetic import FACTS, Setting, finish, write_run

NEW_IN_2 = (
    "kind", "probe_of", "intervention", "limited_by_confidence", "limited_by_evidence", "evidence_missing", "warnings",
    "connections", "little_error", "rps_change",
)  # fmt: skip


def every_run(archive: Archive) -> Database:
    return Database(archive, {run_id: archive.manifest(run_id) for run_id in archive.run_ids()})


def with_ceilings() -> Plan:
    plan = small_plan(1)
    return replace(plan, cells=plan.cells[:1], ceiling_window_s=2)


def test_a_trial_is_judged_again_with_what_was_measured_after_it(tmp_path: Path) -> None:
    run = begin_run(tmp_path, with_ceilings(), inventory="local")
    run.update_session(facts={"server1": FACTS, "client1": FACTS})
    ceilings, (cell,) = run.trials()[:-1], run.trials()[-1:]
    assert [spec.kind for spec in ceilings] == [CEILING, CEILING]
    slow = Setting(rps=400, app_cores=0.3, generator_cores=0.6)
    first = finish(run, cell, slow)
    assert first["limited_by"] == ["concurrency"]
    run.update_ceilings({"network": {"up_mbit_per_s": 1000.0, "down_mbit_per_s": 1000.0, "up_packets_per_s": 1e6}})
    for spec in ceilings:
        kept = spec.cell.variant == "responder-keepalive"
        row = finish(run, spec, replace(slow, rps=410, generator_cores=0.98, keep_alive=kept))
        assert (row["kind"], row["limited_by"][0]) == ("ceiling", "generator")
    run.update_ceilings({"redis": {"missing": "redis-benchmark is not installed"}})
    run.seal()
    archive = Archive(tmp_path)
    manifest = archive.manifest(run.run_id)
    assert manifest["ceilings"]["network"]["up_mbit_per_s"] == 1000
    assert manifest["ceilings"]["redis"] == {"missing": "redis-benchmark is not installed"}
    assert [each["keep_alive"] for each in manifest["ceilings"]["generators"]] == [True, False]
    with open_run(archive, run.run_id) as database:
        (row,) = database.rows("SELECT * FROM trials WHERE kind = 'cell'")
    assert row["limited_by"][0] == "generator"
    assert "responder that costs nothing" in row["limited_by_evidence"][0]
    trial = next(each for each in manifest["trials"] if each["kind"] == "cell")
    assert [finding["word"] for finding in trial["limited_by"]] == row["limited_by"]


def test_probes_are_trials_that_the_plan_does_not_hold(tmp_path: Path) -> None:
    run = write_run(tmp_path, replace(small_plan(1), cells=small_plan().cells[:1]))
    (cell,) = run.trials()
    probe = run.plan.spec(
        replace(cell.cell, users=20), 2, 1, 2, 2, 20000, kind=PROBE, probe_of=cell.cell.name, intervention="more users"
    )
    run.add_trials([probe])
    run.add_trials([probe])
    assert run.remaining() == [probe]
    finish(run, probe, Setting())
    test = {
        "cell": cell.cell.name,
        "word": "concurrency",
        "expect": "rise",
        "intervention": "more users",
        "named": True,
    }
    triples = [[cell.trial_id, probe.trial_id, cell.trial_id]]
    run.update_probes([{**test, "taken": 0.0, "triples": triples}])
    run.seal()
    manifest = Archive(tmp_path).manifest(run.run_id)
    (outcome,) = manifest["probes"]
    assert test.items() <= outcome.items()
    assert len(outcome["rps"]) == 1
    assert manifest["cells"][cell.cell.name]["verdict"] in ("confirmed", "refuted", "unclear")
    assert [(each["kind"], each["intervention"]) for each in manifest["trials"]] == [
        ("cell", None), ("probe", "more users"),
    ]  # fmt: skip


def test_what_was_set_and_what_sockets_have_is_kept(tmp_path: Path) -> None:
    conditions = {"client1": {"set": {"net.ipv4.tcp_tw_reuse": "1"}, "restored": True}}
    run = write_run(tmp_path, small_plan(1), Setting(conditions=conditions))
    run.seal()
    trial = Archive(tmp_path).manifest(run.run_id)["trials"][0]
    assert trial["conditions"] == conditions
    assert trial["sockets"] is None


@pytest.fixture
def older(tmp_path: Path) -> Archive:
    """Return an archive of one run as schema 1 had it and one of today."""
    run = write_run(tmp_path, small_plan(1), Setting(app_cores=0.3, generator_cores=0.98))
    folder = run.seal()
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    manifest = json.loads((folder / "manifest.json").read_text())
    for key in ("ceilings", "probes", "cells"):
        del manifest[key]
    for trial in manifest["trials"]:
        for key in ("kind", "probe_of", "intervention", "warnings", "conditions", "sockets"):
            del trial[key]
        trial["limited_by"] = []
    (folder / "manifest.json").write_text(json.dumps(manifest | {"schema_version": 1}))
    table = pq.read_table(folder / "trials.parquet")
    rows = [{**row, "limited_by": []} for row in table.to_pylist()]
    schema = table.schema
    pq.write_table(type(table).from_pylist(rows, schema=schema).drop_columns(list(NEW_IN_2)), folder / "trials.parquet")
    write_run(tmp_path, small_plan(1), Setting(app_cores=0.3, generator_cores=0.98)).seal()
    return Archive(tmp_path)


def test_an_older_run_is_read_with_a_verdict_of_low_confidence(older: Archive) -> None:
    old = min(older.run_ids(), key=lambda run_id: older.manifest(run_id).get("read_as", 9))
    manifest = older.manifest(old)
    assert (manifest["schema_version"], manifest["read_as"]) == (2, 1)
    assert [trial["limited_by"][0]["word"] for trial in manifest["trials"]] == ["generator"] * 2
    with open_run(older, old) as database:
        rows = database.rows("SELECT * FROM trials")
    assert [row["limited_by"][0] for row in rows] == ["generator"] * 2
    assert {row["limited_by_confidence"][0] for row in rows} == {"low"}
    assert {(row["kind"], row["little_error"]) for row in rows} == {("cell", None)}
    assert rows[0]["requests"] > 0


NEW_WITH_THE_DATABASE = {
    "trials": ["database_cpu_cores", "database_rss_mib", "database_pss_mib", "db_selects", "db_inserts_diff"],
    "samples": ["selects", "inserts"],
}


def test_a_run_from_before_the_database_reads_with_nothing_of_it(tmp_path: Path) -> None:
    ids = []
    for workload in ("redis", "db"):
        run = write_run(tmp_path, small_plan(1, workloads=(workload,)))
        ids.append(run.run_id)
        folder = run.seal()
        for name, columns in NEW_WITH_THE_DATABASE.items() if workload == "redis" else ():
            path = folder / f"{name}.parquet"
            path.chmod(0o644)
            pq.write_table(pq.read_table(path).drop_columns(columns), path)
    archive = Archive(tmp_path)
    with open_run(archive, ids[0]) as database:
        assert database.rows("SELECT DISTINCT db_selects, database_cpu_cores FROM trials") == [
            {"db_selects": None, "database_cpu_cores": None}
        ]
        (found,) = database.rows("SELECT max(selects) AS selects, max(gets) AS gets FROM samples")
    assert found["selects"] is None
    assert found["gets"] > 5000
    with every_run(archive) as database:
        rows = database.rows("SELECT run_id, min(db_selects) AS n FROM trials GROUP BY ALL")
        (mine,) = database.rows(
            "SELECT max(threads) AS n, max(selects) AS selects FROM samples WHERE scope = 'database'"
        )
    assert {row["run_id"]: (row["n"] or 0) > 0 for row in rows} == {ids[0]: False, ids[1]: True}
    assert mine["n"] == 11
    assert mine["selects"] > 700


def test_runs_of_both_kinds_are_asked_together(older: Archive) -> None:
    with every_run(older) as database:
        rows = database.rows("SELECT limited_by[1] AS word, limited_by_confidence[1] AS sure FROM trials ORDER BY sure")
        (count,) = database.rows("SELECT count(*) AS n FROM samples")
    assert {row["word"] for row in rows} == {"generator"}
    assert len(rows) == 4
    assert rows[0]["sure"] == "low"
    assert rows[-1]["sure"] == "medium"
    assert count["n"] > 0
