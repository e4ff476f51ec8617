"""Measure what holds up Redis' answers, before it is used: what a round trip takes for each delay that is asked for.

``python3 -m relay.measure --delays 0 1 5 --key name`` prints JSON: round trips without it and, by delay, with it.
It leaves the last delay in force, for whoever measures throughput then. Runs on the server host, as root.
"""

from __future__ import annotations

import argparse
import collections
import math
import select
import socket
import sys
import time
from pathlib import Path
from typing import Any, Sequence

from . import config, control
from .errors import RelayError, say

SAMPLES = 200
PACE_S = 0.002
"""Between two questions: they do not wait for each other's answers, which a relay must not mix up."""
PATIENCE_S = 5.0
SHARES = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}


def command(*words: str) -> bytes:
    """Return a command as Redis takes it."""
    parts = [word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def connect(port: int, password: str) -> socket.socket:
    """Return a connection to Redis, or to what stands before it. Raises OSError, RelayError for a refused password."""
    connection = socket.create_connection((config.HOST, port), PATIENCE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if password:
        connection.sendall(command("AUTH", password))
        said = connection.recv(4096)
        if not said.startswith(b"+OK"):
            raise RelayError(f"Redis says {said.decode(errors='replace').strip()}", "restart bench-redis.service")
    return connection


def round_trips_s(connection: socket.socket, key: str, samples: int = SAMPLES, pace_s: float = PACE_S) -> list[float]:
    """Return what each of ``samples`` GETs took, asked at an even pace over one connection. Raises RelayError."""
    question = command("GET", key)
    sent: collections.deque[float] = collections.deque()
    took: list[float] = []
    connection.setblocking(False)
    begin = time.monotonic()
    pending = b""
    asked = 0
    while len(took) < samples:
        now = time.monotonic()
        if now - begin > samples * pace_s + PATIENCE_S:
            raise RelayError(
                f"{samples - len(took)} of {samples} GETs are not answered", "see journalctl -u " + control.UNIT
            )
        if asked < samples and now >= begin + asked * pace_s:
            sent.append(now)
            connection.send(question)
            asked += 1
            continue
        wait_s = max(0.0, begin + asked * pace_s - now) if asked < samples else 1.0
        if select.select((connection,), (), (), wait_s)[0]:
            data = connection.recv(65536)
            arrived = time.monotonic()
            if not data:
                raise RelayError("the connection to Redis was closed", "see journalctl -u " + control.UNIT)
            pending += data
            answers, pending = whole_answers(pending)
            took += [arrived - sent.popleft() for _ in range(answers)]
    return took


def whole_answers(data: bytes) -> tuple[int, bytes]:
    """Return how many answers to GET are whole, and what is left. Raises RelayError for an error of Redis'."""
    count = 0
    while True:
        end = data.find(b"\r\n")
        if end < 0:
            return count, data
        if data[:1] == b"-":
            raise RelayError(f"Redis says {data[1:end].decode(errors='replace')}", "restart bench-redis.service")
        length = int(data[1:end])
        whole = end + 2 + (length + 2 if length >= 0 else 0)
        if len(data) < whole:
            return count, data
        data = data[whole:]
        count += 1


def figures(took_s: Sequence[float]) -> dict[str, float]:
    """Return the percentiles (nearest rank) in milliseconds."""
    ordered = sorted(took_s)
    found = {
        f"{name}_ms": round(ordered[max(0, math.ceil(share * len(ordered)) - 1)] * 1000, 4)
        for name, share in SHARES.items()
    }
    return {**found, "samples": len(ordered)}


def measured(told: config.Config, delays: Sequence[float], key: str) -> dict[str, Any]:
    """Return the round trips without, and by delay with what holds them up; the last delay stays in force.

    None stays in force where anything goes wrong.
    """
    file = Path(told.password_file)
    password = file.read_text(encoding="utf-8").strip() if file.exists() else ""
    found: dict[str, Any] = {"by": told.by, "why": told.why, "port": told.asked_port}
    control.end()
    with connect(told.redis_port, password) as connection:
        found["direct"] = figures(round_trips_s(connection, key))
    try:
        found["delays"] = [held_up(delay_ms, password, key) for delay_ms in delays]
    except BaseException:
        control.end()
        raise
    return found


def held_up(delay_ms: float, password: str, key: str) -> dict[str, float]:
    """Return the round trips with a delay, which stays in force."""
    started = control.start(delay_ms)
    with connect(started["port"], password) as connection:
        return {"asked_ms": delay_ms, **figures(round_trips_s(connection, key))}


def main() -> int:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(prog="relay.measure", description=__doc__)
    parser.add_argument("--delays", type=float, nargs="+", required=True, metavar="MS")
    parser.add_argument("--key", required=True)
    options = parser.parse_args()

    def in_order() -> dict[str, Any]:
        # The least last: throughput is measured at that one.
        found = measured(config.load(), sorted(options.delays, reverse=True), options.key)
        found["delays"].reverse()
        return found

    return say(in_order)


if __name__ == "__main__":
    sys.exit(main())
