from __future__ import annotations

import json
import time
from collections.abc import Mapping
from itertools import count
from typing import Any

import pytest

from collect.catalog import load_catalog
from tests.support.apps import CONTROL, App, start
from tests.support.checkout import Checkout

pytestmark = pytest.mark.hosts

CATALOG = load_catalog()
PORTS = count(20500)
ARTICLE = dict(CATALOG.variants)
FLASK, STARLETTE = ARTICLE["flask-werkzeug"], ARTICLE["starlette-uvicorn"]
# Each option of a variant at each of its values, beside the article's two.
OTHERS: dict[str, dict[str, Any]] = {
    "flask, pool, json, debug": {**FLASK, "client": "pool", "response": "json", "debug": True},
    "flask, no access log": {**FLASK, "access_log": False},
    "flask, gunicorn-sync, 2 processes": {**FLASK, "server": "gunicorn-sync", "processes": 2},
    "flask, gunicorn-gthread, pool": {**FLASK, "server": "gunicorn-gthread", "threads": 10, "client": "pool"},
    "starlette, pool, text, no debug": {**STARLETTE, "client": "pool", "response": "text", "debug": False},
    "starlette, no access log": {**STARLETTE, "access_log": False},
    "starlette, 2 processes": {**STARLETTE, "processes": 2},
}
VARIANTS: dict[str, Mapping[str, Any]] = {**ARTICLE, **OTHERS}


@pytest.fixture
def app(provisioned: Checkout, request: pytest.FixtureRequest) -> App:
    return start(provisioned, VARIANTS[request.param], next(PORTS))


@pytest.mark.parametrize("app", VARIANTS, indirect=True)
def test_each_variant_keeps_the_contract(app: App, request: pytest.FixtureRequest) -> None:
    variant = VARIANTS[request.node.callspec.params["app"]]
    for workload in CATALOG.workloads.values():
        answer = app.ask(workload["path"])
        assert answer.status == 200
        if variant["response"] == "json":
            assert answer.type == "application/json"
            assert json.loads(answer.body) == {workload["key"]: workload["value"]}
        else:
            assert answer.type == "text/html; charset=utf-8"
            assert answer.body == workload["value"]
    assert app.ask("/nothing-here").status == 404
    assert app.started["command"] == ["/opt/bench/venvs/app/bin/python", "-m", "apps.serve"]
    assert ("GET /user" in app.log()) == variant["access_log"]


@pytest.mark.parametrize("app", VARIANTS, indirect=True)
def test_without_redis_it_fails_soon_and_recovers(app: App) -> None:
    on = app.checkout.on
    try:
        assert app.ask("/user").status == 200
        on("server1", "systemctl stop bench-redis.service")
        broken = app.ask("/user")
        assert broken.status >= 500
        assert broken.took_s < 5
        assert app.ask("/index").status == 200
    finally:
        on("server1", "systemctl start bench-redis.service")
    assert app.ask("/user").status == 200


def test_each_start_is_a_fresh_process_with_an_empty_log(provisioned: Checkout) -> None:
    first = start(provisioned, STARLETTE, next(PORTS))
    first.ask("/index")
    second = start(provisioned, STARLETTE, next(PORTS))
    assert second.started["pid"] != first.started["pid"]
    assert f":{first.port}" not in second.log()


def test_a_start_takes_no_longer_than_it_must(provisioned: Checkout) -> None:
    start(provisioned, STARLETTE, next(PORTS))
    began = time.monotonic()
    start(provisioned, FLASK, next(PORTS))
    assert time.monotonic() - began < 5


def test_an_app_that_exits_at_its_start_says_why(provisioned: Checkout) -> None:
    bad = "APP_FRAMEWORK=flask\nAPP_SERVER=uvicorn\n"
    command = f"{CONTROL} start --port 20499 2>&1 <<'END' || true\n{bad}END"
    said = provisioned.on("server1", command)
    assert "APP_SERVER is 'uvicorn' (environment): use werkzeug or gunicorn-sync or gunicorn-gthread" in said
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1
