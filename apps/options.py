"""What a variant and its workload say about how to serve, taken from the unit's environment."""

import json
import os
from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional, Tuple

# The hosts' own copy of collect/data/servers.yml, which they cannot read.
SERVERS = {
    "flask": ("werkzeug", "gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent"),
    "starlette": ("uvicorn", "uvicorn-uvloop", "gunicorn-uvicorn"),
    "aiohttp": ("aiohttp",),
    "nginx": ("nginx",),
}
ONE_PROCESS = {"werkzeug": "werkzeug serves with threads", "aiohttp": "aiohttp's run_app serves with one"}
WITH_THREADS = ("gunicorn-gthread",)
WITH_KEEP_ALIVE = ("werkzeug", "gunicorn-gthread", "nginx")


class OptionError(ValueError):
    """An option that no app can follow; the message is one line: what, where, what to do."""


@dataclass(frozen=True)
class Value:
    """What an answer carries: the text ``value``, under the name ``key`` where the answer is JSON."""

    key: str
    value: str


@dataclass(frozen=True)
class Work:
    """What a request to /work does before it is answered; 0 where it does not.

    ``cpu_ms`` of CPU in the thread that serves it, ``wait_ms`` without any, ``redis_mib`` of bits counted by Redis,
    ``db_khashes`` thousands of hashes computed by the database.
    """

    cpu_ms: float = 0
    wait_ms: float = 0
    redis_mib: float = 0
    db_khashes: float = 0


@dataclass(frozen=True)
class Database:
    """Where the table of students is, over TCP."""

    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Answers:
    """What each route answers. Of ``redis``, ``file`` and ``students`` only the key counts: the rest is read."""

    none: Value
    redis: Value
    work: Value
    file: Value = Value("text", "")
    students: Value = Value("students", "")
    inserted: Value = Value("message", "inserted")


ROUTES = {
    "none": ("none", "GET /index"),
    "redis": ("redis", "GET /user"),
    "file": ("file", "GET /file"),
    "students": ("db", "GET /users"),
    "inserted": ("db-insert", "POST /user"),
    "work": ("none", "GET /work"),
}
"""For each answer the workload of the catalog that has it, and the route; the trial's own workload goes before that."""


@dataclass(frozen=True)
class Options:
    """How to serve. ``threads`` are per process and for gunicorn-gthread only; ``port`` is TCP.

    ``keep_alive`` is of the servers that can be told, and None for what they do by default. ``runtime_dir`` is the
    unit's own folder of files that live as long as it runs, if it has one. ``file`` is what /file reads.
    ``asks_database`` tells that the trial's workload does: what talks to the database is loaded at the start then, else
    when it is first asked for.
    ``busy_us`` of CPU go into each request before it is served; nginx has none of it.
    """

    framework: str
    server: str
    client: str
    response: str
    access_log: bool
    debug: bool
    processes: int
    threads: int
    host: str
    port: int
    redis_host: str
    redis_port: int
    redis_password: Optional[str]
    answers: Answers
    keep_alive: Optional[bool] = None
    work: Work = Work()
    file: Optional[str] = None
    database: Optional[Database] = None
    asks_database: bool = False
    busy_us: int = 0
    runtime_dir: Optional[str] = None

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> "Options":
        """Read APP_*, REDIS_*, DATABASE_*. Raises OptionError for a value that is missing or that cannot be."""
        framework = _choice(env, "APP_FRAMEWORK", tuple(SERVERS))
        server = _choice(env, "APP_SERVER", SERVERS[framework])
        processes = _number(env, "APP_PROCESSES", 1, 1)
        if processes > 1 and server in ONE_PROCESS:
            raise OptionError(f"APP_PROCESSES is {processes} (environment): use 1, {ONE_PROCESS[server]}")
        threads = _number(env, "APP_THREADS", 0, 1 if server in WITH_THREADS else 0)
        if threads and server not in WITH_THREADS:
            raise OptionError(f"APP_THREADS is {threads} (environment): use 0, {server} cannot be told")
        kept = env.get("APP_KEEP_ALIVE", "") and _choice(env, "APP_KEEP_ALIVE", ("0", "1"))
        if kept and server not in WITH_KEEP_ALIVE:
            raise OptionError(f"APP_KEEP_ALIVE is '{kept}' (environment): leave it empty, {server} cannot be told")
        busy_us = _number(env, "APP_BUSY_US", 0, 0)
        if busy_us and framework == "nginx":
            raise OptionError(f"APP_BUSY_US is {busy_us} (environment): use 0, nginx does nothing besides answering")
        workload = _object(env, "APP_WORKLOAD", "{}", "see collect/trial/server.py")
        work = _work(workload)
        return cls(
            framework=framework,
            server=server,
            client=_choice(env, "APP_CLIENT", ("new", "pool")),
            response=_choice(env, "APP_RESPONSE", ("text", "json")),
            access_log=_choice(env, "APP_ACCESS_LOG", ("0", "1")) == "1",
            debug=_choice(env, "APP_DEBUG", ("0", "1")) == "1",
            processes=processes,
            threads=threads,
            host=env.get("APP_HOST", "0.0.0.0"),  # noqa: S104 - as in the article, on all interfaces
            port=_number(env, "APP_PORT", 0, 1),
            redis_host=env.get("REDIS_HOST", "127.0.0.1"),
            redis_port=_number(env, "REDIS_PORT", 6379, 1),
            redis_password=env.get("REDIS_PASSWORD") or None,
            answers=_answers(env, workload),
            keep_alive=kept == "1" if kept else None,
            work=work,
            file=env.get("APP_FILE"),
            database=_database(env),
            asks_database=bool(workload.get("db_selects") or workload.get("db_inserts") or work.db_khashes),
            busy_us=busy_us,
            runtime_dir=env.get("RUNTIME_DIRECTORY"),
        )


