"""What every variant does on real hosts, whatever it is made of: one contract, each workload."""

from __future__ import annotations

import json
import time
from itertools import chain, count, repeat
from unittest.mock import ANY

import pytest

from collect.exchange import expected
from collect.load import check as load_check
from collect.load.settings import Expected
from collect.trial.watching import Paths
from tests.support.apps import CATALOG, App, start
from tests.support.checkout import Checkout
from tests.support.contract import (
    EVERYTHING,
    POST,
    PYTHON_FRAMEWORKS,
    ROWS,
    SWITCHES,
    Variant,
    firsts,
    inserted,
    jobs,
    variants,
)
from tests.support.hosts import Hosts
from tests.support.observed import observe

pytestmark = pytest.mark.hosts

PORTS = count(21000)
VARIANTS = variants()
LONG = firsts(VARIANTS)
"""Loaded for long enough to see a leak: each server with its framework once."""
WORKLOADS = ["none", "redis", "file", "db", "db-insert"]
NEEDING = {"bench-redis.service": ["redis"], "bench-database.service": ["db", "db-insert"]}
CONNECTIONS = 50
FEW, MANY, VERY_MANY = 100, 1_000, 10_000
MIX = {"none": 14, "file": 4, "redis": 1, "db": 1}
"""Requests by workload: the slow ones in the smaller number, so that very many take no longer than they must."""
SETTLE_S = 0.3
SAMPLE_TIMEOUT_S = 10.0
SPARE = 5
"""Of each kind, so many may be there at one time and not at another; a leak of one in a hundred is 20 times as many."""


@pytest.fixture(scope="module")
def app(with_database: Checkout, kept: Hosts, request: pytest.FixtureRequest) -> App:
    """The variant at work; what it is seen to be is kept for the tests of differences."""
    started = start(kept, VARIANTS[request.param], next(PORTS), EVERYTHING)
    observe(started, VARIANTS[request.param])
    return started


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """The variant's."""
    return str(request.node.callspec.params["app"])


@pytest.fixture
def variant(name: str) -> Variant:
    return VARIANTS[name]


each_variant = pytest.mark.parametrize("app", VARIANTS, indirect=True, scope="module")


@each_variant
def test_it_runs_what_the_variant_says(app: App, variant: Variant) -> None:
    venv = "app-modern" if variant.get("python") == "modern" else "app"
    assert app.started["command"] == [f"/opt/bench/venvs/{venv}/bin/python", "-m", "apps.serve"]
    assert app.started["database"]["rows"] == ROWS


@each_variant
def test_without_redis_and_database_it_fails_soon_and_recovers(app: App, variant: Variant) -> None:
    """Also where the database is asked for the first time, as here."""
    server, units = app.hosts.server, " ".join(NEEDING)
    processes = [process["pid"] for process in app.processes()]
    answers = jobs(variant, inserted(app))
    needing = [workload for workloads in NEEDING.values() for workload in workloads]
    try:
        server.run(f"systemctl stop {units}")
        for workload, job in answers.items():
            answer = app.ask(job["path"], job["method"], job["body"])
            assert answer.took_s < 5
            assert answer.status >= 500 if workload in needing else answer.meaning == job["answer"], workload
    finally:
        server.run(f"systemctl reset-failed {units}; systemctl start {units}")  # else there are too many starts
    for job in answers.values():
        answer = app.ask(job["path"], job["method"], job["body"])
        assert (answer.status, answer.type, answer.meaning) == (job["status"], job["type"], job["answer"])
    assert [process["pid"] for process in app.processes()] == processes


@each_variant
@pytest.mark.parametrize("workload", WORKLOADS)
def test_it_answers_each_workload_rightly(app: App, variant: Variant, workload: str) -> None:
    job = jobs(variant, inserted(app))[workload]
    answer = app.ask(job["path"], job["method"], job["body"])
    assert (answer.status, answer.type, answer.meaning) == (job["status"], job["type"], job["answer"])
    assert (f"{job['method']} {job['path']} HTTP" in app.log()) == variant["access_log"]


