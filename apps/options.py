"""What a variant says about how to serve, taken from the unit's environment."""

import json
import os
from dataclasses import dataclass
from typing import Dict, Mapping, Optional, Tuple

SERVERS = {
    "flask": ("werkzeug", "gunicorn-sync", "gunicorn-gthread"),
    "starlette": ("uvicorn",),
    "nginx": ("nginx",),
}


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

    ``cpu_ms`` of CPU in the thread that serves it, ``wait_ms`` without any, ``redis_mib`` of bits counted by Redis.
    """

    cpu_ms: float = 0
    wait_ms: float = 0
    redis_mib: float = 0


@dataclass(frozen=True)
class Options:
    """How to serve. ``threads`` are per process and for gunicorn-gthread only; ``port`` is TCP.

    ``keep_alive`` is nginx' alone: the other servers do as they do by default. ``runtime_dir`` is the unit's own folder
    of files that live as long as it runs, if it has one.
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
    none: Value
    redis: Value
    keep_alive: bool = True
    work: Work = Work()
    work_answer: Value = Value("message", "hello")
    runtime_dir: Optional[str] = None

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> "Options":
        """Read APP_* and REDIS_*. Raises OptionError for a value that is missing or that cannot be."""
        framework = _choice(env, "APP_FRAMEWORK", tuple(SERVERS))
        server = _choice(env, "APP_SERVER", SERVERS[framework])
        processes = _number(env, "APP_PROCESSES", 1, 1)
        if server == "werkzeug" and processes > 1:
            raise OptionError(f"APP_PROCESSES is {processes} (environment): use 1, werkzeug serves with threads")
        keep_alive = _choice(env, "APP_KEEP_ALIVE", ("0", "1"), default="1") == "1"
        if not keep_alive and server != "nginx":
            raise OptionError(f"APP_KEEP_ALIVE is '0' (environment): use 1, {server} cannot be told")
        values = _values(env)
        return cls(
            framework=framework,
            server=server,
            client=_choice(env, "APP_CLIENT", ("new", "pool")),
            response=_choice(env, "APP_RESPONSE", ("text", "json")),
            access_log=_choice(env, "APP_ACCESS_LOG", ("0", "1")) == "1",
            debug=_choice(env, "APP_DEBUG", ("0", "1")) == "1",
            processes=processes,
            threads=_number(env, "APP_THREADS", 0, 1 if server == "gunicorn-gthread" else 0),
            host=env.get("APP_HOST", "0.0.0.0"),  # noqa: S104 - as in the article, on all interfaces
            port=_number(env, "APP_PORT", 0, 1),
            redis_host=env.get("REDIS_HOST", "127.0.0.1"),
            redis_port=_number(env, "REDIS_PORT", 6379, 1),
            redis_password=env.get("REDIS_PASSWORD") or None,
            none=values["none"],
            redis=values["redis"],
            keep_alive=keep_alive,
            work=_work(env),
            work_answer=values["work"],
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


def _values(env: Mapping[str, str]) -> Dict[str, Value]:
    """Read APP_VALUES: {"none": {"key": …, "value": …}, "redis": …}; Redis itself holds the value of ``redis``.

    APP_WORK_ANSWER is what /work answers, {"key": …, "value": …}; without it, what ``none`` does.
    """
    try:
        answers = json.loads(env["APP_VALUES"])
        answers["work"] = json.loads(env.get("APP_WORK_ANSWER", "null")) or answers["none"]
        return {name: Value(answers[name]["key"], answers[name]["value"]) for name in ("none", "redis", "work")}
    except (KeyError, TypeError, ValueError) as error:
        raise OptionError(f"APP_VALUES cannot be read, {error!r} (environment): see roles/app/defaults") from error


def _work(env: Mapping[str, str]) -> Work:
    """Read APP_WORK: {"cpu_ms": …, "wait_ms": …, "redis_mib": …}, each where it is wanted."""
    try:
        work = Work(**{name: float(amount) for name, amount in json.loads(env.get("APP_WORK", "{}")).items()})
    except (AttributeError, TypeError, ValueError) as error:
        raise OptionError(f"APP_WORK cannot be read, {error!r} (environment): see collect/trial/server.py") from error
    if not all(0 <= amount < float("inf") for amount in (work.cpu_ms, work.wait_ms, work.redis_mib)):
        raise OptionError(f"APP_WORK is {work} (environment): use numbers from 0")
    return work
