from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import count
from typing import Any

import pytest

from collect.trial.server import app_environment, environment_file
from tests.support.apps import CATALOG, CONTROL, App, start
from tests.support.hosts import Hosts

pytestmark = pytest.mark.hosts

PORTS = count(20500)
FLASK, STARLETTE = CATALOG.variants["flask-werkzeug"], CATALOG.variants["starlette-uvicorn"]
KEEPING, CLOSING = CATALOG.variants["responder-keepalive"], CATALOG.variants["responder-close"]
ARTICLE = {"flask-werkzeug": FLASK, "starlette-uvicorn": STARLETTE}
WORKERS: dict[str, dict[str, Any]] = {
    "flask, gunicorn-sync, 2 processes": {**FLASK, "server": "gunicorn-sync", "processes": 2},
    "flask, gunicorn-gthread": {**FLASK, "server": "gunicorn-gthread", "threads": 10},
    "starlette, 2 processes": {**STARLETTE, "processes": 2},
}
VARIANTS: dict[str, Mapping[str, Any]] = {**ARTICLE, **WORKERS}


@pytest.mark.parametrize(("keeps", "response"), [(True, "text"), (False, "json")])
def test_nginx_answers_as_the_frameworks_do(kept: Hosts, keeps: bool, response: str) -> None:
    variant = {**(KEEPING if keeps else CLOSING), "response": response, "access_log": keeps}
    reference = start(kept, {**FLASK, "response": response}, next(PORTS))
    expected = {path: reference.ask(path) for path in ("/index", "/user")}
    app = start(kept, variant, next(PORTS))
    for path, wanted in expected.items():
        answer = app.ask(path)
        assert (answer.status, answer.type) == (200, wanted.type)
        assert answer.meaning == wanted.meaning
    assert app.ask("/work").status == 404, "it does no work"
    assert [answer.reused for answer in app.ask_again("/index", 5)] == [False, *[keeps] * 4]
    assert app.started["command"][0].startswith("nginx: master process /usr/sbin/nginx")
    assert app.status()["app_requests"] == 3 + 5
    assert app.status()["app_requests"] == 3 + 5, "asking is no request"
    logged = kept.server.run("cat /run/bench/app/access.log 2>/dev/null || echo none")
    assert ("GET /user" in logged) == keeps


def test_each_start_is_a_fresh_process_with_an_empty_log(kept: Hosts) -> None:
    first = start(kept, STARLETTE, next(PORTS))
    first.ask("/index")
    second = start(kept, STARLETTE, next(PORTS))
    assert second.started["pid"] != first.started["pid"]
    assert f":{first.port}" not in second.log()


def test_a_start_takes_no_longer_than_it_must(kept: Hosts) -> None:
    start(kept, STARLETTE, next(PORTS))
    began = time.monotonic()
    start(kept, FLASK, next(PORTS))
    assert time.monotonic() - began < 5


def test_an_app_that_exits_at_its_start_says_why(kept: Hosts) -> None:
    bad = environment_file(app_environment({"variant": {**FLASK, "server": "uvicorn"}, "port": 20499})).decode()
    said = kept.server.run(f"{CONTROL} start --port 20499 2>&1 || true", bad)
    assert "APP_SERVER is 'uvicorn' (environment): use werkzeug or gunicorn-sync or" in said
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1


def workload(work: Mapping[str, float]) -> dict[str, Any]:
    return {**CATALOG.workloads["busy"], "work": work, "value": "done"}


WORKS = [("new", {"cpu_ms": 200, "wait_ms": 100}), ("new", {"redis_mib": 64}), ("pool", {"redis_mib": 64})]


