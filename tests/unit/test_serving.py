from __future__ import annotations

import json
from typing import Any

import pytest

from apps.options import SERVERS, OptionError, Options
from collect.catalog import load_catalog, needs_database
from collect.errors import BenchError
from collect.serving import PYTHONS, check_pair, check_variant, check_workload, python_of, route, servers, table
from collect.trial.server import app_environment

CATALOG = load_catalog()
VARIANT, AIOHTTP, GTHREAD, RESPONDER = (
    dict(CATALOG.variants[name]) for name in ("flask-werkzeug", "aiohttp", "flask-gunicorn-gthread", "responder-close")
)
ALL = [(framework, server) for framework in table()["frameworks"] for server in servers(framework)]


def place(key: str) -> str:
    return f"mine.{key}"


def test_the_hosts_table_is_the_same() -> None:
    assert {name: set(known) for name, known in SERVERS.items()} == {
        name: set(servers(name)) for name in table()["frameworks"]
    }


@pytest.mark.parametrize(("framework", "server"), ALL)
@pytest.mark.parametrize(
    "change",
    [{}, {"processes": 2}, {"threads": 3}, {"keep_alive": False}, {"keep_alive": True}, {"busy_us": 9}],
)
def test_the_hosts_refuse_what_the_plan_check_does(framework: str, server: str, change: dict[str, Any]) -> None:
    variant = {**VARIANT, "framework": framework, "server": server, **change}
    spec = {"variant": variant, "workload": CATALOG.workloads["none"], "cell": {"workload": "none"}, "port": 20001}
    values = {name: CATALOG.workloads[name] for name in ("none", "redis")}
    environment = {**app_environment(spec), "APP_VALUES": json.dumps(values)}
    here, there = "", ""
    try:
        check_variant("mine", variant, place)
    except BenchError as error:
        here = str(error)
    try:
        Options.from_env(environment)
    except OptionError as error:
        there = str(error)
    assert bool(here) == bool(there), (here, there)


def test_every_route_of_a_framework_is_known() -> None:
    for framework in table()["frameworks"].values():
        assert set(framework["routes"]) <= set(table()["routes"])


@pytest.mark.parametrize(
    ("variant", "told"),
    [
        (VARIANT | {"server": "uvicorn"}, ('flask has no server "uvicorn"', "mine.server", "use one of werkzeug, ")),
        (VARIANT | {"framework": "django"}, ("no server is known for django", "mine.framework", "flask, starlette")),
        (VARIANT | {"processes": 2}, ("werkzeug serves with one process", "mine.processes", "use 1")),
        (VARIANT | {"processes": "cores"}, ("werkzeug serves with one process", "mine.processes", "use 1")),
        (AIOHTTP | {"processes": 2}, ("aiohttp serves with one process", "mine.processes")),
        (VARIANT | {"server": "gunicorn-gthread"}, ("not told how many threads", "mine.threads", "use a number")),
        (GTHREAD | {"server": "gunicorn-sync"}, ("cannot be told a number of threads", "mine.threads", "away")),
        (AIOHTTP | {"keep_alive": False}, ("cannot be told whether to keep connections", "mine.keep_alive", "leave")),
        (RESPONDER | {"python": "modern"}, ("nginx runs no Python", "mine.python", "use article")),
        (RESPONDER | {"busy_us": 9}, ("nginx does nothing besides answering", "mine.busy_us", "use 0")),
    ],
)
def test_a_variant_that_cannot_run_is_told_in_one_line(variant: dict[str, Any], told: tuple[str, ...]) -> None:
    with pytest.raises(BenchError) as caught:
        check_variant("x", variant, place)
    assert str(caught.value).startswith("variant x cannot run: ")
    assert "\n" not in str(caught.value)
    assert all(part in str(caught.value) for part in told), caught.value


FILE, DB, INSERT, REDIS = (dict(CATALOG.workloads[name]) for name in ("file", "db", "db-insert", "redis"))


def without(entry: Any, key: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != key}


@pytest.mark.parametrize(
    ("workload", "told"),
    [
        (FILE | {"path": "/fle"}, ("asks GET /fle, which nothing serves", "mine.path", 'did you mean "GET /file"?')),
        (INSERT | {"path": "/index"}, ("asks POST /index", "mine.path")),
        (without(FILE, "file_bytes"), ("has no file_bytes", "mine.file_bytes", "1 or more")),
        (FILE | {"path": "/index"}, ("has file_bytes, which GET /index knows nothing of", "mine.file_bytes")),
        (FILE | {"value": "é"}, ("not plain ASCII", "mine.value", "printable")),
        (FILE | {"value": "a\rb"}, ("not plain ASCII", "mine.value")),
        (without(DB, "rows"), ("has no rows", "mine.rows", "0 or more")),
        (DB | {"db_selects": 0}, ("has db_selects 0", "mine.db_selects", "1 or more")),
        (DB | {"redis_gets": 1}, ("has redis_gets, which GET /users knows nothing of", "mine.redis_gets")),
        (DB | {"value": "x" * 48}, ("rows up to 10 whose names are longer than 50", "mine.value", "47")),
        (without(INSERT, "db_inserts"), ("has no db_inserts", "mine.db_inserts")),
        (REDIS | {"redis_gets": 0}, ("has redis_gets 0", "mine.redis_gets")),
        (without(CATALOG.workloads["wait"], "work"), ("has no work", "mine.work", "add it")),
    ],
)
def test_a_workload_that_makes_no_sense_is_told_in_one_line(workload: dict[str, Any], told: tuple[str, ...]) -> None:
    with pytest.raises(BenchError) as caught:
        check_workload("x", workload, place)
    assert "\n" not in str(caught.value)
    assert all(part in str(caught.value) for part in told), caught.value


def test_a_responder_serves_constants_only() -> None:
    check_pair("x", RESPONDER, "redis", REDIS, "here")
    with pytest.raises(BenchError, match=r"nginx does not serve the workload db, GET /users \(here\): leave this out"):
        check_pair("x", RESPONDER, "db", DB, "here")


def test_which_workloads_need_the_database() -> None:
    assert {name for name, workload in CATALOG.workloads.items() if needs_database(workload)} == {
        "db", "db-insert", "db-busy",
    }  # fmt: skip


def test_a_route_is_a_method_and_a_path() -> None:
    assert (route(REDIS), route(INSERT)) == ("GET /user", "POST /user")


def test_a_variant_runs_on_the_articles_python_unless_it_says_so() -> None:
    assert {python_of(variant) for variant in CATALOG.variants.values()} == set(PYTHONS)
    assert python_of(VARIANT) == "article"
