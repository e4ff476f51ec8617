"""Is this the right server? One request before any load, its answer compared in full."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from .settings import Expected

RETRY_S = 0.02
CONNECT_TIMEOUT_S = 2.0
BODY_SHOWN = 80


class CheckError(Exception):
    """The server does not answer, or answers wrongly; ``requests`` may have reached it."""

    def __init__(self, message: str, requests: int) -> None:
        """Keep the message and how many requests were sent."""
        super().__init__(message)
        self.requests = requests


@dataclass(frozen=True)
class Answer:
    """What the server said. ``type`` is the media type without its parameters."""

    status: int
    type: str
    body: bytes


@dataclass(frozen=True)
class Checked:
    """A right answer: the length of its body in bytes, and the requests that it took."""

    length: int
    requests: int


def check(url: str, expected: Expected, timeout_s: float) -> Checked:
    """Wait until the server answers and compare its first answer. Raises CheckError."""
    deadline = time.monotonic() + timeout_s
    requests = 0
    while True:
        connection = _connection(url)
        try:
            connection.connect()
            requests += 1
            answer = _ask(connection, urlsplit(url).path, deadline - time.monotonic())
        except (OSError, http.client.HTTPException) as error:
            if time.monotonic() + RETRY_S > deadline:
                why = str(error) or type(error).__name__
                raise CheckError(f"no answer from {url} within {timeout_s:g} s: {why}", requests) from None
            time.sleep(RETRY_S)
            continue
        finally:
            connection.close()
        if not is_right(expected, answer):
            raise CheckError(f"expected {_shown(expected)}, got {_shown(answer)}", requests)
        return Checked(len(answer.body), requests)


def is_right(expected: Expected, answer: Answer) -> bool:
    """Say whether status, type and body are as expected: text to the letter, anything else as a JSON value."""
    if (answer.status, answer.type) != (expected.status, expected.type.lower()):
        return False
    if isinstance(expected.body, str) and expected.type != "application/json":
        return answer.body == expected.body.encode()
    try:
        return bool(json.loads(answer.body) == expected.body)
    except ValueError:
        return False


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    assert parts.hostname is not None
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=CONNECT_TIMEOUT_S)


def _ask(connection: http.client.HTTPConnection, path: str, left_s: float) -> Answer:
    connection.sock.settimeout(max(left_s, RETRY_S))
    connection.request("GET", path, headers={"Connection": "close"})
    response = connection.getresponse()
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return Answer(response.status, media_type, response.read())


def _shown(answer: Expected | Answer) -> str:
    body = answer.body
    if isinstance(body, bytes):
        body = body.decode(errors="replace")
    text = repr(body) if isinstance(body, str) else json.dumps(body)
    if len(text) > BODY_SHOWN:
        text = text[:BODY_SHOWN] + "…"
    return f"{answer.status} {answer.type or 'without a type'} {text}"