@each_variant
def test_it_counts_what_it_was_asked(app: App, variant: Variant) -> None:
    before, answers = app.status(), jobs(variant)
    for job in answers.values():
        app.ask(job["path"], job["method"], job["body"])
    assert app.ask("/nothing-here").status == 404
    after = app.status()
    assert after["app_requests"] - before["app_requests"] == len(answers) + 1, "also what was not found"
    assert after["redis_gets"] - before["redis_gets"] == 1
    assert after["database"]["rows"] - before["database"]["rows"] == 1


@each_variant
def test_under_load_no_answer_is_wrong_and_nothing_leaks(app: App, variant: Variant, name: str) -> None:
    load(app, variant, MANY)
    if name in LONG:
        before = counted(app.hosts)
        load(app, variant, VERY_MANY)
        after = counted(app.hosts)
        assert {kind: (before[kind], now) for kind, now in after.items() if now > before[kind] + SPARE} == {}


def load(app: App, variant: Variant, requests: int) -> None:
    """Send so many requests of all kinds over 50 connections at once; all must be answered rightly."""
    before = inserted(app)
    answers, inserts = jobs(variant, before), requests // 20
    mix = chain.from_iterable(repeat(answers[workload], times) for workload, times in MIX.items())
    for told, sent in ((list(mix), requests - inserts), ([answers["db-insert"]], inserts)):
        said = app.load(told, sent, CONNECTIONS)
        assert (said["right"], said["wrong"]) == (sent, 0), said["examples"]
    assert inserted(app) == before + inserts


def counted(hosts: Hosts) -> dict[str, int]:
    """Return what the collector counts on the server host when all that was asked is answered."""
    time.sleep(SETTLE_S)
    since = float(hosts.server.run("date +%s.%N"))
    deadline = time.monotonic() + SAMPLE_TIMEOUT_S
    command = Paths().sampler("cut", "--from", f"{since}", "--to", f"{since + SAMPLE_TIMEOUT_S}")
    while not (lines := hosts.server.run(command).splitlines()):
        assert time.monotonic() < deadline, "the collector does not sample"
        time.sleep(0.1)
    row = json.loads(lines[0])
    return {
        "open files and sockets": row["units"]["app"]["fds"],
        "connections to Redis": row["redis"]["clients"],
        "connections to the database": row["database"]["threads"],
    }


@each_variant
def test_a_restart_of_redis_and_database_between_requests_is_not_noticed(app: App, variant: Variant) -> None:
    """Connections that a pool keeps are dead after it."""
    load(app, variant, FEW)
    units = " ".join(NEEDING)
    app.hosts.server.run(f"systemctl reset-failed {units}; systemctl restart {units}")
    load(app, variant, FEW)


def test_each_option_is_shown_at_each_of_its_values_by_each_framework() -> None:
    for framework in PYTHON_FRAMEWORKS:
        for option, values in SWITCHES.items():
            seen = {variant[option] for variant in VARIANTS.values() if variant["framework"] == framework}
            assert seen == set(values) or (framework, option) == ("aiohttp", "processes")


@pytest.mark.parametrize("name", ["flask-gunicorn-gevent", "starlette-uvicorn-uvloop", "aiohttp"])
@pytest.mark.parametrize("workload", ["file", "db", "db-insert"])
def test_a_trial_of_the_catalog_is_answered_as_it_expects(
    with_database: Checkout, kept: Hosts, name: str, workload: str
) -> None:
    """With the workload's own environment, file and rows."""
    variant, entry = VARIANTS[name], {**CATALOG.workloads[workload], "name": workload}
    app = start(kept, variant, next(PORTS), entry)
    answer = app.ask(entry["path"], entry.get("method", "GET"), POST if "method" in entry else None)
    got = load_check.Answer(answer.status, answer.type.split(";")[0], answer.text.encode())
    assert load_check.is_right(Expected(**expected(variant, entry)), got), answer
    assert app.started["database"] == (None if workload == "file" else {"rows": entry["rows"], "selects": ANY})
