"""Chromium's DevTools protocol over its pipe: calls with their answers, and what the browser says unasked."""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Callable, Mapping
from typing import Any

ANSWER_S = 120.0
"""How long an answer may take: a printed report and what is wrong with a large page take some seconds."""
Heard = Callable[[str, Mapping[str, Any]], None]
"""Takes an event's method and parameters."""


class RefusedError(AssertionError):
    """A call was answered by an error."""


class DevTools:
    """One page's session. Events are heard while an answer is waited for, so whoever waits for one has to ask."""

    def __init__(self, read: int, write: int, heard: Heard) -> None:
        """Take both ends of the pipe over."""
        self._in = read
        self._out = os.fdopen(write, "wb")
        self._heard = heard
        self._number = 0
        self._pending = bytearray()
        self._session = ""

    def attach(self) -> None:
        """Open an empty page; what is called from then on is meant for it."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def close(self) -> None:
        """Close both ends."""
        self._out.close()
        os.close(self._in)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the answer to a call; it must not be an error."""
        number = self.tell(method, **parameters)
        deadline = time.monotonic() + ANSWER_S
        while True:
            message = self._next(deadline, method)
            if message.get("id") == number:
                if "error" in message:
                    raise RefusedError(f"{method}: {message['error']}")
                result: dict[str, Any] = message["result"]
                return result
            if "method" in message:
                self._heard(message["method"], message.get("params", {}))

    def tell(self, method: str, **parameters: Any) -> int:
        """Send a call and return its number; nobody waits for the answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session and not method.startswith(("Target.", "Browser.")):
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        self._out.flush()
        return self._number

    def _next(self, deadline: float, method: str) -> dict[str, Any]:
        searched = 0
        while (end := self._pending.find(b"\0", searched)) < 0:
            searched = len(self._pending)
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{method} has no answer after {ANSWER_S:.0f} s"
            chunk = os.read(self._in, 1 << 20)
            assert chunk, f"the browser ended before it answered {method}"
            self._pending += chunk
        message: dict[str, Any] = json.loads(bytes(self._pending[:end]))
        del self._pending[: end + 1]
        return message
