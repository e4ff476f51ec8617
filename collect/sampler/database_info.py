"""The database's own counts, in just enough of MySQL's protocol (MariaDB's, too), over its Unix socket.

Who asks is known by the user of the process (unix_socket, auth_socket), so there is no password. The socket has no
timestamps of the kernel's: the time of an answer is when its question was sent, and the server, which is not niced,
counts within a millisecond of that.
"""

from __future__ import annotations

import socket
import time
from typing import Any, Iterator

from .asking import CONNECT_TIMEOUT_S, AnswerError, Asking, wait_until
from .config import DatabaseAddress

STATUS = {b"Com_select": "selects", b"Com_insert": "inserts", b"Threads_connected": "threads"}
"""Names in the sample by those of the server's status; SHOW is no SELECT and counts itself nowhere in there."""
QUESTION = b"SHOW GLOBAL STATUS WHERE Variable_name IN (%s)" % b", ".join(b"'%s'" % name for name in STATUS)

PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH = 1 << 9, 1 << 15, 1 << 19
GREETING = 10
UTF8 = 33
COM_QUERY = 3
OK, EOF, ERROR, SWITCH = 0x00, 0xFE, 0xFF, 0xFE
EOF_BYTES = 9
"""An EOF packet is shorter than this; a row that begins with the same byte is far longer."""


class DatabaseInfo(Asking):
    """Asks one MariaDB or MySQL."""

    def __init__(self, address: DatabaseAddress) -> None:
        """Take the address; nothing is connected yet."""
        super().__init__("the database", str(address.socket))
        self._address = address
        self._logged_in = False
        self._asked = 0.0
        self._data = b""

    def _connect(self) -> socket.socket:
        self._logged_in = False
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(CONNECT_TIMEOUT_S)
            connection.connect(str(self._address.socket))
        except OSError:
            connection.close()
            raise
        return connection

    def _send(self, connection: socket.socket, fresh: bool) -> None:
        self._data = b""
        # The server speaks first: what it says to a new connection is read when the answer is due.
        if not fresh:
            self._ask_status(connection)

    def _receive(self, connection: socket.socket, deadline: float) -> dict[str, Any]:
        packets = self._packets(connection, deadline)
        if not self._logged_in:
            self._log_in(connection, packets)
            self._ask_status(connection)
        figures = dict.fromkeys(STATUS.values(), 0)
        for row in rows(packets):
            name, value = texts(row)
            figures[STATUS[name]] = int(value)
        return {"t": round(self._asked, 6), **figures}

    def _ask_status(self, connection: socket.socket) -> None:
        self._asked = time.time()
        connection.sendall(packet(0, bytes([COM_QUERY]) + QUESTION))

    def _log_in(self, connection: socket.socket, packets: Iterator[tuple[int, bytes]]) -> None:
        number, greeting = next(packets)
        if greeting[0] != GREETING:
            raise AnswerError(f"not a greeting of MySQL's: {greeting[:40]!r}")
        connection.sendall(packet(number + 1, login(self._address.user)))
        for number, said in packets:
            if said[0] == OK:
                self._logged_in = True
                return
            if said[0] == SWITCH:
                # Whatever is asked for: there is nothing to give, the socket says who this is.
                connection.sendall(packet(number + 1, b""))

    def _packets(self, connection: socket.socket, deadline: float) -> Iterator[tuple[int, bytes]]:
        """Yield number and content of each packet as it comes. Raises OSError, and AnswerError for an error packet."""
        while True:
            while len(self._data) < 4 or len(self._data) < 4 + int.from_bytes(self._data[:3], "little"):
                wait_until(connection, deadline)
                part = connection.recv(1 << 14)
                if not part:
                    raise AnswerError("the connection was closed")
                self._data += part
            end = 4 + int.from_bytes(self._data[:3], "little")
            number, content = self._data[3], self._data[4:end]
            self._data = self._data[end:]
            if not content or content[0] == ERROR:
                raise AnswerError(error_text(content))
            yield number, content


def packet(number: int, content: bytes) -> bytes:
    """Return a packet as it goes over the connection."""
    return len(content).to_bytes(3, "little") + bytes([number]) + content


def login(user: str) -> bytes:
    """Return the content of the client's answer to the greeting: a user, and nothing by which to prove it."""
    flags = PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH
    limits = flags.to_bytes(4, "little") + (1 << 24).to_bytes(4, "little") + bytes([UTF8]) + bytes(23)
    return limits + user.encode() + b"\0" + b"\0" + b"mysql_native_password\0"


def rows(packets: Iterator[tuple[int, bytes]]) -> Iterator[bytes]:
    """Yield the rows of a result: what comes between its two EOF packets."""
    ends = 0
    for _, content in packets:
        if content[0] == EOF and len(content) < EOF_BYTES:
            ends += 1
            if ends == 2:
                return
        elif ends == 1:
            yield content


def texts(row: bytes) -> list[bytes]:
    """Return the values of a row; each is shorter than 251 bytes here, so that its length is one byte."""
    found, at = [], 0
    while at < len(row):
        end = at + 1 + row[at]
        found.append(row[at + 1 : end])
        at = end
    return found


def error_text(content: bytes) -> str:
    """Return the words of an error packet: 0xFF, a number (2 bytes), for most "#" and a state (5 bytes), the text."""
    text = content[3:]
    return (text[6:] if text.startswith(b"#") else text).decode(errors="replace") or "an empty packet"
