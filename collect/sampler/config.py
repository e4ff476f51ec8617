"""The sampler's configuration: a JSON file, checked whole before anything starts."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from .errors import SamplerError

DEFAULT_PATH = Path("/etc/bench/collector.json")
OTHER = "other"
"""The unit of every process that no configured unit holds."""

INTERVAL_S = (0.1, 10.0)
MEMORY_INTERVAL_S = (0.1, 3600.0)
KEEP_HOURS = (0.02, 24.0 * 366)


@dataclass(frozen=True)
class RedisAddress:
    """Where Redis answers, and the file that holds its password (``None``: it asks for none)."""

    host: str
    port: int
    password_file: Path | None


@dataclass(frozen=True)
class DatabaseAddress:
    """The socket on which the database answers, and the user it knows this process by."""

    socket: Path
    user: str


@dataclass(frozen=True)
class Config:
    """Everything that the sampler can be told; intervals in seconds."""

    host: str
    interval_s: float
    memory_interval_s: float
    cpus: tuple[int, ...]
    samples_dir: Path
    live_path: Path
    units: Mapping[str, tuple[str, ...]]
    redis: RedisAddress | None
    database: DatabaseAddress | None
    keep_hours: float


def load(path: Path) -> Config:
    """Read the configuration, or raise ``SamplerError`` that names the key and what it may hold."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SamplerError(
            str(error.strerror), str(path), "let the collector role write it, or give --config"
        ) from None
    except ValueError as error:
        raise SamplerError(f"not JSON: {error}", str(path), "let the collector role write it again") from None
    return _Reader(data, str(path)).config()


def parse_cpus(text: str) -> tuple[int, ...]:
    """Return the CPUs of a list such as ``0-3,6``, sorted; ``ValueError`` if it is none."""
    cpus: set[int] = set()
    for part in text.split(","):
        found = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        if not found:
            raise ValueError(f"not a list of CPUs: {text}")
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first:
            raise ValueError(f"not a list of CPUs: {text}")
        cpus.update(range(first, last + 1))
    return tuple(sorted(cpus))


class _Reader:
    """Takes the values out of the parsed file one by one; whatever is left over is unknown."""

    def __init__(self, data: Any, where: str) -> None:
        self._where = where
        if not isinstance(data, dict):
            raise self._error("the configuration", "must be a JSON object")
        self._data = dict(data)

    def _error(self, key: str, problem: str) -> SamplerError:
        return SamplerError(f"{key} {problem}", self._where, "mend it there and restart bench-collector")

    def config(self) -> Config:
        config = Config(
            host=self._text("host"),
            interval_s=self._number("interval_s", INTERVAL_S, 1.0),
            memory_interval_s=self._number("memory_interval_s", MEMORY_INTERVAL_S, 5.0),
            cpus=self._cpus(),
            samples_dir=Path(self._text("samples_dir")),
            live_path=Path(self._text("live_path")),
            units=self._units(),
            redis=self._redis(),
            database=self._database(),
            keep_hours=self._number("keep_hours", KEEP_HOURS, 24.0),
        )
        if self._data:
            raise self._error(", ".join(sorted(self._data)), "is no key that the sampler knows")
        return config

    def _text(self, key: str) -> str:
        value = self._data.pop(key, None)
        if not isinstance(value, str) or not value:
            raise self._error(key, "must be a text that is not empty")
        return value

    def _number(self, key: str, limits: tuple[float, float], default: float) -> float:
        value = self._data.pop(key, default)
        low, high = limits
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise self._error(key, f"must be a number from {low:g} to {high:g}")
        return float(value)

    def _cpus(self) -> tuple[int, ...]:
        value = self._data.pop("cpus", None)
        if value is None:
            return tuple(sorted(os.sched_getaffinity(0)))
        try:
            return parse_cpus(value)
        except (TypeError, ValueError, AttributeError):
            raise self._error("cpus", "must be a list of CPUs such as 0 or 0-3,6, or null") from None

    def _units(self) -> Mapping[str, tuple[str, ...]]:
        value = self._data.pop("units", None)
        if not isinstance(value, dict) or OTHER in value:
            raise self._error("units", f"must be an object of systemd units by name, without {OTHER!r}")
        for name, patterns in value.items():
            if not isinstance(patterns, list) or not all(isinstance(text, str) and text for text in patterns):
                raise self._error(f"units.{name}", "must be a list of systemd units")
        return {name: tuple(patterns) for name, patterns in value.items()}

    def _redis(self) -> RedisAddress | None:
        value = self._data.pop("redis", None)
        if value is None:
            return None
        if not isinstance(value, dict) or set(value) - {"host", "port", "password_file"}:
            raise self._error("redis", "must be null or an object of host, port and password_file")
        host, port, password_file = value.get("host"), value.get("port"), value.get("password_file")
        if not isinstance(host, str) or not host:
            raise self._error("redis.host", "must be an address")
        if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
            raise self._error("redis.port", "must be a port from 1 to 65535")
        if password_file is not None and not isinstance(password_file, str):
            raise self._error("redis.password_file", "must be a path or null")
        return RedisAddress(host, port, Path(password_file) if password_file else None)

    def _database(self) -> DatabaseAddress | None:
        value = self._data.pop("database", None)
        if value is None:
            return None
        if not isinstance(value, dict) or set(value) - {"socket", "user"}:
            raise self._error("database", "must be null or an object of socket and user")
        for key in ("socket", "user"):
            if not isinstance(value.get(key), str) or not value[key]:
                raise self._error(f"database.{key}", "must be a text that is not empty")
        return DatabaseAddress(Path(value["socket"]), value["user"])
