"""A small real HTTP server whose answers a test can change while it is under load."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType


class Responder:
    """Answers every request on 127.0.0.1 with ``answer``; counts them. An empty ``answer`` closes the connection."""

    def __init__(self, body: bytes = b"hello", media_type: str = "text/html; charset=utf-8", status: int = 200) -> None:
        self.answer = response(status, media_type, body)
        self.answered = 0
        self.first_lines: set[bytes] = set()
        self.bodies: set[tuple[bytes, bytes]] = set()
        """The bodies that came, each with its media type."""
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._connections: set[asyncio.Transport] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def listen(self, port: int = 0) -> None:
        """Start to listen; on a port of the system's choice unless one is given."""

        async def start() -> None:
            self._server = await self._loop.create_server(lambda: _Connection(self), "127.0.0.1", port)
            self.port = self._server.sockets[0].getsockname()[1]

        asyncio.run_coroutine_threadsafe(start(), self._loop).result()

    def die(self) -> None:
        """Close the port and reset every connection, as a killed process does."""

        async def close() -> None:
            self._server.close()
            for transport in list(self._connections):
                transport.abort()
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(close(), self._loop).result()

    def __enter__(self) -> Responder:
        self._thread.start()
        self.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.die()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Connection(asyncio.Protocol):
    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._responder._connections.add(transport)

    def connection_lost(self, _error: Exception | None) -> None:
        self._responder._connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while b"\r\n\r\n" in self._pending:
            head, rest = self._pending.split(b"\r\n\r\n", 1)
            first, *lines = head.split(b"\r\n")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
            length = int(fields.get(b"content-length", 0))
            if len(rest) < length:
                return
            body, self._pending = rest[:length], rest[length:]
            if body:
                self._responder.bodies.add((fields.get(b"content-type", b""), body))
            self._responder.first_lines.add(first)
            self._responder.answered += 1
            self._transport.write(self._responder.answer)
            if b"connection: close" in head.lower() or not self._responder.answer:
                self._transport.close()


def response(status: int, media_type: str, body: bytes, *headers: str) -> bytes:
    """Return an HTTP response."""
    told = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {media_type}", f"Content-Length: {len(body)}", *headers]
    return "".join(f"{line}\r\n" for line in [*told, ""]).encode() + body
