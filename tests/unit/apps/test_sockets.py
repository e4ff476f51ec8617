from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest

from apps import sockets

LISTENING = 'LISTEN 0      128          0.0.0.0:20001      0.0.0.0:*    users:(("python",pid=1,fd=3))'


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def own() -> list[int]:
    return [os.getpid()]


@pytest.mark.parametrize("nodelay", [True, False])
def test_what_the_server_set_is_seen_and_nothing_is_sent(server: socket.socket, nodelay: bool) -> None:
    received: list[bytes] = []

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, nodelay)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            received.append(connection.recv(100))

    thread = threading.Thread(target=serve)
    thread.start()
    seen = sockets.look("127.0.0.1", server.getsockname()[1], own, LISTENING)
    thread.join()
    assert seen["listen"] == {"backlog": 128}
    assert (seen["accepted"]["nodelay"], seen["accepted"]["keepalive"]) == (nodelay, True)
    assert seen["accepted"]["congestion"].isalnum()
    assert received == [b""], "closed without a word"


def test_what_cannot_be_seen_is_said(server: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    port = server.getsockname()[1]
    missing = {"missing": "the unit's control group is not to be seen"}
    assert sockets.look("127.0.0.1", port, lambda: sockets.processes_of("/no/such/group"), LISTENING) == missing
    monkeypatch.setattr(sockets, "ACCEPT_TIMEOUT_S", 0.1)
    missing = {"missing": "no process of the unit accepted a connection within 0.1 s"}
    assert sockets.look("127.0.0.1", port, own, LISTENING) == missing
    server.close()
    assert sockets.look("127.0.0.1", port, own, LISTENING) == {"missing": "Connection refused"}


def test_a_process_that_has_ended_is_no_trouble(server: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "ACCEPT_TIMEOUT_S", 0.1)
    ended = subprocess.Popen(["true"])
    ended.wait()
    seen = sockets.look("127.0.0.1", server.getsockname()[1], lambda: [ended.pid], LISTENING)
    assert seen["missing"].startswith("no process of the unit accepted")
