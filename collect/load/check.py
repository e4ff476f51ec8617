"""Is this the right server? One request before any load, its answer compared in full."""

from __future__ import annotations

import hashlib
import http.client
import json
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from .settings import Expected, Request

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


def check(url: str, request: Request, expected: Expected, timeout_s: float) -> Checked:
    """Wait until the server answers and compare its first answer. Raises CheckError.

    The request is one as the load's: it counts, and a POST inserts a row.
    """
    deadline = time.monotonic() + timeout_s
    requests = 0
    while True:
        connection = _connection(url)
        try:
            connection.connect()
            requests += 1
            answer = _ask(connection, urlsplit(url).path, request, deadline - time.monotonic())
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
    body = answer.body
    if expected.type == "application/json" or not isinstance(expected.body, (str, type(None))):
        try:
            value = json.loads(body)
        except ValueError:
            return False
        if expected.body_sha256 is None:
            return bool(value == expected.body)
        body = canonical(value)
    elif expected.body_sha256 is None:
        return isinstance(expected.body, str) and body == expected.body.encode()
    return len(body) == expected.body_length and hashlib.sha256(body).hexdigest() == expected.body_sha256


def canonical(value: object) -> bytes:
    """Return a value as JSON of which there is one way to write it (collect/exchange.py has the same)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    assert parts.hostname is not None
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=CONNECT_TIMEOUT_S)


def _ask(connection: http.client.HTTPConnection, path: str, request: Request, left_s: float) -> Answer:
    connection.sock.settimeout(max(left_s, RETRY_S))
    headers = {"Connection": "close", **request.headers}
    connection.request(request.method, path, body=request.body.encode() or None, headers=headers)
    response = connection.getresponse()
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return Answer(response.status, media_type, response.read())


def _shown(answer: Expected | Answer) -> str:
    head = f"{answer.status} {answer.type or 'without a type'}"
    if isinstance(answer, Expected) and answer.body_sha256:
        return f"{head} of {answer.body_length} bytes with the SHA-256 {answer.body_sha256[:12]}…"
    body = answer.body
    if isinstance(body, bytes):
        body = body.decode(errors="replace")
    text = repr(body) if isinstance(body, str) else json.dumps(body)
    if len(text) > BODY_SHOWN:
        text = text[:BODY_SHOWN] + "…"
        if isinstance(answer, Answer):
            text += f" ({len(answer.body)} bytes)"
    return f"{head} {text}"
