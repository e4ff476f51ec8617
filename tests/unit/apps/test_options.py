from __future__ import annotations

import json

import pytest

from apps.options import OptionError, Options, Value, Work
from apps.servers import nginx_config
from collect.catalog import load_catalog
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
    assert options.none == options.work_answer == Value("message", "hello")
    assert (options.keep_alive, options.work, options.runtime_dir) == (True, Work(), None)


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
        ("APP_VALUES", "{}", "APP_VALUES cannot be read"),
        ("APP_VALUES", "[", "APP_VALUES cannot be read"),
        ("APP_WORK_ANSWER", '{"key": "x"}', "APP_VALUES cannot be read"),
        ("APP_KEEP_ALIVE", "yes", "APP_KEEP_ALIVE is 'yes' (environment): use 0 or 1"),
        ("APP_KEEP_ALIVE", "0", "APP_KEEP_ALIVE is '0' (environment): use 1, werkzeug cannot be told"),
        ("APP_WORK", '{"sleep_ms": 1}', "APP_WORK cannot be read"),
        ("APP_WORK", '{"cpu_ms": "much"}', "APP_WORK cannot be read"),
        ("APP_WORK", '{"cpu_ms": NaN}', "use numbers from 0"),
        ("APP_WORK", '{"wait_ms": -1}', "use numbers from 0"),
        ("APP_WORK", "[1]", "APP_WORK cannot be read"),
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


def test_every_variant_of_the_catalog_can_be_followed() -> None:
    catalog = load_catalog()
    for name, variant in catalog.variants.items():
        env = app_environment({"variant": variant, "port": 20001})
        options = Options.from_env({**ENV, **env})
        assert (options.framework, options.server) == (variant["framework"], variant["server"]), name
        assert options.keep_alive == variant.get("keep_alive", True), name


def test_every_workload_of_the_catalog_can_be_followed() -> None:
    catalog = load_catalog()
    for name, workload in catalog.workloads.items():
        env = app_environment({"variant": catalog.variants["flask-werkzeug"], "workload": workload, "port": 20001})
        options = Options.from_env({**ENV, **env})
        assert options.work == Work(**workload.get("work", {})), name
        if "work" in workload:
            assert options.work_answer == Value(workload["key"], workload["value"]), name


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
