from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collect.trial.client import failure, instances, load_environment
from collect.trial.server import app_environment, environment_file
from collect.trial.watching import Task, conditions_of

SPEC: dict[str, Any] = {
    "trial_id": "t",
    "ordinal": 1,
    "total": 1,
    "port": 20001,
    "ramp_s": 1,
    "warmup_s": 1,
    "window_s": 10,
    "cell": {"variant": "flask-werkzeug", "workload": "redis", "users": 10},
    "variant": {
        "framework": "flask",
        "server": "werkzeug",
        "client": "new",
        "response": "text",
        "access_log": True,
        "debug": False,
        "processes": 1,
    },
    "workload": {"path": "/user"},
    "generator": {"user_class": "HttpUser", "processes": 1},
    "profile": {"client_sysctls": {}},
    "expect": {"status": 200, "type": "text/html", "body": 'a "quoted" $name'},
}


def task(processes: int = 1, clients: int = 1, cpus: dict[str, int] | None = None) -> Task:
    spec = {**SPEC, "generator": {"user_class": "HttpUser", "processes": processes}}
    names = [f"client{n + 1}" for n in range(clients)]
    facts = {name: {"cpu_set": list(range(count))} for name, count in (cpus or {}).items()}
    return Task(spec, "server1", "198.18.0.1", names, 1.0, Path("/nowhere"), facts=facts)


@pytest.mark.parametrize(
    ("processes", "clients", "expected"),
    [
        (1, 1, [["primary"]]),
        (1, 2, [["primary"], []]),
        (2, 1, [["primary", "worker-1", "worker-2"]]),
        (3, 2, [["primary", "worker-1", "worker-3"], ["worker-2"]]),
    ],
)
def test_processes_are_dealt_out_over_the_clients(processes: int, clients: int, expected: list[list[str]]) -> None:
    given = task(processes, clients)
    assert [instances(given, name) for name in given.clients] == expected


def test_one_process_is_no_master() -> None:
    variables = load_environment(task(), "primary", "198.18.0.11")
    assert variables["LOCUST_HOST"] == "http://198.18.0.1:20001"
    assert variables["LOCUST_SPAWN_RATE"] == "5"
    assert not any("MASTER" in name or "WORKER" in name for name in variables)


def test_workers_find_their_master() -> None:
    assert load_environment(task(2), "primary", "198.18.0.11")["LOCUST_EXPECT_WORKERS"] == "2"
    worker = load_environment(task(2), "worker-1", "198.18.0.11")
    assert worker["LOCUST_MASTER_NODE_HOST"] == "198.18.0.11"
    assert "LOCUST_USERS" not in worker


def test_wrk_hears_of_no_user_class() -> None:
    given = task()
    given.spec["generator"] = {"tool": "wrk", "processes": 1}
    variables = load_environment(given, "primary", "198.18.0.11")
    assert (variables["BENCH_TOOL"], variables["BENCH_USER_CLASS"], variables["LOCUST_USERS"]) == ("wrk", "", "10")


RANGE = "net.ipv4.ip_local_port_range"


@pytest.mark.parametrize(
    ("profile", "server", "client"),
    [
        ({"client_sysctls": {}}, None, None),
        ({"client_sysctls": {RANGE: "1024 65535"}}, None, {"sysctls": {RANGE: "1024 65535"}, "reserve_ports": [5557]}),
        ({"client_sysctls": {RANGE: "40000 40199"}}, None, {"sysctls": {RANGE: "40000 40199"}}),
        ({"client_sysctls": {}, "burn": {"server": {"duty": 1}}}, {"burn": {"duty": 1}}, None),
        (
            {"client_sysctls": {}, "cpu_quota": {"client": 0.67}},
            None,
            {"cpu_quota": {"share": 0.67, "processes": {"bench-load@primary.service": 1}}},
        ),
    ],
)
def test_a_profile_is_for_the_side_that_it_names(profile: Any, server: Any, client: Any) -> None:
    nothing: dict[str, Any] = {"sysctls": {}, "reserve_ports": [], "burn": None}
    given = task()
    given.spec["profile"] = profile
    assert conditions_of(given, "server1") == (server and {**nothing, **server})
    assert conditions_of(given, "client1") == (client and {**nothing, **client})


def test_an_environment_file_keeps_what_systemd_would_expand() -> None:
    text = environment_file({"BENCH_EXPECT": json.dumps({"body": 'a "quoted" $name'})}).decode()
    assert text == 'BENCH_EXPECT="{\\"body\\": \\"a \\\\\\"quoted\\\\\\" \\$name\\"}"\n'


