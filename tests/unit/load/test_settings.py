from __future__ import annotations

import json
from pathlib import Path

import pytest

from collect.load.settings import Expected, Request, Settings, SettingsError


def env(tmp_path: Path, **changes: str) -> dict[str, str]:
    variables = {
        "LOCUST_HOST": "http://10.0.0.1:20001",
        "BENCH_USER_CLASS": "HttpUser",
        "BENCH_PATH": "/user",
        "BENCH_EXPECT": '{"status": 200, "type": "application/json", "body": {"name": "x"}}',
        "BENCH_WARMUP_S": "1",
        "BENCH_WINDOW_S": "10.5",
        "BENCH_OUT_DIR": str(tmp_path),
    }
    return {**variables, **changes}


def test_what_is_told_is_read_and_the_rest_has_defaults(tmp_path: Path) -> None:
    settings = Settings.from_env(env(tmp_path))
    assert settings.expected == Expected(200, "application/json", {"name": "x"})
    assert (settings.warmup_s, settings.window_s, settings.align_s, settings.grace_s) == (1, 10.5, 1, 0.25)
    assert (settings.instance, settings.workers, settings.is_worker) == ("primary", 0, False)
    assert settings.url == "http://10.0.0.1:20001/user"
    assert (settings.request, settings.request.headers) == (Request("GET", ""), {})


def test_a_post_has_a_body_and_says_its_type(tmp_path: Path) -> None:
    settings = Settings.from_env(env(tmp_path, BENCH_METHOD="POST", BENCH_BODY='{"name": "student"}'))
    assert settings.request == Request("POST", '{"name": "student"}')
    assert settings.request.headers == {"Content-Type": "application/json"}


def test_a_long_answer_is_known_by_its_hash(tmp_path: Path) -> None:
    told = {"status": 200, "type": "text/html", "body_sha256": "0" * 64, "body_length": 4096}
    expected = Settings.from_env(env(tmp_path, BENCH_EXPECT=json.dumps(told))).expected
    assert expected == Expected(200, "text/html", None, "0" * 64, 4096)


def test_a_master_expects_workers_and_a_worker_none(tmp_path: Path) -> None:
    assert Settings.from_env(env(tmp_path, LOCUST_MODE_MASTER="true", LOCUST_EXPECT_WORKERS="3")).workers == 3
    worker = Settings.from_env(env(tmp_path, LOCUST_MODE_WORKER="true", BENCH_INSTANCE="worker-2"))
    assert (worker.is_worker, worker.workers) == (True, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOCUST_HOST", "10.0.0.1:20001"),
        ("LOCUST_HOST", "http://10.0.0.1"),
        ("LOCUST_HOST", "http://10.0.0.1:port"),
        ("BENCH_USER_CLASS", "User"),
        ("BENCH_PATH", "user"),
        ("BENCH_PATH", "/a b"),
        ("BENCH_EXPECT", "{"),
        ("BENCH_EXPECT", "[]"),
        ("BENCH_EXPECT", '{"status": 200}'),
        ("BENCH_EXPECT", '{"status": 7, "type": "text/html", "body": ""}'),
        ("BENCH_EXPECT", '{"status": 200, "type": "text/html", "body_sha256": "0"}'),
        ("BENCH_EXPECT", '{"status": 200, "type": "text/html", "body_sha256": "0", "body_length": 9}'),
        ("BENCH_METHOD", "PUT"),
        ("BENCH_BODY", "{}"),
        ("BENCH_WARMUP_S", "-1"),
        ("BENCH_WINDOW_S", "0"),
        ("BENCH_WINDOW_S", "soon"),
        ("BENCH_WINDOW_S", "nan"),
        ("BENCH_WINDOW_S", "inf"),
        ("BENCH_ALIGN_S", "0"),
        ("BENCH_GRACE_S", "-0.1"),
        ("BENCH_OUT_DIR", "/nowhere/at/all"),
        ("BENCH_INSTANCE", "../primary"),
        ("BENCH_INSTANCE", "worker-0"),
        ("BENCH_ANSWER_TIMEOUT_S", ""),
    ],
)
def test_a_wrong_value_is_named_with_what_is_wanted(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_env(env(tmp_path, **{name: value}))
    message = str(raised.value)
    assert message.startswith(f"{name} is {value!r} (environment of the load): set ")
    assert "\n" not in message


@pytest.mark.parametrize("name", ["LOCUST_HOST", "BENCH_PATH", "BENCH_EXPECT", "BENCH_WINDOW_S"])
def test_a_missing_variable_is_named(tmp_path: Path, name: str) -> None:
    variables = env(tmp_path)
    del variables[name]
    with pytest.raises(SettingsError, match=f"{name} is not set"):
        Settings.from_env(variables)


def test_a_master_without_a_number_of_workers(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="LOCUST_EXPECT_WORKERS is '0'"):
        Settings.from_env(env(tmp_path, LOCUST_MODE_MASTER="true", LOCUST_EXPECT_WORKERS="0"))


def test_a_post_without_a_body_or_with_one_that_is_no_json(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="BENCH_BODY is not set"):
        Settings.from_env(env(tmp_path, BENCH_METHOD="POST"))
    with pytest.raises(SettingsError, match=r"BENCH_BODY is '\{'"):
        Settings.from_env(env(tmp_path, BENCH_METHOD="POST", BENCH_BODY="{"))
