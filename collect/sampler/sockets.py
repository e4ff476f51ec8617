"""TCP sockets by state, at a bounded cost.

The kernel keeps the number of sockets in TIME_WAIT (/proc/net/sockstat, 3 us). The other states have to be counted by
walking its table of connections, which the netlink interface sock_diag does inside the kernel and hands over only what
was asked for. With 25,000 sockets in TIME_WAIT on a 2-core EPYC, asked for all states but that one, a walk costs 1.6 ms
(0.26 ms with an empty table); /proc/net/tcp costs 41 ms and psutil.net_connections 277 ms for the same answer.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
from typing import Any

from .procfs import PROC, KeptFile

STATES = (
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
)
"""As the kernel numbers them, from 1 on."""
COUNTED = tuple(state for state in STATES if state not in ("TIME_WAIT", "CLOSE"))
TIME_WAIT = STATES.index("TIME_WAIT") + 1
NEW_SYN_RECV = 12

CPU_SHARE = 0.0005
"""Of one core, for the walks: one that took 2 ms is followed by the next after 4 s at the earliest."""

NETLINK_SOCK_DIAG = 4
TCPDIAG_GETSOCK = 18  # the older request, the only one that has both families walked at once
NLM_F_REQUEST_DUMP = 0x301
NLMSG_ERROR, NLMSG_DONE = 2, 3
HEADER = struct.Struct("=IHHII")
TIMER_TIME_WAIT = 3
TIMEOUT_S = 1.0


class SockDiag:
    """Counts sockets through netlink."""

    source = "sock_diag"

    def __init__(self) -> None:
        """Open the netlink socket. Raises ``OSError`` where that is refused."""
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG)
        self._socket.settimeout(TIMEOUT_S)
        self._sequence = 0
        mask = sum(1 << STATES.index(state) + 1 for state in COUNTED)
        self._request = struct.pack("=BBBB", socket.AF_INET, 0, 0, 0) + bytes(48) + struct.pack("=II", mask, 0)
        try:
            self.count()
        except OSError:
            self._socket.close()
            raise

    def count(self) -> tuple[dict[str, int], int]:
        """Return the number of sockets by state, and of those in FIN_WAIT2 that the kernel keeps as TIME_WAIT ones."""
        self._sequence += 1
        length = HEADER.size + len(self._request)
        self._socket.send(HEADER.pack(length, TCPDIAG_GETSOCK, NLM_F_REQUEST_DUMP, self._sequence, 0) + self._request)
        found = [0] * 16
        halves = 0
        while True:
            data = self._socket.recv(1 << 16)
            at = 0
            while at < len(data):
                length, kind, _flags, sequence, _port = HEADER.unpack_from(data, at)
                body = at + HEADER.size
                at += (length + 3) & ~3
                if sequence != self._sequence:  # the rest of an answer that was given up
                    continue
                if kind == NLMSG_DONE:
                    return {state: found[STATES.index(state) + 1] for state in COUNTED}, halves
                if kind == NLMSG_ERROR:
                    code = -struct.unpack_from("=i", data, body)[0]
                    raise OSError(code, os.strerror(code))
                found[data[body + 1]] += 1
                halves += data[body + 2] == TIMER_TIME_WAIT


class ProcTcp:
    """Counts sockets in /proc/net/tcp and tcp6, where netlink is refused."""

    source = "proc"

    def __init__(self, proc: str = PROC) -> None:
        """Take the root of the process file system."""
        self._paths = [f"{proc}/net/tcp", f"{proc}/net/tcp6"]

    def count(self) -> tuple[dict[str, int], int]:
        """Return the number of sockets by state, and of those in FIN_WAIT2 that the kernel keeps as TIME_WAIT ones."""
        found = [0] * 16
        halves = 0
        for path in self._paths:
            try:
                with open(path, "rb") as lines:  # noqa: PTH123
                    next(lines, None)
                    for line in lines:
                        fields = line.split(None, 6)
                        state = int(fields[3], 16)
                        found[STATES.index("SYN_RECV") + 1 if state == NEW_SYN_RECV else state] += 1
                        halves += state == STATES.index("FIN_WAIT2") + 1 and fields[5].startswith(b"03:")
            except FileNotFoundError:  # no IPv6 here
                continue
        return {state: found[STATES.index(state) + 1] for state in COUNTED}, halves


def open_counter(proc: str = PROC) -> SockDiag | ProcTcp:
    """Return the cheapest way to count that works here."""
    try:
        return SockDiag()
    except OSError:
        return ProcTcp(proc)


class Sockets:
    """The sockets of this network namespace, IPv4 and IPv6 together."""

    def __init__(self, counter: SockDiag | ProcTcp, proc: str = PROC) -> None:
        """Take the way to count the states. Raises ``OSError``."""
        self._counter = counter
        self._sockstat = KeptFile(f"{proc}/net/sockstat", 512)
        self._proc = proc
        self._counts: dict[str, int] = {}
        self._halves = 0
        self._counted_t = 0.0
        self._next_walk = 0.0

    def sample(self) -> dict[str, dict[str, Any]]:
        """Return the number of sockets by state (``tcp``), and what else there is to say of them (``sockets``).

        TIME_WAIT, orphans and memory (in pages; these two are the whole kernel's) are those of now; the other states
        those of ``counted_t`` (unix seconds), as ``source`` counted them.
        """
        sockstat = _tcp_line(self._sockstat.read())
        if time.monotonic() >= self._next_walk:
            self._walk()
        return {
            "tcp": {**self._counts, "TIME_WAIT": max(0, sockstat["tw"] - self._halves)},
            "sockets": {
                "orphan": sockstat["orphan"],
                "alloc": sockstat["alloc"],
                "mem_pages": sockstat["mem"],
                "counted_t": self._counted_t,
                "source": self._counter.source,
            },
        }

    def _walk(self) -> None:
        began = time.thread_time()
        self._counted_t = round(time.time(), 6)
        try:
            self._counts, self._halves = self._counter.count()
        except OSError as error:
            if error.errno in (errno.EINTR, errno.EBUSY, errno.ENOBUFS) or isinstance(error, socket.timeout):
                return
            self._counter = ProcTcp(self._proc)
        self._next_walk = time.monotonic() + (time.thread_time() - began) / CPU_SHARE


def _tcp_line(data: bytes) -> dict[str, int]:
    for line in data.splitlines():
        if line.startswith(b"TCP:"):
            words = line.decode().split()[1:]
            return {name: int(value) for name, value in zip(words[::2], words[1::2])}
    return {"tw": 0, "orphan": 0, "alloc": 0, "mem": 0}