def test_what_is_asked_follows_from_the_workload() -> None:
    variables = load_environment(task(), "primary", "198.18.0.11")
    assert (variables["BENCH_METHOD"], variables["BENCH_BODY"]) == ("GET", "")
    posts = task()
    posts.spec["workload"] = {"path": "/user", "method": "POST"}
    variables = load_environment(posts, "worker-1", "198.18.0.11")
    assert (variables["BENCH_METHOD"], json.loads(variables["BENCH_BODY"])) == ("POST", {"name": "student"})


def test_the_app_runs_on_the_python_of_its_variant() -> None:
    modern = {**SPEC, "variant": {**SPEC["variant"], "python": "modern"}}
    assert app_environment(SPEC, "/srv/bench")["APP_PYTHON"] == "/srv/bench/venvs/app/bin/python"
    assert app_environment(modern, "/srv/bench")["APP_PYTHON"] == "/srv/bench/venvs/app-modern/bin/python"


def test_the_app_hears_of_a_large_file_not_its_text() -> None:
    workload = {"path": "/file", "key": "text", "value": "x\n", "file_bytes": 10**9, "redis_gets": 0}
    told = app_environment({**SPEC, "workload": workload})["APP_WORKLOAD"]
    assert json.loads(told) == {"name": "redis", **workload}
    assert len(told) < 200


def test_the_app_hears_every_option_of_its_variant() -> None:
    assert app_environment(SPEC) == {
        "APP_PYTHON": "/opt/bench/venvs/app/bin/python",
        "APP_WORKLOAD": '{"name": "redis", "path": "/user"}',
        "APP_FRAMEWORK": "flask",
        "APP_SERVER": "werkzeug",
        "APP_CLIENT": "new",
        "APP_RESPONSE": "text",
        "APP_ACCESS_LOG": "1",
        "APP_DEBUG": "0",
        "APP_PROCESSES": "1",
        "APP_THREADS": "0",
        "APP_KEEP_ALIVE": "",
        "APP_BUSY_US": "0",
        "APP_PORT": "20001",
    }


def test_the_cpus_of_the_clients_decide_who_runs_what() -> None:
    given = task(3, 2, {"client1": 1, "client2": 2})
    assert [instances(given, name) for name in given.clients] == [["primary", "worker-3"], ["worker-1", "worker-2"]]
    assert instances(given, "server1") == []


def test_the_master_listens_on_the_load_network_alone() -> None:
    variables = load_environment(task(2, 2), "primary", "198.18.0.11")
    worker = load_environment(task(2, 2), "worker-2", "198.18.0.11")
    assert variables["LOCUST_MASTER_BIND_HOST"] == worker["LOCUST_MASTER_NODE_HOST"] == "198.18.0.11"
    assert variables["LOCUST_MASTER_BIND_PORT"] == worker["LOCUST_MASTER_NODE_PORT"]
    assert "LOCUST_MASTER_BIND_HOST" not in load_environment(task(), "primary", "198.18.0.11")


def test_each_client_gets_the_quotas_of_its_own_processes() -> None:
    given = task(3, 2)
    given.spec["profile"] = {"client_sysctls": {}, "cpu_quota": {"client": 0.5}}
    found = [(conditions_of(given, name) or {})["cpu_quota"]["processes"] for name in given.clients]
    assert [list(units) for units in found] == [
        ["bench-load@primary.service", "bench-load@worker-1.service", "bench-load@worker-3.service"],
        ["bench-load@worker-2.service"],
    ]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "worker-2 was lost during the window",
            "worker-2 on client2 was lost during the window (t on client1): see that client2 is up and what"
            " `journalctl -u bench-load@worker-2` says there, then go on with -e resume=",
        ),
        (
            "worker-2 did not report within 15 s",
            "worker-2 on client2 did not report within 15 s (t on client1): see that client2 is up and what"
            " `journalctl -u bench-load@worker-2` says there, and that it reaches TCP port 5557 of client1,"
            " then go on with -e resume=",
        ),
        (
            "worker-1, worker-3 did not report its end",
            "worker-1 on client1, worker-3 on client1 did not report its end (t on client1): see that client1 is up and"
            " what `journalctl -u bench-load@worker-1` says there, then go on with -e resume=",
        ),
        (
            "expected 200, got 500 'worker-9'",
            "expected 200, got 500 'worker-9' (t on client1): look at /var/log/bench/app.log on the server host,"
            " mend it, then go on with -e resume=",
        ),
    ],
)
def test_a_lost_worker_is_told_with_its_client(said: str, told: str) -> None:
    assert str(failure(task(3, 2), said, "client1")) == told
