"""What comes out of the archive is what went in, and no byte of it changes unseen."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collect.archive.partial import begin_run
from collect.archive.query import open_run
from collect.archive.store import Archive
from collect.statistics.percentiles import percentile
from tests.support.plans import small_plan
from tests.support.synthetic import EPOCH, Setting, write_run, write_trial

SLOW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SETTINGS = st.builds(
    Setting,
    rps=st.floats(5, 900),
    app_cores=st.floats(0.01, 0.9),
    generator_cores=st.floats(0.01, 0.9),
    failures=st.integers(0, 5),
    client_offset_s=st.floats(-3, 3),
    seed=st.integers(0, 10**6),
)


@SLOW
@given(
    setting=SETTINGS, users=st.integers(1, 40), workload=st.sampled_from(["redis", "db", "db-insert"]),
    lost=st.integers(0, 5),
)  # fmt: skip
def test_a_trial_survives_the_way_through_the_archive(setting: Setting, users: int, workload: str, lost: int) -> None:
    plan = small_plan(1, window_s=3, workloads=(workload,))
    # Of the requests that fail, as many as one likes have not inserted.
    setting = replace(setting, rows_off=-min(lost, setting.failures) if workload == "db-insert" else 0)
    cell = replace(plan.cells[0], users=users)
    with tempfile.TemporaryDirectory() as folder:
        run = begin_run(Path(folder), replace(plan, cells=(cell,)), inventory="local")
        (spec,) = run.trials()
        record, truth = write_trial(run.trial_folder(spec), spec, setting)
        summary = run.finish_trial(spec, run.trial_folder(spec), record)
        run.seal()
        archive = Archive(Path(folder))
        assert archive.verify(run.run_id) == []
        (trial,) = archive.manifest(run.run_id)["trials"]
        with open_run(archive, run.run_id) as database:
            (row,) = database.rows("SELECT * FROM trials")
            stored = database.arrays("SELECT * FROM requests")
            (inside,) = database.rows(
                "SELECT count(*) AS requests, count(*) FILTER (outcome <> 'ok') AS failures,"
                " quantile_disc(latency_us, 0.99) FILTER (outcome = 'ok') / 1000 AS p99"
                " FROM requests WHERE phase = 'window'"
            )
    columns = [key for key in summary if not key.endswith("_at") and key != "findings"]
    assert {key: row[key] for key in columns} == {key: summary[key] for key in columns}
    assert [finding["word"] for finding in trial["limited_by"]] == row["limited_by"]
    assert row["started_at"].timestamp() == pytest.approx(EPOCH, abs=1e-5)
    assert len(stored["latency_us"]) == len(truth.ends)
    assert np.sort(stored["latency_us"]).tolist() == np.sort(np.rint(truth.latencies * 1e6)).tolist()
    assert (row["requests"], row["failures"]) == (inside["requests"], inside["failures"])
    assert abs(row["requests"] - truth.inside().sum()) <= 2
    assert row["app_cpu_cores"] == pytest.approx(setting.app_cores)
    assert row["generator_cpu_cores"] == pytest.approx(setting.generator_cores)
    if row["redis_gets_diff"] is not None and row["requests"]:
        assert abs(row["redis_gets_diff"]) <= users
        assert row["redis_gets_total_diff"] == 0
    if row["db_selects_diff"] is not None:
        assert abs(row["db_selects_diff"]) <= users
    rows = {"redis": (None, None), "db": (0, 0)}.get(
        workload, (len(truth.ends) + 1 + setting.rows_off, setting.rows_off)
    )
    assert (row["db_rows_added"], row["db_inserts_diff"]) == rows
    assert not [reason for reason in row["reasons"] if "the database" in reason]
    if inside["requests"] > inside["failures"]:
        good = np.sort(stored["latency_us"][(stored["phase"] == "window") & (stored["outcome"] == "ok")])
        assert row["latency_p99_ms"] == percentile(good, 0.99) / 1000 == pytest.approx(inside["p99"])


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    folder = tmp_path_factory.mktemp("sealed")
    write_run(folder, small_plan(1, window_s=1)).seal()
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    yield Archive(folder)
    shutil.rmtree(folder)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_changed_bit_is_found(sealed: Archive, data: st.DataObject) -> None:
    run_id = sealed.resolve("latest")
    files = sorted(path for path in sealed.folder(run_id).rglob("*") if path.is_file() and path.stat().st_size)
    path = data.draw(st.sampled_from(files))
    content = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    bit = data.draw(st.integers(0, 7))
    original = bytes(content)
    content[position] ^= 1 << bit
    try:
        path.write_bytes(content)
        assert sealed.verify(run_id)
    finally:
        path.write_bytes(original)
    assert sealed.verify(run_id) == []


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(st.integers(0, 10**6), min_size=1, max_size=300),
    share=st.integers(1, 1000).map(lambda n: n / 1000),
)
def test_percentiles_are_those_of_counting(values: list[int], share: float) -> None:
    ordered = np.sort(np.array(values))
    found = percentile(ordered, share)
    enough = [value for value in values if sum(v <= value for v in values) * 1000 >= round(share * 1000) * len(values)]
    assert found == min(enough)


def test_columns_are_as_described(sealed: Archive) -> None:
    from collect.archive.columns import columns

    for name, described in columns().items():
        file = pq.ParquetFile(sealed.folder(sealed.resolve("latest")) / f"{name}.parquet")
        assert file.schema_arrow.names == list(described)
