"""A service that is asked at each tick, over one connection that stays open, without ever making a tick wait for long.

The question is sent at the beginning of a tick and its answer taken at the end. Whatever goes wrong costs that tick's
answer and is said once on standard error.
"""

from __future__ import annotations

import socket
import sys
import time
from typing import Any

CONNECT_TIMEOUT_S = 0.1
PAUSE_S = 5.0
"""After no answer in time, before the next try: a service that is stuck must not collect connections."""


class AnswerError(Exception):
    """The service cannot be asked just now; its own words, or what was amiss."""


class Asking:
    """Keeps the connection; a subclass knows the protocol: ``_connect``, ``_send`` and ``_receive``."""

    def __init__(self, name: str, where: str) -> None:
        """Take what the service is called in messages, and where it is; nothing is connected yet."""
        self._name, self._where = name, where
        self._socket: socket.socket | None = None
        self._pause_until = 0.0
        self._said = ""

    def ask(self) -> None:
        """Send the question, connecting first where needed."""
        if time.monotonic() < self._pause_until:
            return
        try:
            fresh = self._socket is None
            if self._socket is None:
                self._socket = self._connect()
            self._socket.settimeout(CONNECT_TIMEOUT_S)
            self._send(self._socket, fresh)
        except OSError as error:
            self._give_up(str(error), pause=isinstance(error, socket.timeout))

    def answer(self, timeout_s: float) -> dict[str, Any] | None:
        """Return the figures of the sample, or None if they have not come within ``timeout_s``."""
        if self._socket is None:
            return None
        try:
            figures = self._receive(self._socket, time.monotonic() + timeout_s)
        except (OSError, AnswerError) as error:
            self._give_up(str(error), pause=isinstance(error, socket.timeout))
            return None
        self._say("")
        return figures

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> socket.socket:
        """Return a connected socket. Raises OSError."""
        raise NotImplementedError

    def _send(self, connection: socket.socket, fresh: bool) -> None:
        """Send the question; ``fresh``: nothing was sent over this connection yet. Raises OSError."""
        raise NotImplementedError

    def _receive(self, connection: socket.socket, deadline: float) -> dict[str, Any]:
        """Return the figures by the monotonic ``deadline``. Raises OSError (a timeout, too) or AnswerError."""
        raise NotImplementedError

    def _give_up(self, problem: str, pause: bool) -> None:
        self.close()
        if pause:
            self._pause_until = time.monotonic() + PAUSE_S
        self._say(f"{self._name} at {self._where} gives no answer: {problem}")

    def _say(self, problem: str) -> None:
        if problem != self._said:
            sys.stderr.write(f"{problem or f'{self._name} answers again'}\n")
            self._said = problem


def wait_until(connection: socket.socket, deadline: float) -> None:
    """Let the next call on the socket end by the monotonic ``deadline``."""
    connection.settimeout(max(0.0001, deadline - time.monotonic()))
