"""A relay in a thread of its own, before a server that a test plays."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from collect.relay.forward import Relay, listen

PATIENCE_S = 10.0
Serve = Callable[[socket.socket], None]


@dataclass
class Relayed:
    """Where the relay listens, and the relay itself; to be looked at once the block has ended, or with care."""

    port: int
    relay: Relay

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)


def echo(connection: socket.socket) -> None:
    """Send back what comes, until there is no more."""
    while data := connection.recv(65536):
        connection.sendall(data)


@contextlib.contextmanager
def relayed(delay_s: float, serve: Serve = echo) -> Iterator[Relayed]:
    """Run a server, each connection in a thread, and a relay before it."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as server:
        threading.Thread(target=_accept, args=(server, serve, over), daemon=True).start()
        listener = listen("127.0.0.1", 0)
        relay = Relay(listener, ("127.0.0.1", server.getsockname()[1]), delay_s)
        thread = threading.Thread(target=_turn, args=(relay, over))
        thread.start()
        try:
            yield Relayed(listener.getsockname()[1], relay)
        finally:
            over.set()
            thread.join(PATIENCE_S)
            relay.close()
            server.shutdown(socket.SHUT_RDWR)


def received(connection: socket.socket, count: int) -> bytes:
    """Return so many bytes, fewer where the connection ends before."""
    data = bytearray()
    while len(data) < count and (part := connection.recv(min(1 << 20, count - len(data)))):
        data += part
    return bytes(data)


def _turn(relay: Relay, over: threading.Event) -> None:
    while not over.is_set():
        relay.turn(0.02)


def _accept(server: socket.socket, serve: Serve, over: threading.Event) -> None:
    while not over.is_set():
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(connection, serve), daemon=True).start()


def _serve(connection: socket.socket, serve: Serve) -> None:
    with connection, contextlib.suppress(OSError):
        serve(connection)
