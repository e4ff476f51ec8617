"""Whether a connection serves more requests than one, as its variant says: seen at the socket, on the loopback."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_apps_local import App, serving

GET = b"GET /index HTTP/1.1\r\nHost: x\r\n\r\n"
TOLD = {"kept": "1", "closed": "0", "by itself": ""}
CASES = [
    (f"{variant}/{python}", told, kept)
    for python in ("article", "modern")
    for variant, told, kept in (
        ("flask-werkzeug", "by itself", False),
        ("flask-werkzeug", "closed", False),
        ("flask-werkzeug", "kept", True),
        ("flask-gunicorn-gthread", "by itself", True),
        ("flask-gunicorn-gthread", "closed", False),
        ("flask-gunicorn-gthread", "kept", True),
        ("starlette-uvicorn", "by itself", True),
    )
]


@contextlib.contextmanager
def told(kind: str, how: str, folder: Path) -> Iterator[App]:
    with serving(kind, folder, {"response": "text"}, APP_KEEP_ALIVE=TOLD[how]) as app:
        yield app


@contextlib.contextmanager
def connected(app: App) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", app.port), 10) as connection:
        yield connection


def ends(connection: socket.socket) -> bool:
    """Say whether the server has closed the connection, or does it within half a second."""
    connection.settimeout(0.5)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False


def read(connection: socket.socket, answers: int = 1) -> list[tuple[int, str, str]]:
    """Return status, Connection header and text of so many answers, whose length is told."""
    found = []
    with connection.makefile("rb") as file:
        for _ in range(answers):
            status = int(file.readline().split()[1])
            headers = http.client.parse_headers(file)
            text = file.read(int(headers["content-length"])).decode()
            found.append((status, headers.get("connection", "").lower(), text))
    return found


@pytest.mark.parametrize(("kind", "how", "kept"), CASES)
def test_a_connection_is_kept_or_closed_as_the_variant_says(kind: str, how: str, kept: bool, tmp_path: Path) -> None:
    with told(kind, how, tmp_path) as app, connected(app) as connection:
        connection.sendall(GET)
        ((status, said, text),) = read(connection)
        assert (status, text) == (200, "grüße")
        assert (said == "close") == (not kept)
        assert ends(connection) == (not kept)
        if kept:
            connection.settimeout(10)
            connection.sendall(GET)
            assert read(connection)[0][2] == "grüße"


@pytest.mark.parametrize("python", ["article", "modern"])
def test_werkzeug_keeps_connections_without_a_wait_and_without_losing_a_byte(python: str, tmp_path: Path) -> None:
    """Its own handler would take 10 ms after each answer, swallow what came meanwhile, and wait for a delayed ACK."""
    with told(f"flask-werkzeug/{python}", "kept", tmp_path) as app:
        connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=10)
        with contextlib.closing(connection):
            began = time.monotonic()
            for _ in range(100):
                connection.request("GET", "/index")
                assert connection.getresponse().read().decode() == "grüße"
                assert connection.sock is not None
            assert time.monotonic() - began < 0.8, "100 delayed ACKs take 4 s, 100 waits of 10 ms take 1 s"
        with connected(app) as line:
            line.sendall(3 * GET)
            assert [text for _, _, text in read(line, 3)] == ["grüße"] * 3, "also those that came at once"
        with connected(app) as line:
            body = b'{"name": "x"}'
            head = b"POST /nothing-here HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
            line.sendall(head + body + GET)
            assert [status for status, _, _ in read(line, 2)] == [404, 200], "a body that nobody read is no request"
        for last in (
            b"GET /index HTTP/1.0\r\n\r\n",
            b"GET /index HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            b"POST /index HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        ):
            with connected(app) as line:
                line.sendall(last)
                assert read(line)[0][1] == "close", last
                assert ends(line)
        deadline = time.monotonic() + 5
        while app.log.read_text().count('"GET /index HTTP/1.1" 200') < 105 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert app.log.read_text().count('"GET /index HTTP/1.1" 200') == 100 + 3 + 1 + 1
        assert "Traceback" not in app.log.read_text()
