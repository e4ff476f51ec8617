"""The apps on the loopback, with the packages that the hosts get; what needs hosts is in test_contract.py."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from collect.catalog import load_catalog
from tests.support.database import NAME, USER, Database, running_database
from tests.support.database import PASSWORD as DATABASE_PASSWORD
from tests.support.redis import PASSWORD, Redis, running_redis
from tests.support.venv38 import CHECKOUT, modern_python_with, python38_with

CATALOG = load_catalog()
STATES_BOUND_S = 5.0
"""A request that needs what is down is answered within this time."""
VALUES = {**CATALOG.workloads, **{name: {"key": "name", "value": "grüße"} for name in ("none", "redis")}}


def kinds() -> list[str]:
    """Return the first variant of each server, framework and Python, by name; the others differ in options."""
    first: dict[tuple[str, ...], str] = {}
    for name, variant in CATALOG.variants.items():
        for python in ("article", "modern"):
            if variant["framework"] != "nginx":
                first.setdefault((variant["framework"], variant["server"], python), f"{name}/{python}")
    return list(first.values())


def kinds_with(*values: Any) -> list[tuple[str, Any]]:
    """Return each kind with one of two values, in turn, so that each framework and each Python has both."""
    pairs = enumerate(zip(kinds()[::2], kinds()[1::2], strict=True))  # article, modern
    return [(kind, values[(turn + place) % 2]) for turn, pair in pairs for place, kind in enumerate(pair)]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    with running_redis(tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with running_database(tmp_path_factory.mktemp("database")) as server:
        yield server


@dataclass(frozen=True)
class App:
    """An app that serves, and the file that it writes its log to."""

    port: int
    log: Path
    as_json: bool

    def ask(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Send a GET request, or a POST request with a JSON body; returns status and what the answer means."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data)
        if data:
            request.add_header("content-type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                said, kind = answer.read().decode(), answer.headers["content-type"]
                assert kind == ("application/json" if self.as_json else "text/html; charset=utf-8")
                return answer.status, json.loads(said) if self.as_json else said
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def value(self, key: str, value: Any, text: str | None = None) -> tuple[int, Any]:
        """Return the right answer."""
        return 200, {key: value} if self.as_json else value if text is None else text


@contextlib.contextmanager
def serving(kind: str, folder: Path, options: Mapping[str, Any] | None = None, **other: str) -> Iterator[App]:
    """Serve a variant with other options, as the unit does, until the block ends."""
    name, _, python = kind.partition("/")
    variant = {"processes": 1, **CATALOG.variants[name], **(options or {})}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
        "RUNTIME_DIRECTORY": str(folder),
        "APP_HOST": "127.0.0.1",
        "APP_PORT": str(port),
        "APP_VALUES": json.dumps(VALUES),
        "APP_FILE": str(folder / "demo.txt"),
        **{f"APP_{key.upper()}": str(variant[key]) for key in ("framework", "server", "client", "response")},
        **{f"APP_{key.upper()}": str(int(variant[key])) for key in ("access_log", "debug", "processes")},
        "APP_THREADS": str(variant.get("threads", 0)),
        "REDIS_PASSWORD": PASSWORD,
        **other,
    }
    if python == "modern":
        interpreter = modern_python_with(CHECKOUT / "apps" / "requirements-modern.lock")
    else:
        interpreter = python38_with(CHECKOUT / "apps" / "requirements.lock")
    log = folder / "app.log"
    with log.open("wb") as said:
        command = [interpreter, "-m", "apps.serve"]
        own = {"cwd": CHECKOUT, "env": environment, "stdout": said, "stderr": said, "start_new_session": True}
        process = subprocess.Popen(command, **own)  # type: ignore[call-overload]
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield App(port, log, variant["response"] == "json")
    finally:
        with contextlib.suppress(ProcessLookupError):  # it exited at its start, and the test has seen that
            os.killpg(process.pid, signal.SIGKILL)  # its own group: the server and its processes
        process.wait()


def of(redis: Redis) -> dict[str, str]:
    return {"REDIS_PORT": str(redis.port)}


def of_database(database: Database, **other: str) -> dict[str, str]:
    named = {"DATABASE_NAME": NAME, "DATABASE_USER": USER, "DATABASE_PASSWORD": DATABASE_PASSWORD}
    return {"DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": str(database.port), **named, **other}


def set_name(redis: Redis, value: str) -> None:
    data = value.encode()
    with socket.create_connection(("127.0.0.1", redis.port), 5) as client, client.makefile("rb") as replies:
        client.sendall(
            b"AUTH %s\r\n*3\r\n$3\r\nSET\r\n$4\r\nname\r\n$%d\r\n%s\r\n" % (PASSWORD.encode(), len(data), data)
        )
        assert [replies.readline(), replies.readline()] == [b"+OK\r\n", b"+OK\r\n"]


def info(redis: Redis, section: str, name: str) -> int:
    """Return one of Redis' numbers; each call is a connection more."""
    with socket.create_connection(("127.0.0.1", redis.port), 5) as client, client.makefile("rb") as replies:
        client.sendall(b"AUTH %s\r\nINFO %s\r\n" % (PASSWORD.encode(), section.encode()))
        for line in replies:
            if line.startswith(f"{name}:".encode()):
                return int(line.split(b":")[1])
    raise AssertionError("Redis does not say")


