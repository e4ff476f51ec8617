"""The relay: each connection of the apps gets one to Redis of its own, and what Redis answers is held up.

All answers are held up by the same time, so they are due in the order in which they came: one queue for everything,
and at most one timer. Requests are passed on at once. Nothing is parsed, so pipelines and answers of any size pass.

One thread waits for the kernel by itself. asyncio's transports and tasks would take most of what a new connection costs
here, and this runs on the CPUs that are measured. epoll_wait counts in milliseconds; so where an answer is due, select
waits for the epoll, to the microsecond.
"""

from __future__ import annotations

import collections
import errno
import os
import select
import signal
import socket
import time
from typing import Any, Callable

from .lateness import Lateness

READ, WRITE = select.EPOLLIN, select.EPOLLOUT
CHUNK_BYTES = 65536
HIGH_BYTES = 262144
"""So much on its way to one side, held up or not taken, and the other side is not read."""
BACKLOG = 4096
AT_ONCE = 64
"""Events, or new connections, between two looks at what is due."""


class End:
    """One socket of a connection through the relay."""

    __slots__ = ("answers", "closing", "ended", "fd", "held", "is_app", "mask", "open", "peer", "socket", "unsent")

    def __init__(self, connected: socket.socket, is_app: bool) -> None:
        """Take a socket that does not block; its peer is set by whoever has both."""
        self.socket = connected
        self.fd = connected.fileno()
        self.is_app = is_app
        self.peer = self
        self.unsent = bytearray()  # what the kernel has not taken yet
        self.held = 0  # bytes of answers for it that are not due yet
        self.answers = 0  # how often it was read, where it is Redis' side
        self.mask = READ
        self.ended = False  # nothing more will come from it
        self.closing = False  # it is to be closed when all is sent
        self.open = True

    @property
    def full(self) -> bool:
        """Whether so much waits for it that its peer must not be read."""
        return len(self.unsent) + self.held > HIGH_BYTES


class Stopped(Exception):  # noqa: N818 (not an error: the ordinary end)
    """A signal asked the relay to end."""


