"""The apps on the loopback, with the packages that the hosts get; what needs hosts is in test_apps.py."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from collect.catalog import load_catalog
from collect.trial.server import app_environment
from tests.support.redis import PASSWORD, Redis, running_redis
from tests.support.venv38 import CHECKOUT, python38_with

CATALOG = load_catalog()
ASKING_REDIS = [name for name, variant in CATALOG.variants.items() if variant["framework"] != "nginx"]
WORKLOADS = {name: {"key": "name", "value": "grüße"} for name in ("none", "redis")}


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    with running_redis(tmp_path) as server:
        yield server


@contextlib.contextmanager
def serving(variant: Mapping[str, Any], redis: Redis, **other: str) -> Iterator[str]:
    """Serve a variant as the unit does; the address ends with the block."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
        "APP_HOST": "127.0.0.1",
        "APP_VALUES": json.dumps(WORKLOADS),
        "REDIS_PORT": str(redis.port),
        "REDIS_PASSWORD": PASSWORD,
        **app_environment({"variant": variant, "port": port}),
        **other,
    }
    python = python38_with(CHECKOUT / "apps" / "requirements.lock")
    process = subprocess.Popen([python, "-m", "apps.serve"], cwd=CHECKOUT, env=environment, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def get(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def set_name(redis: Redis, value: str) -> None:
    data = value.encode()
    with socket.create_connection(("127.0.0.1", redis.port), 5) as client, client.makefile("rb") as replies:
        client.sendall(
            b"AUTH %s\r\n*3\r\n$3\r\nSET\r\n$4\r\nname\r\n$%d\r\n%s\r\n" % (PASSWORD.encode(), len(data), data)
        )
        assert [replies.readline(), replies.readline()] == [b"+OK\r\n", b"+OK\r\n"]


@pytest.mark.parametrize("name", ASKING_REDIS)
def test_the_answer_is_what_redis_holds_not_what_is_expected(name: str, redis: Redis) -> None:
    variant = CATALOG.variants[name]
    set_name(redis, "öther")
    with serving(variant, redis) as address:
        status, body = get(f"{address}/user")
        assert status == 200
        assert (json.loads(body) if variant["response"] == "json" else {"name": body}) == {"name": "öther"}
        status, body = get(f"{address}/index")
        assert "grüße" in json.loads(body).values() if variant["response"] == "json" else body == "grüße"


@pytest.mark.parametrize("name", ASKING_REDIS)
@pytest.mark.parametrize("client", ["new", "pool"])
def test_a_missing_key_and_a_wrong_password_are_errors(name: str, client: str, redis: Redis) -> None:
    variant = {**CATALOG.variants[name], "client": client}
    with serving(variant, redis) as address:
        assert get(f"{address}/user")[0] == 500
    set_name(redis, "there")
    with serving(variant, redis, REDIS_PASSWORD="wrong") as address:
        assert get(f"{address}/user")[0] == 500


@pytest.mark.parametrize("name", ASKING_REDIS)
@pytest.mark.parametrize(("client", "connections"), [("new", 10), ("pool", 1)])
def test_a_new_client_is_a_new_connection_and_a_pool_keeps_one(
    name: str, client: str, connections: int, redis: Redis
) -> None:
    set_name(redis, "x")
    with serving({**CATALOG.variants[name], "client": client}, redis) as address:
        before = accepted(redis)
        for _ in range(10):
            assert get(f"{address}/user")[0] == 200
        assert accepted(redis) - before - 1 == connections, "this count's own connection is one more"


def accepted(redis: Redis) -> int:
    """Return how many connections Redis has accepted, this one included."""
    with socket.create_connection(("127.0.0.1", redis.port), 5) as client, client.makefile("rb") as replies:
        client.sendall(b"AUTH %s\r\nINFO stats\r\n" % PASSWORD.encode())
        for line in replies:
            if line.startswith(b"total_connections_received:"):
                return int(line.split(b":")[1])
    raise AssertionError("Redis does not say")
