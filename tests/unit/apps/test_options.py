from __future__ import annotations

import json

import pytest

from apps import options as module
from apps.nginx import nginx_config
from apps.options import Database, OptionError, Options, Value, Work
from apps.servers import SERVERS
from collect.catalog import load_catalog
from collect.serving import table
from collect.trial.server import app_environment

ENV = {
    "APP_FRAMEWORK": "flask",
    "APP_SERVER": "werkzeug",
    "APP_CLIENT": "new",
    "APP_RESPONSE": "text",
    "APP_ACCESS_LOG": "1",
    "APP_DEBUG": "0",
    "APP_PORT": "20001",
    "APP_VALUES": json.dumps(
        {"none": {"key": "message", "value": "hello", "path": "/index"}, "redis": {"key": "name", "value": "x"}}
    ),
}


def test_what_is_not_said_is_the_articles() -> None:
    options = Options.from_env(ENV)
    assert (options.host, options.redis_host, options.redis_port) == ("0.0.0.0", "127.0.0.1", 6379)
    assert (options.processes, options.threads, options.redis_password) == (1, 0, None)
    assert options.answers.none == options.answers.work == Value("message", "hello")
    assert (options.keep_alive, options.work, options.runtime_dir) == (None, Work(), None)
    assert (options.file, options.database, options.asks_database) == (None, None, False)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("APP_FRAMEWORK", "django", "APP_FRAMEWORK is 'django' (environment): use flask or starlette"),
        ("APP_SERVER", "uvicorn", "APP_SERVER is 'uvicorn' (environment): use werkzeug or gunicorn-sync or"),
        ("APP_CLIENT", "", "APP_CLIENT is '' (environment): use new or pool"),
        ("APP_RESPONSE", "xml", "use text or json"),
        ("APP_ACCESS_LOG", "yes", "use 0 or 1"),
        ("APP_PORT", "eighty", "APP_PORT is 'eighty' (environment): use a number from 1"),
        ("APP_PORT", "-1", "use a number from 1"),
        ("APP_PROCESSES", "2", "APP_PROCESSES is 2 (environment): use 1, werkzeug serves with threads"),
        ("APP_PROCESSES", "0", "use a number from 1"),
        ("APP_THREADS", "2", "APP_THREADS is 2 (environment): use 0, werkzeug cannot be told"),
        ("APP_VALUES", "{}", "APP_VALUES or APP_WORKLOAD lacks"),
        ("APP_VALUES", "[", "APP_VALUES cannot be read"),
        ("APP_VALUES", '{"none": {"key": "x"}}', "APP_VALUES or APP_WORKLOAD lacks 'value'"),
        ("APP_WORKLOAD", '{"path": "/index", "key": "x"}', "APP_VALUES or APP_WORKLOAD lacks 'value'"),
        ("APP_WORKLOAD", "[1]", "APP_WORKLOAD cannot be read"),
        ("APP_WORKLOAD", "{", "APP_WORKLOAD cannot be read"),
        ("APP_BUSY_US", "1.5", "APP_BUSY_US is '1.5' (environment): use a number from 0"),
        ("APP_KEEP_ALIVE", "yes", "APP_KEEP_ALIVE is 'yes' (environment): use 0 or 1"),
        ("APP_WORKLOAD", '{"work": {"sleep_ms": 1}}', "APP_WORKLOAD's work cannot be read"),
        ("APP_WORKLOAD", '{"work": {"cpu_ms": "much"}}', "APP_WORKLOAD's work cannot be read"),
        ("APP_WORKLOAD", '{"work": {"cpu_ms": NaN}}', "use numbers from 0"),
        ("APP_WORKLOAD", '{"work": {"wait_ms": -1}}', "use numbers from 0"),
        ("APP_WORKLOAD", '{"work": {"db_khashes": -1}}', "use numbers from 0"),
        ("APP_WORKLOAD", '{"work": [1]}', "APP_WORKLOAD's work cannot be read"),
    ],
)
def test_what_cannot_be_followed_is_said_in_one_line(name: str, value: str, said: str) -> None:
    with pytest.raises(OptionError) as caught:
        Options.from_env({**ENV, name: value})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_threads_belong_to_gunicorn_gthread() -> None:
    env = {**ENV, "APP_SERVER": "gunicorn-gthread"}
    with pytest.raises(OptionError, match=r"APP_THREADS is '0'"):
        Options.from_env(env)
    assert Options.from_env({**env, "APP_THREADS": "10"}).threads == 10


@pytest.mark.parametrize("value", ["0", "1"])
def test_some_can_be_told_whether_to_keep_connections(value: str) -> None:
    env = {**ENV, "APP_KEEP_ALIVE": value}
    assert Options.from_env(env).keep_alive == (value == "1")
    with pytest.raises(
        OptionError, match=rf"APP_KEEP_ALIVE is .{value}. \(environment\): leave it empty, gunicorn-sync"
    ):
        Options.from_env({**env, "APP_SERVER": "gunicorn-sync"})


