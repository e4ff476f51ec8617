"""Redis' own counts, over one connection that stays open, without ever making a tick wait for long.

Each question carries three INFO sections at once. It is asked at the beginning of a tick and its answer taken at the
end. The kernel's receive timestamp says when Redis answered, exact even when the sampler, niced on a busy core, gets to
read the answer only later.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from typing import Any

from .config import RedisAddress

SECTIONS = ("commandstats", "clients", "memory")
CONNECT_TIMEOUT_S = 0.1
PAUSE_S = 5.0
"""After no answer in time, before the next try: a Redis that is stuck must not collect connections."""
SO_TIMESTAMPNS = getattr(socket, "SO_TIMESTAMPNS", 35)
TIMESPEC = struct.Struct("@qq")


class RedisError(Exception):
    """Redis cannot be asked just now."""


class RedisInfo:
    """Asks one Redis; whatever goes wrong costs that tick's answer and is said once on stderr."""

    def __init__(self, address: RedisAddress) -> None:
        """Take the address; nothing is connected yet."""
        self._address = address
        self._socket: socket.socket | None = None
        self._expected = 0
        self._pause_until = 0.0
        self._said = ""

    def ask(self) -> None:
        """Send the question, connecting first where needed."""
        if time.monotonic() < self._pause_until:
            return
        try:
            question = b"".join(_command("INFO", section) for section in SECTIONS)
            self._expected = len(SECTIONS)
            if self._socket is None:
                question = self._connect() + question
            assert self._socket is not None
            self._socket.settimeout(CONNECT_TIMEOUT_S)
            self._socket.sendall(question)
        except OSError as error:
            self._give_up(str(error), pause=isinstance(error, socket.timeout))

    def answer(self, timeout_s: float) -> dict[str, Any] | None:
        """Return what Redis says, or None if it has not said so within ``timeout_s``."""
        if self._socket is None:
            return None
        try:
            replies, answered = self._receive(self._socket, time.monotonic() + timeout_s)
        except (OSError, RedisError) as error:
            self._give_up(str(error), pause=isinstance(error, socket.timeout))
            return None
        self._say("")
        return {"t": round(answered, 6), **summarise(b"\r\n".join(replies[-len(SECTIONS) :]))}

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> bytes:
        """Connect and return what has to be sent before any question."""
        where = self._address
        password = where.password_file.read_text(encoding="utf-8").strip() if where.password_file else ""
        self._socket = socket.create_connection((where.host, where.port), CONNECT_TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        if not password:
            return b""
        self._expected += 1
        return _command("AUTH", password)

    def _receive(self, connection: socket.socket, deadline: float) -> tuple[list[bytes], float]:
        data = b""
        while True:
            connection.settimeout(max(0.0001, deadline - time.monotonic()))
            part, ancillary, _, _ = connection.recvmsg(1 << 16, socket.CMSG_SPACE(TIMESPEC.size))
            if not part:
                raise RedisError("the connection was closed")
            data += part
            replies = parse_replies(data, self._expected)
            if replies is not None:
                return replies, _received_at(ancillary)

    def _give_up(self, problem: str, pause: bool) -> None:
        self.close()
        if pause:
            self._pause_until = time.monotonic() + PAUSE_S
        self._say(f"Redis at {self._address.host}:{self._address.port} gives no answer: {problem}")

    def _say(self, problem: str) -> None:
        if problem != self._said:
            sys.stderr.write(f"{problem or 'Redis answers again'}\n")
            self._said = problem


def parse_replies(data: bytes, expected: int) -> list[bytes] | None:
    """Return the texts of ``expected`` replies, None while they are incomplete; ``RedisError`` for an error reply."""
    replies: list[bytes] = []
    at = 0
    while len(replies) < expected:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        kind, text = data[at : at + 1], data[at + 1 : end]
        at = end + 2
        if kind == b"-":
            raise RedisError(text.decode(errors="replace"))
        if kind == b"$":
            length = int(text)
            if len(data) < at + length + 2:
                return None
            text = data[at : at + length]
            at += length + 2
        elif kind != b"+":
            raise RedisError(f"not a reply of Redis: {data[:40]!r}")
        replies.append(text)
    return replies


def summarise(info: bytes) -> dict[str, int]:
    """Return the figures of the sample from the text of INFO; ``commands`` holds this sampler's own questions, too."""
    gets = commands = 0
    values = {}
    for line in info.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.startswith(b"cmdstat_"):
            calls = int(value[len(b"calls=") : value.index(b",")])
            commands += calls
            if key == b"cmdstat_get":
                gets = calls
        elif key in (b"connected_clients", b"used_memory"):
            values[key] = int(value)
    return {
        "gets": gets,
        "commands": commands,
        "clients": values.get(b"connected_clients", 0),
        "used_memory": values.get(b"used_memory", 0),
    }


def _received_at(ancillary: list[tuple[int, int, bytes]]) -> float:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(data) >= TIMESPEC.size:
            seconds, nanoseconds = TIMESPEC.unpack_from(data)
            return float(seconds + nanoseconds / 1e9)
    return time.time()


def _command(*words: str) -> bytes:
    parts = [word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
