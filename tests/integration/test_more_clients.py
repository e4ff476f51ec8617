"""Two client hosts make one load: a worker on each, started together, put together on one clock."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import TWO_CLIENTS
from tests.support.bench import SMALL, collect, measure
from tests.support.checkout import Checkout

pytestmark = pytest.mark.hosts

CLIENTS = ("client1", "client2")
EACH_CPU = "locust-fast"
"""A generator with one worker for each CPU of the clients, as many as are enough."""


@pytest.fixture(scope="module")
def whole(two_clients: Checkout) -> dict[str, Any]:
    """A run whose load is made by each CPU of both clients, by a process on each, and by one client alone."""
    cell = {**SMALL["cells"][0], "variant": "starlette-uvicorn"}
    cells = [
        {**cell, "generator": EACH_CPU, "profile": "controlled"},
        {**cell, "generator": ["locust-http", "locust-http-2"]},
    ]
    measure(two_clients, *TWO_CLIENTS, cells=cells, window_s=5)
    found: dict[str, Any] = collect(two_clients, "show", "latest", "--json")
    return found


@pytest.fixture(scope="module")
def run(whole: dict[str, Any]) -> dict[str, Any]:
    """That run, with the trial alone whose load is made by each CPU."""
    (row,) = [row for row in whole["trials"] if row["generator"] == EACH_CPU]
    (told,) = [told for told in whole["manifest"]["trials"] if told["trial_id"] == row["trial_id"]]
    return {**whole, "trials": [row], "manifest": {**whole["manifest"], "trials": [told]}}


def test_each_of_two_clients_is_provisioned(two_clients: Checkout) -> None:
    for host in ("server1", *CLIENTS):
        assert two_clients.on(host, "systemctl is-active bench-collector.service").strip() == "active"


@pytest.mark.alone
def test_one_makes_the_load_alone_and_the_other_watches_or_both_make_it(whole: dict[str, Any]) -> None:
    assert len(whole["trials"]) == 3
    for trial in whole["trials"]:
        assert trial["validity"] != "invalid", trial["reasons"]
        assert abs(trial["redis_gets_total_diff"]) <= trial["users"]


def test_each_cpu_of_each_client_has_a_worker(run: dict[str, Any]) -> None:
    (told,) = run["manifest"]["trials"]
    assert tuple(told["clients"]) == CLIENTS
    cpus = [len(run["manifest"]["hosts"][name]["cpu_set"]) for name in CLIENTS]
    first, second = (told["clients"][name]["processes"] for name in CLIENTS)
    assert first[0] == "primary"
    assert [len(first) - 1, len(second)] == cpus
    assert told["load"]["workers"] == sum(cpus)


def test_the_users_are_spread_and_begin_together(run: dict[str, Any]) -> None:
    (told,) = run["manifest"]["trials"]
    (trial,) = run["trials"]
    parts = [told["clients"][name] for name in CLIENTS]
    assert sum(part["users"] for part in parts) == trial["users"]
    assert min(part["users"] for part in parts) > 0
    assert abs(parts[0]["begin_s"] - parts[1]["begin_s"]) < 0.5
    for part in parts:
        assert part["requests"] > 0.1 * trial["requests"]
        assert part["generator_cpu_cores"] > 0.01


def test_all_requests_are_put_together_on_the_servers_clock(run: dict[str, Any], two_clients: Checkout) -> None:
    (told,) = run["manifest"]["trials"]
    (trial,) = run["trials"]
    assert trial["validity"] != "invalid", trial["reasons"]
    assert sum(part["requests"] for part in told["clients"].values()) == trial["requests"]
    assert abs(trial["redis_gets_diff"]) <= trial["users"]
    assert abs(trial["redis_gets_total_diff"]) <= trial["users"]
    sql = (
        "SELECT worker, count(*) AS n, count(DISTINCT floor(start_us / 1e6)) AS seconds FROM requests"
        f" WHERE run_id = '{trial['run_id']}' AND trial_id = '{trial['trial_id']}' AND phase = 'window' GROUP BY worker"
    )
    workers = collect(two_clients, "query", sql, "--json")
    assert len(workers) == told["load"]["workers"]
    assert {row["seconds"] for row in workers} <= {5, 6, 7}


def test_cpus_that_the_clients_share_are_counted_once(run: dict[str, Any]) -> None:
    (trial,) = run["trials"]
    sets = [run["manifest"]["hosts"][name]["cpu_set"] for name in CLIENTS]
    if sets[0] != sets[1]:
        pytest.skip("this machine has a CPU for each client")
    assert trial["client_cpus"] == len(sets[0])
    assert trial["client_foreign_cpu_cores"] < 0.2


def test_a_verdict_about_a_client_names_it(run: dict[str, Any]) -> None:
    (told,) = run["manifest"]["trials"]
    for finding in told["limited_by"]:
        if finding["word"] in ("generator", "client-cpu", "client-ports"):
            assert set(finding["host"].split(", ")) <= set(CLIENTS)


def test_ansible_must_work_on_all_hosts_at_once(checkout: Checkout) -> None:
    """A trial's hosts wait for one another; with fewer processes than hosts they would wait for ever."""
    played = checkout.play("playbooks/check.yml", "--forks", "1", fails=True)
    assert "the inventory has 2 hosts, and Ansible works on 1 at once (forks)" in played.output