class Relay:
    """Passes connections on until a signal comes."""

    def __init__(self, listener: socket.socket, redis: tuple[str, int], delay_s: float) -> None:
        """Take a listening socket, Redis' address, and by how much its answers are held up."""
        self._listener, self._redis, self._delay_s = listener, redis, delay_s
        self._listener.setblocking(False)
        self._epoll = select.epoll()
        self._epoll.register(listener.fileno(), READ)
        self._ends: dict[int, End] = {}
        self._due: collections.deque[tuple[float, End, bytes]] = collections.deque()
        self.late = Lateness()
        self.connections = self.answers = self.refused = 0
        self.left = self.left_answers = 0  # connections that their app has closed, and the answers that these had

    def run(self) -> None:
        """Relay until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _stop)
        try:
            while True:
                self.turn(None)
        except Stopped:
            pass

    def turn(self, most_s: float | None) -> None:
        """Wait for events, ``most_s`` at most (None: for ever), see to them and to what is due."""
        for fd, event in self._wait(most_s):
            end = self._ends.get(fd)
            if end is not None:
                if event & WRITE:
                    self._flush(end)
                if event & ~WRITE and end.open:
                    self._read(end)
            elif fd == self._listener.fileno():
                self._accept()
        self._release()

    def close(self) -> None:
        """Close all there is."""
        for end in list(self._ends.values()):
            self._close(end)
        self._epoll.close()
        self._listener.close()

    def figures(self) -> dict[str, Any]:
        """Return what was done so far: connections, answers (reads of Redis), how long they were held up."""
        return {
            "connections": self.connections,
            "answers": self.answers,
            "left": self.left,
            "left_answers": self.left_answers,
            "refused": self.refused,
            "held_ms": self.late.figures(self._delay_s),
        }

    def _wait(self, most_s: float | None) -> list[tuple[int, int]]:
        if self._due:
            left = self._due[0][0] - time.monotonic()
            if most_s is not None and most_s < left:
                left = most_s
            if left > 0:
                select.select((self._epoll,), (), (), left)
            return self._epoll.poll(0, AT_ONCE)
        return self._epoll.poll(most_s, AT_ONCE)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                accepted, _where = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:  # it went away, or there is no file left
                self.refused += 1
                return
            try:
                accepted.setblocking(False)
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                redis = self._towards_redis()
            except OSError:
                accepted.close()
                self.refused += 1
                continue
            app, other = End(accepted, True), End(redis, False)
            app.peer, other.peer = other, app
            for end in (app, other):
                self._ends[end.fd] = end
                self._epoll.register(end.fd, READ)
            self.connections += 1

    def _towards_redis(self) -> socket.socket:
        """Return a socket that connects to Redis; what comes of it is told when it is read or written.

        Raises OSError where there is no file or port left.
        """
        redis = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        redis.setblocking(False)
        redis.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = redis.connect_ex(self._redis)
        if code not in (0, errno.EINPROGRESS):
            redis.close()
            raise OSError(code, os.strerror(code))
        return redis

    def _read(self, end: End) -> None:
        try:
            data = end.socket.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._close(end)
            return
        if not data:
            self._end(end)
        elif end.is_app:
            self._send(end.peer, data)
        else:
            self.answers += 1
            end.answers += 1
            self._hold(end.peer, data)
        if end.open and end.peer.full:
            self._watch(end)

    def _hold(self, app: End, data: bytes) -> None:
        """Let an answer (or, empty, the end of all answers) wait for its time."""
        if self._delay_s:
            app.held += len(data)
            self._due.append((time.monotonic() + self._delay_s, app, data))
        else:
            self._answer(app, data)

    def _release(self) -> None:
        """Send what is due."""
        due = self._due
        while due:
            late_s = time.monotonic() - due[0][0]
            if late_s < 0:
                return
            _, app, data = due.popleft()
            if app.open:
                was_full = app.full
                app.held -= len(data)
                if data:
                    self.late.add(late_s)
                self._answer(app, data)
                if was_full and app.open:
                    self._watch(app.peer)

    def _answer(self, app: End, data: bytes) -> None:
        if data:
            self._send(app, data)
        elif app.unsent:
            app.closing = True
        else:
            self._close(app)

    def _send(self, end: End, data: bytes) -> None:
        if end.unsent:
            end.unsent += data
            return
        try:
            sent = end.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(end)
            return
        if sent < len(data):
            end.unsent += data[sent:]
            self._watch(end)

    def _flush(self, end: End) -> None:
        was_full = end.full
        try:
            sent = end.socket.send(end.unsent)
        except BlockingIOError:
            return
        except OSError:
            self._close(end)
            return
        del end.unsent[:sent]
        if end.closing and not end.unsent:
            self._close(end)
            return
        self._watch(end)
        if was_full:
            self._watch(end.peer)

    def _end(self, end: End) -> None:
        """See to a side that says no more.

        An app that has closed waits for no answer, and Redis itself drops those of a client that is gone; so all that
        is still passed on are its requests. What Redis answered before its end comes as late as all else.
        """
        end.ended = True
        if not end.is_app:
            self._hold(end.peer, b"")
            if end.open:
                self._watch(end)
            return
        self.left += 1
        self.left_answers += end.peer.answers
        if end.peer.unsent:
            end.peer.closing = True
        else:
            self._close(end)
        if end.open:
            self._watch(end)

    def _watch(self, end: End) -> None:
        """Tell the kernel what is waited for on a socket, if that has changed."""
        mask = (0 if end.ended or end.peer.full else READ) | (WRITE if end.unsent else 0)
        if mask != end.mask:
            end.mask = mask
            self._epoll.modify(end.fd, mask)

    def _close(self, end: End) -> None:
        """Close both sides; answers that are not due yet are dropped when their time comes."""
        for each in (end, end.peer):
            if each.open:
                each.open = False
                del self._ends[each.fd]
                each.socket.close()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens for the apps. Raises OSError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    return listener


def serve(listener: socket.socket, redis: tuple[str, int], delay_s: float, ready: Callable[[], None]) -> dict[str, Any]:
    """Relay until a signal comes; return what was done."""
    relay = Relay(listener, redis, delay_s)
    ready()
    relay.run()
    figures = relay.figures()
    relay.close()
    return figures


def _stop(_number: int, _frame: object) -> None:
    raise Stopped