@pytest.mark.parametrize("variant", ARTICLE.values(), ids=ARTICLE)
@pytest.mark.parametrize(("client", "work"), WORKS)
def test_work_takes_what_it_says(
    kept: Hosts, variant: Mapping[str, Any], client: str, work: Mapping[str, float]
) -> None:
    app = start(kept, {**variant, "client": client}, next(PORTS), workload(work))
    app.ask("/work")  # Redis' string is made by the first
    used_s, redis_us = cpu_s(app), bitcount_us(app)
    answer = app.ask("/work")
    used_s, redis_us = cpu_s(app) - used_s, bitcount_us(app) - redis_us
    assert answer.status == 200
    assert "done" in answer.text
    wanted_s = work.get("cpu_ms", 0) / 1000
    assert wanted_s - 0.02 < used_s < wanted_s + 0.05
    assert answer.took_s >= wanted_s + work.get("wait_ms", 0) / 1000
    assert (redis_us > 2000) == ("redis_mib" in work)


def cpu_s(app: App) -> float:
    """Return the CPU seconds that the app's process has used, in steps of 0.01."""
    user, system = app.hosts.server.run(f"cut -d' ' -f14,15 /proc/{app.started['pid']}/stat").split()
    return (int(user) + int(system)) / 100


def bitcount_us(app: App) -> int:
    """Return how long Redis has counted bits so far, in microseconds."""
    ask = "REDISCLI_AUTH=$(cat /etc/bench/redis.password) /opt/bench/redis/bin/redis-cli info commandstats"
    lines = app.hosts.server.run(ask).splitlines()
    return sum(int(line.split("usec=")[1].split(",")[0]) for line in lines if line.startswith("cmdstat_bitcount:"))


@pytest.mark.parametrize(
    ("name", "nodelay", "backlog"),
    [
        ("flask-werkzeug", False, 128),
        ("starlette-uvicorn", True, 2048),
        ("flask, gunicorn-sync, 2 processes", True, 2048),
        ("flask, gunicorn-gthread", True, 2048),
        # uvicorn's parent makes the socket without naming TCP, so asyncio in its children does not know it for TCP.
        ("starlette, 2 processes", False, 2048),
    ],
)
def test_it_is_seen_what_the_accepted_sockets_have(kept: Hosts, name: str, nodelay: bool, backlog: int) -> None:
    seen = start(kept, VARIANTS[name], next(PORTS)).started["sockets"]
    assert seen["listen"] == {"backlog": backlog}
    accepted = seen["accepted"]
    assert (accepted["nodelay"], accepted["keepalive"]) == (nodelay, False)
    control = kept.server.run("cat /proc/sys/net/ipv4/tcp_congestion_control").strip()
    assert accepted["congestion"] == control
    assert 16384 <= accepted["sndbuf"] < 200_000, "that of a connection over a network, not of the loopback"
    assert accepted["rcvbuf"] >= 65536


@pytest.mark.parametrize(
    "variant",
    [FLASK, WORKERS["flask, gunicorn-sync, 2 processes"], WORKERS["starlette, 2 processes"]],
    ids=["werkzeug", "gunicorn-sync", "uvicorn"],
)
def test_the_app_counts_every_request_in_all_threads_and_processes(kept: Hosts, variant: Mapping[str, Any]) -> None:
    app = start(kept, variant, next(PORTS))
    assert app.status()["app_requests"] == 0, "the look at its sockets is no request"
    index = {"method": "GET", "path": "/index", "body": None, "status": 200}
    jobs = [{**index, "type": app.ask("/index").type, "answer": app.ask("/index").meaning}]
    assert app.load(jobs, requests=398, connections=20)["right"] == 398
    assert app.status()["app_requests"] == 400
    assert len(kept.server.run("ls /run/bench/app/requests.*").split()) == variant["processes"]


def test_without_nginx_it_is_said_what_is_missing(kept: Hosts) -> None:
    environment = environment_file(app_environment({"variant": KEEPING, "port": 20499})).decode()
    kept.server.run("mv /usr/sbin/nginx /usr/sbin/nginx.away")
    try:
        said = kept.server.run(f"{CONTROL} start --port 20499 2>&1 || true", environment)
    finally:
        kept.server.run("mv /usr/sbin/nginx.away /usr/sbin/nginx")
    assert "there is no nginx (/usr/sbin/nginx): install the Debian package nginx on this host" in said
    assert len(said.splitlines()) == 1