def _choice(env: Mapping[str, str], name: str, known: Tuple[str, ...], default: str = "") -> str:
    value = env.get(name, default)
    if value not in known:
        raise OptionError(f"{name} is '{value}' (environment): use {' or '.join(known)}")
    return value


def _number(env: Mapping[str, str], name: str, default: int, least: int) -> int:
    value = env.get(name, str(default))
    if not value.isdigit() or int(value) < least:
        raise OptionError(f"{name} is '{value}' (environment): use a number from {least}")
    return int(value)


def _object(env: Mapping[str, str], name: str, default: str, remedy: str) -> Dict[str, Any]:
    """Read a variable that holds a JSON object."""
    try:
        return dict(json.loads(env.get(name, default)))
    except (TypeError, ValueError) as error:
        raise OptionError(f"{name} cannot be read, {error!r} (environment): {remedy}") from error


def _answers(env: Mapping[str, str], workload: Mapping[str, Any]) -> Answers:
    """Read APP_VALUES: {"<workload>": {"key": …, "value": …}}; the trial's workload goes first for its own route."""
    remedy = "see roles/app/defaults"
    known = _object(env, "APP_VALUES", "{}", remedy)
    own = f"{workload.get('method', 'GET')} {workload.get('path')}"
    found = {}
    try:
        for answer, (name, route) in ROUTES.items():
            said = workload if route == own else known.get(name)
            if said is not None:
                found[answer] = Value(str(said["key"]), str(said["value"]))
        return Answers(**found)
    except (KeyError, TypeError) as error:
        raise OptionError(f"APP_VALUES or APP_WORKLOAD lacks {error} (environment): {remedy}") from error


def _work(workload: Mapping[str, Any]) -> Work:
    """Read the workload's ``work``: {"cpu_ms": …, "wait_ms": …, "redis_mib": …, "db_khashes": …}, each where wanted."""
    try:
        work = Work(**{name: float(amount) for name, amount in workload.get("work", {}).items()})
    except (AttributeError, TypeError, ValueError) as error:
        remedy = "see collect/trial/server.py"
        raise OptionError(f"APP_WORKLOAD's work cannot be read, {error!r} (environment): {remedy}") from error
    if not all(0 <= amount < float("inf") for amount in (work.cpu_ms, work.wait_ms, work.redis_mib, work.db_khashes)):
        raise OptionError(f"APP_WORKLOAD's work is {work} (environment): use numbers from 0")
    return work


def _database(env: Mapping[str, str]) -> Optional[Database]:
    """Read DATABASE_*; without DATABASE_NAME there is none."""
    if not env.get("DATABASE_NAME"):
        return None
    return Database(
        host=env.get("DATABASE_HOST", "127.0.0.1"),
        port=_number(env, "DATABASE_PORT", 3306, 1),
        name=env["DATABASE_NAME"],
        user=env.get("DATABASE_USER", "bench"),
        password=env.get("DATABASE_PASSWORD", ""),
    )
