"""Redis' own counts.

Each question carries three INFO sections at once. The kernel's receive timestamp says when Redis answered, exact even
when the sampler, niced on a busy core, gets to read the answer only later.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

from .asking import CONNECT_TIMEOUT_S, AnswerError, Asking, wait_until
from .config import RedisAddress

SECTIONS = ("commandstats", "clients", "memory")
SO_TIMESTAMPNS = getattr(socket, "SO_TIMESTAMPNS", 35)
TIMESPEC = struct.Struct("@qq")


class RedisInfo(Asking):
    """Asks one Redis."""

    def __init__(self, address: RedisAddress) -> None:
        """Take the address; nothing is connected yet."""
        super().__init__("Redis", f"{address.host}:{address.port}")
        self._address = address
        self._expected = 0

    def _connect(self) -> socket.socket:
        connection = socket.create_connection((self._address.host, self._address.port), CONNECT_TIMEOUT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        return connection

    def _send(self, connection: socket.socket, fresh: bool) -> None:
        question = b"".join(_command("INFO", section) for section in SECTIONS)
        self._expected = len(SECTIONS)
        file = self._address.password_file
        password = file.read_text(encoding="utf-8").strip() if fresh and file else ""
        if password:
            question = _command("AUTH", password) + question
            self._expected += 1
        connection.sendall(question)

    def _receive(self, connection: socket.socket, deadline: float) -> dict[str, Any]:
        data = b""
        while True:
            wait_until(connection, deadline)
            part, ancillary, _, _ = connection.recvmsg(1 << 16, socket.CMSG_SPACE(TIMESPEC.size))
            if not part:
                raise AnswerError("the connection was closed")
            data += part
            replies = parse_replies(data, self._expected)
            if replies is not None:
                answered = _received_at(ancillary)
                return {"t": round(answered, 6), **summarise(b"\r\n".join(replies[-len(SECTIONS) :]))}


def parse_replies(data: bytes, expected: int) -> list[bytes] | None:
    """Return the texts of ``expected`` replies, None while they are incomplete; ``AnswerError`` for an error reply."""
    replies: list[bytes] = []
    at = 0
    while len(replies) < expected:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        kind, text = data[at : at + 1], data[at + 1 : end]
        at = end + 2
        if kind == b"-":
            raise AnswerError(text.decode(errors="replace"))
        if kind == b"$":
            length = int(text)
            if len(data) < at + length + 2:
                return None
            text = data[at : at + length]
            at += length + 2
        elif kind != b"+":
            raise AnswerError(f"not a reply of Redis: {data[:40]!r}")
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
