"""The settings of one load process, read from its environment and checked before anything is imported or sent."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

TOOLS = ("locust", "wrk")
USER_CLASSES = ("HttpUser", "FastHttpUser")
METHODS = ("GET", "POST")
WHERE = "environment of the load"

T = TypeVar("T")


class SettingsError(Exception):
    """A variable is missing or wrong; the message is ``what (where): remedy``."""

    def __init__(self, what: str, remedy: str) -> None:
        """Take what is wrong and what to do about it."""
        super().__init__(f"{what} ({WHERE}): {remedy}")


@dataclass(frozen=True)
class Expected:
    """The answer that counts as right.

    ``body`` is the text itself, or the object that a JSON body must equal. Of a long one ``body_sha256`` is known
    instead, with ``body_length`` in bytes: of the text, or of the object as canonical JSON (see check.py).
    """

    status: int
    type: str
    body: object = None
    body_sha256: str | None = None
    body_length: int = 0


@dataclass(frozen=True)
class Request:
    """What is sent: the method, and the JSON text that a POST carries."""

    method: str = "GET"
    body: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """The headers that tell of the body."""
        return {"Content-Type": "application/json"} if self.body else {}


@dataclass(frozen=True)
class Settings:
    """What one process of the generator is told. All durations are in seconds."""

    host: str
    """Base address of the server under test, such as http://10.0.0.1:20001 (LOCUST_HOST)."""
    tool: str
    user_class: str
    """Of Locust's users; wrk has none."""
    users: int
    """How many ask at the same time (LOCUST_USERS); Locust reads it by itself."""
    path: str
    request: Request
    expected: Expected
    warmup_s: float
    window_s: float
    align_s: float
    """The window starts at a multiple of this in wall-clock time: the collectors' interval."""
    grace_s: float
    """Load goes on for so long after the window, so that its last sample sees an undisturbed rate."""
    out_dir: Path
    instance: str
    answer_timeout_s: float
    workers_timeout_s: float
    is_worker: bool
    workers: int
    """How many workers a master waits for; 0 for a single process."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Read BENCH_* and the LOCUST_* that matter here. Raises SettingsError."""
        is_worker = _is_true(env.get("LOCUST_MODE_WORKER", ""))
        is_master = _is_true(env.get("LOCUST_MODE_MASTER", ""))
        tool = _read(env, "BENCH_TOOL", _tool, f"one of {', '.join(TOOLS)}", "locust")
        return cls(
            host=_read(env, "LOCUST_HOST", _address, "the server's address, such as http://10.0.0.1:20001"),
            tool=tool,
            user_class=""
            if tool == "wrk"
            else _read(env, "BENCH_USER_CLASS", _user_class, f"one of {', '.join(USER_CLASSES)}"),
            users=_read(env, "LOCUST_USERS", _count, "a number above 0") if tool == "wrk" else 0,
            path=_read(env, "BENCH_PATH", _path, "a path such as /user"),
            request=_request(env),
            expected=_read(
                env, "BENCH_EXPECT", _expected, 'JSON such as {"status": 200, "type": "text/html", "body": "hello"}'
            ),
            warmup_s=_read(env, "BENCH_WARMUP_S", _not_negative, "seconds, 0 or more"),
            window_s=_read(env, "BENCH_WINDOW_S", _positive, "seconds, above 0"),
            align_s=_read(env, "BENCH_ALIGN_S", _positive, "seconds, above 0", "1"),
            grace_s=_read(env, "BENCH_GRACE_S", _not_negative, "seconds, 0 or more", "0.25"),
            out_dir=_read(env, "BENCH_OUT_DIR", _folder, "a folder that this user can write to", "/run/bench/load"),
            instance=_read(env, "BENCH_INSTANCE", _instance, "primary or worker-<number>", "primary"),
            answer_timeout_s=_read(env, "BENCH_ANSWER_TIMEOUT_S", _positive, "seconds, above 0", "15"),
            workers_timeout_s=_read(env, "BENCH_WORKERS_TIMEOUT_S", _positive, "seconds, above 0", "15"),
            is_worker=is_worker,
            workers=_read(env, "LOCUST_EXPECT_WORKERS", _count, "a number above 0", "1") if is_master else 0,
        )

    @property
    def url(self) -> str:
        """The address that each request goes to."""
        return self.host.rstrip("/") + self.path


def _read(env: Mapping[str, str], name: str, convert: Callable[[str], T], wanted: str, default: str | None = None) -> T:
    text = env.get(name, default)
    if text is None:
        raise SettingsError(f"{name} is not set", f"set {wanted}")
    try:
        return convert(text)
    except (ValueError, KeyError, TypeError):
        raise SettingsError(f"{name} is {text!r}", f"set {wanted}") from None


def _is_true(text: str) -> bool:
    return text.lower() in ("true", "yes", "1")


def _require(value: T, right: object) -> T:
    if not right:
        raise ValueError
    return value


def _not_negative(text: str) -> float:
    seconds = float(text)
    return _require(seconds, 0 <= seconds < float("inf"))


def _positive(text: str) -> float:
    seconds = _not_negative(text)
    return _require(seconds, seconds > 0)


def _count(text: str) -> int:
    return _require(int(text), int(text) > 0)


def _address(text: str) -> str:
    parts = urlsplit(text)
    return _require(text, parts.scheme == "http" and parts.hostname and parts.port and parts.path in ("", "/"))


def _tool(text: str) -> str:
    return _require(text, text in TOOLS)


def _user_class(text: str) -> str:
    return _require(text, text in USER_CLASSES)


def _path(text: str) -> str:
    return _require(text, re.fullmatch(r"/\S*", text))


def _instance(text: str) -> str:
    return _require(text, re.fullmatch(r"primary|worker-[1-9][0-9]*", text))


def _folder(text: str) -> Path:
    return _require(Path(text), os.access(text, os.W_OK | os.X_OK) and Path(text).is_dir())


def _method(text: str) -> str:
    return _require(text, text in METHODS)


def _json(text: str) -> str:
    json.loads(text)
    return text


def _no_body(text: str) -> str:
    return _require(text, not text)


def _request(env: Mapping[str, str]) -> Request:
    method = _read(env, "BENCH_METHOD", _method, f"one of {', '.join(METHODS)}", "GET")
    if method == "GET":
        return Request(method, _read(env, "BENCH_BODY", _no_body, "nothing, a GET carries none", ""))
    return Request(method, _read(env, "BENCH_BODY", _json, 'the JSON that is sent, such as {"name": "student"}'))


def _expected(text: str) -> Expected:
    value = json.loads(text)
    status, media_type = int(value["status"]), str(value["type"])
    _require(media_type, 100 <= status <= 599 and media_type)
    if "body" in value:
        return Expected(status, media_type, value["body"])
    digest, length = value["body_sha256"], int(value["body_length"])
    _require(digest, re.fullmatch("[0-9a-f]{64}", digest) and length > 0)
    return Expected(status, media_type, body_sha256=digest, body_length=length)