@pytest.mark.parametrize(("framework", "server"), [("flask", "werkzeug"), ("aiohttp", "aiohttp")])
def test_some_serve_with_one_process(framework: str, server: str) -> None:
    env = {**ENV, "APP_FRAMEWORK": framework, "APP_SERVER": server}
    assert Options.from_env({**env, "APP_PROCESSES": "1"}).processes == 1
    with pytest.raises(OptionError, match=rf"APP_PROCESSES is 2 \(environment\): use 1, {server}"):
        Options.from_env({**env, "APP_PROCESSES": "2"})


def test_the_hosts_table_is_the_control_nodes() -> None:
    mine = {name: {server: facts(server) for server in servers} for name, servers in module.SERVERS.items()}
    theirs = {
        name: {
            server: (can["processes"], can.get("threads", False), can.get("keep_alive", False))
            for server, can in entry["servers"].items()
        }
        for name, entry in table()["frameworks"].items()
    }
    assert mine == theirs
    assert set(SERVERS) == {server for servers in module.SERVERS.values() for server in servers}, "each can be started"


def facts(server: str) -> tuple[bool, bool, bool]:
    return server not in module.ONE_PROCESS, server in module.WITH_THREADS, server in module.WITH_KEEP_ALIVE


def test_the_routes_are_the_control_nodes() -> None:
    assert {route for _, route in module.ROUTES.values()} == set(table()["routes"])


def test_where_the_database_is_is_told_but_not_its_password() -> None:
    env = {**ENV, "DATABASE_NAME": "bench", "DATABASE_USER": "me", "DATABASE_PASSWORD": "secret"}
    assert Options.from_env(env).database == Database("127.0.0.1", 3306, "bench", "me", "secret")
    assert Options.from_env({**env, "DATABASE_PORT": "3307"}).database.port == 3307  # type: ignore[union-attr]
    assert "secret" not in repr(Options.from_env(env).database)
    with pytest.raises(OptionError, match=r"DATABASE_PORT is 'x' \(environment\): use a number from 1"):
        Options.from_env({**env, "DATABASE_PORT": "x"})


@pytest.mark.parametrize(
    ("workload", "asks"),
    [
        ({}, False),
        ({"work": {"cpu_ms": 1}}, False),
        ({"db_selects": 0, "db_inserts": 0}, False),
        ({"db_selects": 1}, True),
        ({"db_inserts": 1}, True),
        ({"work": {"db_khashes": 1}}, True),
    ],
)
def test_whether_the_workload_asks_the_database(workload: dict[str, object], asks: bool) -> None:
    assert Options.from_env({**ENV, "APP_WORKLOAD": json.dumps(workload)}).asks_database == asks


def test_the_trials_own_workload_goes_before_the_catalogs_for_its_route_only() -> None:
    values = {name: {"key": name, "value": name} for name in ("none", "redis", "file", "db", "db-insert")}
    env = {**ENV, "APP_VALUES": json.dumps(values)}
    known = Options.from_env(env).answers
    assert [known.none.key, known.redis.key, known.file.key] == ["none", "redis", "file"]
    assert [known.students.key, known.inserted.key, known.work.key] == ["db", "db-insert", "none"]
    own = {"name": "mine", "path": "/user", "method": "POST", "key": "k", "value": "v"}
    answers = Options.from_env({**env, "APP_WORKLOAD": json.dumps(own)}).answers
    assert answers.inserted == Value("k", "v")
    assert answers.redis == known.redis, "GET on the same path"


def test_every_variant_of_the_catalog_can_be_followed() -> None:
    catalog = load_catalog()
    for name, listed in catalog.variants.items():
        variant = {**listed, "processes": 2 if listed["processes"] == "cores" else listed["processes"]}
        env = app_environment({"variant": variant, "workload": catalog.workloads["none"], "port": 20001})
        options = Options.from_env({**ENV, **env})
        assert (options.framework, options.server) == (variant["framework"], variant["server"]), name
        assert options.keep_alive == variant.get("keep_alive"), name


def test_every_workload_of_the_catalog_can_be_followed() -> None:
    catalog = load_catalog()
    for name, workload in catalog.workloads.items():
        env = app_environment(
            {"variant": catalog.variants["flask-werkzeug"], "workload": {**workload, "name": name}, "port": 20001}
        )
        options = Options.from_env({**ENV, **env})
        assert options.work == Work(**workload.get("work", {})), name
        route = f"{workload.get('method', 'GET')} {workload['path']}"
        (answer,) = [answer for answer, (_, its) in module.ROUTES.items() if its == route]
        assert getattr(options.answers, answer) == Value(workload["key"], workload["value"]), name


def test_nginx_is_told_texts_that_its_file_could_take_for_something_else() -> None:
    values = {"none": {"key": "a", "value": 'say "$x" \\ {;}'}, "redis": {"key": "name", "value": "x"}}
    env = {
        **ENV,
        "APP_FRAMEWORK": "nginx",
        "APP_SERVER": "nginx",
        "APP_KEEP_ALIVE": "0",
        "APP_VALUES": json.dumps(values),
    }
    config = nginx_config(Options.from_env(env), "/run/x")
    assert r"""return 200 "say \"${dollar}x\" \\ {;}";""" in config
    assert "keepalive_timeout 0;" in config
    assert "listen 0.0.0.0:20001;" in config
