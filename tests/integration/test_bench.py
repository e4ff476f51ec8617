"""The main path on real hosts: measured, counted thrice, sealed, verified, reported."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.bench import SMALL, collect, measure
from tests.support.checkout import Checkout, Played

pytestmark = pytest.mark.hosts

TWO_PROCESSES = "locust-http-2"

MEASURED = [
    "rps",
    "latency_p50_ms",
    "latency_p95_ms",
    "latency_p99_ms",
    "latency_max_ms",
    "app_cpu_cores",
    "app_rss_mib",
    "app_pss_mib",
    "redis_cpu_cores",
    "redis_rss_mib",
    "generator_cpu_cores",
    "generator_rss_mib",
    "server_cpu_cores",
    "client_cpu_cores",
    "server_mem_used_max_mib",
    "client_mem_used_max_mib",
    "server_foreign_cpu_cores",
    "client_time_wait_max",
    "control_cpu_cores",
    "clock_uncertainty_s",
]


@pytest.fixture(scope="module")
def played(provisioned: Checkout) -> Played:
    cell = SMALL["cells"][0]
    more = {**cell, "variant": "starlette-uvicorn", "generator": TWO_PROCESSES}
    return measure(provisioned, cells=[{**cell, "workload": ["redis", "none"]}, more], window_s=3)


@pytest.fixture(scope="module")
def trials(provisioned: Checkout, played: Played) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = collect(provisioned, "show", "latest", "--json")["trials"]
    return found


def test_every_trial_is_there_with_every_figure(trials: list[dict[str, Any]]) -> None:
    assert len(trials) == 5
    for trial in trials:
        missing = [name for name in MEASURED if trial[name] is None]
        assert not missing, (trial["trial_id"], missing)
        assert trial["failures"] == 0
        assert trial["rps"] > 20
        assert 0.05 < trial["app_cpu_cores"] <= 1.1
        assert 0.05 < trial["generator_cpu_cores"] <= 1.1
        assert trial["window_s"] == pytest.approx(3, abs=0.2)


def test_three_counts_of_the_same_requests(provisioned: Checkout, trials: list[dict[str, Any]]) -> None:
    counted = (
        "SELECT trial_id, count(*) AS n FROM requests"
        f" WHERE run_id = '{trials[0]['run_id']}' AND phase = 'window' GROUP BY trial_id"
    )
    rows = {row["trial_id"]: row["n"] for row in collect(provisioned, "query", counted, "--json")}
    for trial in trials:
        assert rows[trial["trial_id"]] == trial["requests"]
        if trial["workload"] == "redis":
            assert abs(trial["redis_gets"] - trial["requests"]) <= trial["users"]
            assert abs(trial["redis_gets_total_diff"]) <= trial["users"]
        else:
            assert trial["redis_gets"] == 0


def test_the_entry_verifies_with_and_without_us(provisioned: Checkout, trials: list[dict[str, Any]]) -> None:
    entry = provisioned.path / "archive" / trials[0]["run_id"]
    assert provisioned.run("collect", "verify", "latest").exit_code == 0
    assert provisioned.run("sh", "-c", f"cd {entry} && sha256sum --check --quiet SHA256SUMS").exit_code == 0


def test_the_hosts_are_on_record(provisioned: Checkout, trials: list[dict[str, Any]]) -> None:
    manifest = collect(provisioned, "show", "latest", "--json")["manifest"]
    text = str(manifest)
    for name in ("cpu_model", "ip_local_port_range", "tcp_tw_reuse", "kernel", "3.8."):
        assert name in text, name
    assert set(manifest["sessions"][0]["facts"] if "sessions" in manifest else manifest["hosts"]) == {
        "server1",
        "client1",
    }


def test_each_trial_has_a_fresh_port_and_a_fresh_process(provisioned: Checkout, trials: list[dict[str, Any]]) -> None:
    """So none inherits the sockets or the memory of the one before."""
    recorded = collect(provisioned, "show", "latest", "--json")["manifest"]["trials"]
    assert len(recorded) == len(trials)
    assert len({trial["port"] for trial in recorded}) == len(trials)
    assert len({trial["server"]["app"]["pid"] for trial in recorded}) == len(trials)


def test_the_closing_table_and_the_report(provisioned: Checkout, played: Played) -> None:
    report = provisioned.play("playbooks/report.yml")
    for said in (
        "flask-werkzeug",
        "starlette-uvicorn",
        "1,361",
        "starlette-uvicorn / flask-werkzeug on redis",
        ".html",
    ):
        assert said in report.output, report.output
    for frightening in ("FAILED - RETRYING", "DEPRECATION", "WARNING", "Traceback"):
        assert frightening not in played.output + report.output
    pages = list((provisioned.path / "archive").glob("*.html"))
    assert pages
    assert pages[0].stat().st_size < 5_000_000


def test_a_log_has_one_line_a_trial(played: Played) -> None:
    """With figures of both sides, what limited it, and the time left; no control characters."""
    lines = [line for line in played.output.splitlines() if "/5]" in line]
    assert [line.split("/")[0].strip() for line in lines] == ["[1", "[2", "[3", "[4", "[5"]
    for line in lines:
        for part in ("req/s", "p95", "cpu: server", "client", "limited by", "left"):
            assert part in line, line
    assert "\x1b" not in played.output


def test_two_worker_processes_and_a_master(provisioned: Checkout, trials: list[dict[str, Any]]) -> None:
    (trial,) = [trial for trial in trials if trial["generator"] == TWO_PROCESSES]
    # Others may have wanted the machine, too; then ticks are missed as well.
    own = [
        reason
        for reason in trial["reasons"]
        if not any(said in reason for said in ("went to others", "stolen", "missed"))
    ]
    assert trial["validity"] != "invalid" or not own, own
    workers = "SELECT DISTINCT run_id, trial_id, worker FROM requests"
    found = collect(provisioned, "query", f"{workers} WHERE run_id = '{trial['run_id']}'", "--json")
    assert len([row for row in found if row["trial_id"] == trial["trial_id"]]) == 2
