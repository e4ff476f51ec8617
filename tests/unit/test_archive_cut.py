"""A trial's summary against the truth that the synthetic trial was made from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collect.archive.clocks import Clock
from collect.archive.cut import summarise
from collect.archive.raw import client_of, read_trial
from collect.archive.window import find_window, phases
from collect.errors import BenchError
from collect.plan import TrialSpec
from tests.support.plans import small_plan
from tests.support.synthetic import EPOCH, Setting, Truth, write_trial

REDIS, NONE, DB, DB_INSERT, DB_BUSY = (
    small_plan(1, window_s=10, workloads=(name,)).trials()[0]
    for name in ("redis", "none", "db", "db-insert", "db-busy")
)
OF_DATABASE = (
    "database_cpu_cores", "database_rss_mib", "database_pss_mib", "db_selects", "db_selects_diff", "db_inserts",
    "db_rows_added", "db_inserts_diff",
)  # fmt: skip


def cut(folder: Path, setting: Setting, spec: TrialSpec = REDIS) -> tuple[dict[str, Any], Truth]:
    record, truth = write_trial(folder, spec, setting)
    return summarise(read_trial(folder, spec, record), "run"), truth


def test_figures_are_the_truth(tmp_path: Path) -> None:
    row, truth = cut(
        tmp_path, Setting(rps=500, app_cores=0.61, redis_cores=0.07, generator_cores=0.52, foreign_cores=0.02)
    )
    inside = np.sort(np.rint(truth.latencies[truth.inside()] * 1e6))
    assert row["requests"] == len(inside)
    assert row["rps"] == pytest.approx(len(inside) / 10)
    assert row["latency_p99_ms"] == inside[int(np.ceil(0.99 * len(inside))) - 1] / 1000
    assert row["latency_max_ms"] == inside[-1] / 1000
    assert row["app_cpu_cores"] == pytest.approx(0.61)
    assert row["redis_cpu_cores"] == pytest.approx(0.07)
    assert row["generator_cpu_cores"] == pytest.approx(0.52)
    assert row["server_cpu_cores"] == pytest.approx(0.61 + 0.07 + 0.007 + 0.02)
    assert row["server_foreign_cpu_cores"] == pytest.approx(0.02)
    assert row["client_cpu_cores"] == pytest.approx(0.52 + 0.007 + 0.02)
    assert row["app_rss_mib"] == 42
    assert row["control_cpu_cores"] == pytest.approx(0.02)
    assert row["redis_gets"] == truth.gets_inside
    assert row["redis_gets_diff"] == truth.gets_inside - row["requests"]
    assert row["redis_gets_total_diff"] == 0
    assert row["client_time_wait_max"] == 500 * 12
    assert (row["validity"], row["reasons"]) == ("valid", [])
    assert json.loads(json.dumps(row)) == row


@pytest.mark.parametrize("offset", [-7200.0, -0.4, -0.002, 0.002, 0.4, 86400.5])
def test_a_client_whose_clock_is_off_is_cut_by_the_servers(tmp_path: Path, offset: float) -> None:
    row, truth = cut(tmp_path, Setting(rps=300, client_offset_s=offset, generator_cores=0.5))
    assert row["window_s"] == pytest.approx(10, abs=0.01)
    assert abs(row["redis_gets_diff"]) <= 10
    assert row["redis_gets_total_diff"] == 0
    assert row["generator_cpu_cores"] == pytest.approx(0.5)
    assert row["validity"] == "valid", row["reasons"]
    # Moving times to and fro costs a fraction of a microsecond, which may put one answer on the other side of an edge.
    assert abs(row["requests"] - truth.inside().sum()) <= 2


def test_the_workload_without_redis_is_not_held_against_it(tmp_path: Path) -> None:
    row, _ = cut(tmp_path, Setting(), NONE)
    assert (row["redis_gets"], row["redis_gets_diff"], row["redis_gets_total_diff"]) == (0, None, None)
    assert row["validity"] == "valid"


def test_failures_degrade_and_are_no_requests_served(tmp_path: Path) -> None:
    row, truth = cut(tmp_path, Setting(failures=50, rps=400))
    assert row["failures"] > 0
    assert row["rps"] == pytest.approx((row["requests"] - row["failures"]) / row["window_s"])
    assert row["requests"] == truth.inside().sum()
    assert row["validity"] == "degraded"
    assert "requests failed" in row["reasons"][0]


def test_figures_have_the_interval_that_their_own_window_gives(tmp_path: Path) -> None:
    row, truth = cut(tmp_path, Setting(rps=400))
    assert row["rps_low"] < 400 * 1.01
    assert row["rps_low"] < row["rps"] < row["rps_high"]
    assert row["rps_high"] - row["rps_low"] < 0.1 * row["rps"]
    inside = np.sort(np.rint(truth.latencies[truth.inside()] * 1e6))
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        low, high = (row[f"latency_{name}_{side}_ms"] for side in ("low", "high"))
        assert low < row[f"latency_{name}_ms"] < high
        assert {low, high} <= set(inside / 1000), "they are latencies that were measured"
        assert (inside / 1000 <= low).mean() < share < (inside / 1000 <= high).mean()
    assert row["warmup_found_s"] == 0


def test_too_few_answers_have_no_interval(tmp_path: Path) -> None:
    row, _ = cut(tmp_path, Setting(rps=8))
    bounds = [name for name in row if name.endswith(("_low", "_high", "_low_ms", "_high_ms"))]
    assert len(bounds) == 8
    assert {row[name] for name in (*bounds, "warmup_found_s")} == {None}


@pytest.mark.parametrize(("level", "validity", "told"), [(0.8, "valid", "warnings"), (0.4, "degraded", "reasons")])
def test_a_window_that_begins_too_early_says_so_and_is_not_cut(
    tmp_path: Path, level: float, validity: str, told: str
) -> None:
    row, truth = cut(tmp_path, Setting(rps=400, speeds=((0.0, level), (0.12, 1.0))))
    assert row["warmup_found_s"] == pytest.approx(1.2, abs=0.3)
    assert row["validity"] == validity
    (text,) = [text for text in row[told] if "into the window" in text]
    assert text.startswith("the rate settled only 1.")
    assert text.endswith("below the rate after it: warm up for longer")
    assert row["requests"] == truth.inside().sum()
    assert row["rps"] == pytest.approx(row["requests"] / row["window_s"])


def test_gets_that_redis_did_not_count_make_a_trial_invalid(tmp_path: Path) -> None:
    row, _ = cut(tmp_path, Setting(redis_lost=40))
    assert row["validity"] == "invalid"
    assert [reason for reason in row["reasons"] if "fewer in the window; at most 10" in reason]
    assert [reason for reason in row["reasons"] if "40 GETs fewer over the whole trial" in reason]


def test_the_databases_figures_are_the_truth(tmp_path: Path) -> None:
    row, truth = cut(tmp_path, Setting(rps=500, app_cores=0.5, database_cores=0.23), DB)
    assert row["db_selects"] == truth.selects_inside > 4000
    assert row["db_selects_diff"] == truth.selects_inside - row["requests"]
    assert row["requests"] == truth.inside().sum(), "the window's edges are where the database answered"
    assert (row["db_inserts"], row["db_rows_added"], row["db_inserts_diff"]) == (0, 0, 0)
    assert row["database_cpu_cores"] == pytest.approx(0.23)
    assert (row["database_rss_mib"], row["database_pss_mib"]) == (90, 72)
    assert row["server_foreign_cpu_cores"] == pytest.approx(0.01)
    assert (row["validity"], row["reasons"]) == ("valid", [])
    assert json.loads(json.dumps(row)) == row


def test_rows_are_counted_over_the_whole_trial(tmp_path: Path) -> None:
    row, truth = cut(tmp_path, Setting(), DB_INSERT)
    assert row["db_rows_added"] == len(truth.ends) + 1 > row["requests"]  # with the check
    assert row["db_inserts_diff"] == 0
    assert abs(row["db_inserts"] - row["requests"]) <= 10
    assert (row["db_selects"], row["db_selects_diff"]) == (0, None)
    assert row["validity"] == "valid", row["reasons"]


def test_hashes_are_a_select_each(tmp_path: Path) -> None:
    row, truth = cut(tmp_path, Setting(), DB_BUSY)
    assert row["db_selects"] == truth.selects_inside
    assert abs(row["db_selects_diff"]) <= 10
    assert row["validity"] == "valid", row["reasons"]


@pytest.mark.parametrize("spec", [REDIS, NONE])
def test_a_workload_without_the_database_has_nothing_of_it(tmp_path: Path, spec: TrialSpec) -> None:
    row, _ = cut(tmp_path / "none", Setting(), spec)
    assert {row[name] for name in OF_DATABASE} == {None}
    older, _ = cut(tmp_path / "older", Setting(without=("database",)), spec)
    assert older == row, "collectors before there was a database did not say that there is none"
    beside, _ = cut(tmp_path / "beside", Setting(database_cores=0.1), spec)
    assert beside["database_cpu_cores"] == pytest.approx(0.1), "one that runs beside it takes CPU all the same"
    assert {beside[name] for name in OF_DATABASE if name.startswith("db_")} == {None}
    assert {row["validity"], beside["validity"]} == {"valid"}


def test_each_counter_is_compared_between_its_own_answers(tmp_path: Path) -> None:
    both = replace(REDIS, workload={**REDIS.workload, "db_selects": 3})
    row, truth = cut(tmp_path, Setting(rps=900), both)
    assert row["redis_gets"] == truth.gets_inside
    assert abs(row["redis_gets_diff"]) <= 10
    assert abs(row["db_selects_diff"]) <= 30
    assert row["validity"] == "valid", row["reasons"]
    lost, _ = cut(tmp_path / "lost", Setting(rps=900, selects_lost=90), both)
    assert (lost["validity"], lost["redis_gets_diff"]) == ("invalid", row["redis_gets_diff"])


def test_selects_that_the_database_did_not_count_make_a_trial_invalid(tmp_path: Path) -> None:
    row, _ = cut(tmp_path, Setting(selects_lost=40), DB)
    assert row["validity"] == "invalid"
    (reason,) = row["reasons"]
    assert "SELECTs fewer than there were requests for in the window; at most 10 can be under way" in reason


@pytest.mark.parametrize(
    ("off", "failures", "told"),
    [
        (10, 0, None),  # as many as there are users were under way when the load ended
        (11, 0, "the database holds 11 rows more than requests were sent; at most 10 can be under way"),
        (-1, 0, "the database holds 1 row fewer than requests were accepted"),
        # Of the requests that failed, some had inserted their row.
        (0, 20, None),
        (-7, 20, None),
        (-20, 20, None),
        (-21, 20, "the database holds 1 row fewer than requests were accepted"),
        (11, 20, "the database holds 11 rows more than requests were sent; at most 10 can be under way"),
    ],
)
def test_rows_lie_between_accepted_and_sent(tmp_path: Path, off: int, failures: int, told: str | None) -> None:
    row, _ = cut(tmp_path, Setting(rows_off=off, failures=failures), DB_INSERT)
    assert row["db_inserts_diff"] == off
    assert row["validity"] == ("invalid" if told else "degraded" if failures else "valid")
    assert [reason for reason in row["reasons"] if "row" in reason] == ([told] if told else [])


def test_rows_that_nothing_inserts_make_a_trial_invalid(tmp_path: Path) -> None:
    row, _ = cut(tmp_path, Setting(rows_off=1), DB)
    assert row["reasons"] == ["the database holds 1 row more, and no request inserts any"]
    assert row["validity"] == "invalid"


@pytest.mark.parametrize(("spec", "count"), [(DB, "SELECTs"), (DB_BUSY, "SELECTs"), (DB_INSERT, "rows")])
def test_a_database_that_was_not_asked_makes_a_trial_invalid(tmp_path: Path, spec: TrialSpec, count: str) -> None:
    row, _ = cut(tmp_path, Setting(without=("database",)), spec)
    assert row["validity"] == "invalid"
    assert row["reasons"] == [f"the database's own count of {count} is missing"]
    assert {row[name] for name in OF_DATABASE} == {None}


def test_missed_ticks_are_counted_by_side(tmp_path: Path) -> None:
    row, _ = cut(tmp_path, Setting(missed={"server1": (5,), "client1": (6, 7)}))
    assert (row["server_missed_ticks"], row["client_missed_ticks"]) == (1, 2)
    assert row["validity"] == "degraded"
    assert row["generator_cpu_cores"] == pytest.approx(0.5)  # cumulative counters bridge the gap


def test_a_missed_tick_at_the_edge_moves_or_shortens_the_window(tmp_path: Path) -> None:
    first, _ = cut(tmp_path / "first", Setting(missed={"server1": (2,)}))
    assert (first["window_s"], first["server_missed_ticks"]) == (pytest.approx(10), 1)
    last, _ = cut(tmp_path / "last", Setting(missed={"server1": (12,)}))
    assert last["window_s"] == pytest.approx(9)
    assert last["validity"] == "degraded"
    assert "instead of 10 s" in last["reasons"][0]


def test_samples_that_end_too_early_make_a_trial_invalid(tmp_path: Path) -> None:
    row, _ = cut(tmp_path, Setting(missed={"client1": tuple(range(8, 20))}))
    assert row["validity"] == "invalid"
    assert row["reasons"][0] == "the samples of client1 do not cover the window"
    assert row["client_cpu_cores"] is None


def test_a_server_without_samples_under_load_is_no_trial(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="recorded nothing under load"):
        cut(tmp_path, Setting(missed={"server1": tuple(range(1, 30))}))


def test_other_sampling_intervals_work(tmp_path: Path) -> None:
    for interval in (0.1, 0.5, 2.0, 5.0):
        row, _ = cut(tmp_path / str(interval), Setting(interval_s=interval))
        assert row["window_s"] == pytest.approx(10, abs=0.01)
        assert row["app_cpu_cores"] == pytest.approx(0.6)
        assert row["validity"] == "valid", row["reasons"]


def test_phases_are_told_by_the_moment_of_the_answer(tmp_path: Path) -> None:
    record, truth = write_trial(tmp_path, REDIS, Setting())
    raw = read_trial(tmp_path, REDIS, record)
    window = find_window(raw)
    counts = np.bincount(phases(raw, window), minlength=4)
    assert counts.sum() == len(truth.ends)
    assert counts[0] == (truth.ends <= EPOCH + 1).sum()
    assert counts[2] == truth.inside().sum()
    assert counts[3] == (truth.ends > truth.t2).sum()


def test_rows_lost_by_the_generator_make_a_trial_invalid(tmp_path: Path) -> None:
    record, _ = write_trial(tmp_path, REDIS, Setting())
    path = tmp_path / "requests-primary.f64"
    path.write_bytes(path.read_bytes()[:-70])
    row = summarise(read_trial(tmp_path, REDIS, record), "run")
    assert row["validity"] == "invalid"
    assert "were counted but not recorded" in row["reasons"][0]


def test_workers_are_put_together_and_missed(tmp_path: Path) -> None:
    record, truth = write_trial(tmp_path, REDIS, Setting())
    rows = np.fromfile(tmp_path / "requests-primary.f64", dtype="<f8").reshape(-1, 3)
    (tmp_path / "requests-primary.f64").unlink()
    for number, part in ((1, rows[::2]), (2, rows[1::2])):
        part.tofile(tmp_path / f"requests-worker-{number}.f64")
        summary = {"rows": len(part), "outcomes": ["ok"]}
        (tmp_path / f"summary-worker-{number}.json").write_text(json.dumps(summary))
    for processes, validity in ((2, "valid"), (3, "invalid")):
        spec = TrialSpec.from_json(REDIS.to_json() | {"generator": {"user_class": "HttpUser", "processes": processes}})
        row = summarise(read_trial(tmp_path, spec, record), "run")
        assert row["requests"] == truth.inside().sum()
        assert row["validity"] == validity
    assert row["reasons"] == ["worker-3 on client1 left no requests"]
    assert [client_of(name, ["a", "b"]) for name in ("primary", "worker-1", "worker-2", "worker-3")] == list("aaba")


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("samples-server1.jsonl", b'{"tick": 1}\n', "not a sample .samples-server1.jsonl, line 1"),
        ("samples-client1.jsonl", b'{"tick": 1, "t": 2}', "not a sample"),
        ("summary-primary.json", b"{}", "not the summary"),
        ("requests-primary.f64", np.array([[1.0, -1.0, 0.0]]).tobytes(), "not a list of requests"),
        ("requests-primary.f64", np.array([[1.0, 1.0, 7.0]]).tobytes(), "not a list of requests"),
        ("requests-primary.f64", np.array([[np.nan, 1.0, 0.0]]).tobytes(), "not a list of requests"),
    ],
)
def test_damaged_files_are_told_by_name(tmp_path: Path, file: str, content: bytes, told: str) -> None:
    record, _ = write_trial(tmp_path, REDIS, Setting())
    (tmp_path / file).write_bytes(content)
    with pytest.raises(BenchError, match=told):
        read_trial(tmp_path, REDIS, record)


def test_missing_files_are_told_by_name(tmp_path: Path) -> None:
    for file in ("samples-client1.jsonl", "summary-primary.json", "requests-primary.f64"):
        record, _ = write_trial(tmp_path / file, REDIS, Setting())
        (tmp_path / file / file).unlink()
        with pytest.raises(BenchError, match=r"cannot read|left no requests"):
            read_trial(tmp_path / file, REDIS, record)


def test_a_failed_load_is_no_trial(tmp_path: Path) -> None:
    record, _ = write_trial(tmp_path, REDIS, Setting())
    record["result"] = record["result"] | {"state": "failed", "error": "expected 200 got 500"}
    with pytest.raises(BenchError, match="expected 200 got 500"):
        read_trial(tmp_path, REDIS, record)


def test_noisy_neighbours_and_uncertain_clocks_degrade(tmp_path: Path) -> None:
    foreign, _ = cut(tmp_path / "foreign", Setting(foreign_cores=0.2))
    assert foreign["validity"] == "degraded"
    assert foreign["reasons"][0] == "18.0% of the server's CPU went to others than the host and the control node"
    most, _ = cut(tmp_path / "most", Setting(foreign_cores=0.6))
    assert most["validity"] == "invalid", "that is the rate of another machine"
    record, _ = write_trial(tmp_path / "clock", REDIS, Setting())
    for measurement in record["clients"]["client1"]["clocks"]:
        measurement["uncertainty_s"] = 0.05
    row = summarise(read_trial(tmp_path / "clock", REDIS, record), "run")
    assert row["reasons"] == ["the clocks are known to 50.5 ms only"]


def test_offsets_are_interpolated_between_measurements() -> None:
    points = [(0.0, 1.0), (10.0, 2.0)]
    clock = Clock.of([{"measured_unix_s": t, "offset_s": o, "uncertainty_s": 0.1} for t, o in points])
    assert [clock.offset(t) for t in (-5.0, 0.0, 5.0, 10.0, 20.0)] == [1.0, 1.0, 1.5, 2.0, 2.0]
    assert Clock.of([]).to(clock, 5.0) == 6.5


def test_a_clock_that_was_set_under_load_makes_a_trial_invalid(tmp_path: Path) -> None:
    record, _ = write_trial(tmp_path, REDIS, Setting())
    path = tmp_path / "samples-client1.jsonl"
    lines = path.read_text().splitlines()
    lines[8] = json.dumps(json.loads(lines[8]) | {"clock_step": 0.75})
    path.write_text("\n".join(lines))
    row = summarise(read_trial(tmp_path, REDIS, record), "run")
    assert row["validity"] == "invalid"
    assert row["reasons"] == ["the clock of client1 was set by 0.750 s under load"]