def bounded(app: App, path: str, body: Any = None) -> int:
    """Return the status of an answer that came in time."""
    began = time.monotonic()
    status, _ = app.ask(path, body)
    assert time.monotonic() - began < STATES_BOUND_S
    return status


@pytest.mark.parametrize(("kind", "response"), kinds_with("text", "json"))
def test_it_answers_with_what_there_is_not_with_what_is_expected(
    kind: str, response: str, redis: Redis, tmp_path: Path
) -> None:
    set_name(redis, "öther")
    with serving(kind, tmp_path, {"response": response}, **of(redis)) as app:
        assert app.ask("/index") == app.value("name", "grüße")
        assert app.ask("/work") == app.value("name", "grüße")
        assert app.ask("/user") == app.value("name", "öther")
        assert app.ask("/file")[0] == 500, "there is none"
        for text in ("one\nfile\n", "another " * 100_000):
            (tmp_path / "demo.txt").write_text(text)
            assert app.ask("/file") == app.value("text", text)
        assert app.ask("/users")[0] == app.ask("/user", {"name": "student"})[0] == 500, "there is no database"
        assert app.ask("/nothing-here")[0] == 404
        assert app.ask("/index") == app.value("name", "grüße"), "it serves on"
    counted = [int.from_bytes(path.read_bytes(), "little") for path in tmp_path.glob("requests.*")]
    assert counted == [10]


@pytest.mark.parametrize(("kind", "client"), kinds_with("new", "pool"))
def test_redis_by_a_client_per_request_or_a_pool_and_when_it_is_down(
    kind: str, client: str, redis: Redis, tmp_path: Path
) -> None:
    kept = client == "pool"
    with serving(kind, tmp_path, {"client": client, "response": "text"}, **of(redis)) as app:
        assert app.ask("/user")[0] == 500, "no key"
        set_name(redis, "x")
        before = info(redis, "stats", "total_connections_received")
        for _ in range(10):
            assert app.ask("/user") == (200, "x")
        accepted = info(redis, "stats", "total_connections_received") - before - 1
        assert accepted == (0 if kept else 10), "the pool has had its one before; this count's own is one more"
        assert info(redis, "clients", "connected_clients") <= 2 + kept, "what is not kept is closed"
        redis.stop()
        assert bounded(app, "/user") == 500
        redis.start()
        set_name(redis, "y")
        assert app.ask("/user") == (200, "y")


def processes(kind: str) -> int:
    """Return two where there can be so many."""
    return 1 if CATALOG.variants[kind.partition("/")[0]]["server"] in ("werkzeug", "aiohttp") else 2


@pytest.mark.parametrize(("kind", "response"), kinds_with("text", "json"))
def test_the_table_is_read_and_written_and_survives_a_restart_of_the_database(
    kind: str, response: str, database: Database, tmp_path: Path
) -> None:
    database.seed(3)
    count = processes(kind)
    several = {"response": response, "processes": count, "debug": False}
    # What talks to the database is loaded at the start where the workload asks for it, else with the first request.
    workload = {"APP_WORKLOAD": json.dumps(CATALOG.workloads["db"])} if response == "text" else {}
    with serving(kind, tmp_path, several, **of_database(database), **workload) as app:
        rows = [{"id": n, "name": f"student-{n}"} for n in (1, 2, 3)]
        right = app.value("students", rows, "1 student-1\n2 student-2\n3 student-3")
        for _ in range(10):
            assert app.ask("/users") == right
        selects, inserts = database.count("Com_select"), database.count("Com_insert")
        for _ in range(10):
            assert app.ask("/users") == right
            assert app.ask("/user", {"name": "grüße"}) == app.value("message", "inserted")
            database.seed(3)
        new_connections = 4 * count  # SQLAlchemy asks its first connection what database that is
        assert 10 <= database.count("Com_select") - selects <= 10 + new_connections
        assert database.count("Com_insert") - inserts == 10 + 10, "and the seed's own"
        bad: list[Any] = [{}, {"name": 5}, {"name": "x" * 51}, [], "name"]
        assert [app.ask("/user", body)[0] for body in bad] == [400] * len(bad)
        for _ in range(4):
            assert app.ask("/user", {"name": "grüße"})[0] == 200
        assert database.names() == ["student-1", "student-2", "student-3", *["grüße"] * 4]
        database.stop()
        try:
            assert bounded(app, "/users") == 500
            assert bounded(app, "/user", {"name": "lost"}) == 500
            assert app.ask("/index")[0] == 200
        finally:
            database.start()
        for _ in range(10):
            assert app.ask("/user", {"name": "after"})[0] == 200
            assert app.ask("/users")[0] == 200
        assert database.names()[7:] == ["after"] * 10
        database.stop()
        database.start()  # nobody asked meanwhile, so nobody knows that the kept connections are dead
        for _ in range(10):
            assert app.ask("/user", {"name": "later"})[0] == 200
            assert app.ask("/users")[0] == 200
        assert database.names()[17:] == ["later"] * 10
        database.seed(0)
        assert app.ask("/users") == app.value("students", [], "")


FIRSTS = [f"{v}/{p}" for v in ("flask-werkzeug", "starlette-uvicorn", "aiohttp") for p in ("article", "modern")]


@pytest.mark.parametrize("kind", FIRSTS)
def test_the_database_works_and_a_wrong_password_is_an_error(
    kind: str, redis: Redis, database: Database, tmp_path: Path
) -> None:
    busy = {"APP_WORKLOAD": json.dumps({**CATALOG.workloads["db-busy"], "work": {"db_khashes": 2000}})}
    with serving(kind, tmp_path, {"response": "text"}, **of_database(database), **busy) as app:
        app.ask("/work")
        before = database.count("Com_select")
        began = time.monotonic()
        assert app.ask("/work") == (200, CATALOG.workloads["db-busy"]["value"])
        assert time.monotonic() - began > 0.05
        assert database.count("Com_select") - before == 1
    wrong = {**of_database(database, DATABASE_PASSWORD="wrong"), **of(redis), "REDIS_PASSWORD": "wrong"}
    with serving(kind, tmp_path, None, **wrong) as app:
        assert bounded(app, "/users") == 500
        assert bounded(app, "/user") == 500
        assert DATABASE_PASSWORD not in app.log.read_text()


@pytest.mark.parametrize(("kind", "access_log"), [*kinds_with(True, False), *kinds_with(False, True)])
def test_an_access_log_has_a_line_for_each_request(kind: str, access_log: bool, tmp_path: Path) -> None:
    with serving(kind, tmp_path, {"access_log": access_log, "processes": processes(kind)}) as app:
        for _ in range(5):
            assert app.ask("/index")[0] == 200
        deadline = time.monotonic() + 5
        while access_log and app.log.read_text().count("GET /index HTTP/1.1") < 5 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert app.log.read_text().count("GET /index HTTP/1.1") == 5 * access_log
        assert "Warning" not in app.log.read_text()
