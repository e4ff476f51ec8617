"""What the sockets that a server accepts really have, seen from outside. Runs as root with any Python 3.7 or newer.

A connection is opened to the server and its other end copied out of the server's process (pidfd_getfd, Linux 5.6), so
that getsockopt says what the server and its framework have made of it. No request is sent.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import time
from pathlib import Path
from typing import Any, Callable

PIDFD_OPEN, PIDFD_GETFD = 434, 438  # system calls; the same on every architecture
ETHERNET_MSS = 1448
"""Asked for as on a network: the kernel sizes a send buffer by it, and the loopback's is 45 times as large."""
ACCEPT_TIMEOUT_S = 8.0
"""gunicorn listens before it has a process that accepts, and each of these imports the app by itself."""
SETTLE_S = 0.01
"""A framework may set options only after it has accepted."""
GONE = (errno.ENOENT, errno.ESRCH, errno.EBADF)
"""A process or a file of it that ended meanwhile."""


def backlog(listening: str) -> int:
    """Return the backlog of a listening socket from its line of ``ss -Hltn`` (Send-Q)."""
    return int(listening.split()[2])


def processes_of(control_group: str) -> list[int]:
    """Return the processes of a unit by its control group. Raises OSError where that cannot be seen."""
    for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd"):  # version 2, or 1
        listed = Path(root + control_group, "cgroup.procs")
        if control_group and listed.exists():
            return [int(pid) for pid in listed.read_text().split()]
    raise OSError("the unit's control group is not to be seen")


def look(address: str, port: int, processes: Callable[[], list[int]], listening: str) -> dict[str, Any]:
    """Return what the listening socket and one that it accepted have, or {"missing": why}. Buffers are in bytes.

    ``processes`` says which are the server's, ``listening`` is what ss says of its socket.
    """
    try:
        with socket.socket() as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, ETHERNET_MSS)
            client.settimeout(ACCEPT_TIMEOUT_S)
            client.connect((address, port))
            with _other_end(client, processes) as accepted:
                time.sleep(SETTLE_S)
                return {"listen": {"backlog": backlog(listening)}, "accepted": _options(accepted)}
    except (OSError, ValueError, IndexError) as error:
        return {"missing": getattr(error, "strerror", None) or str(error)}


def _options(accepted: socket.socket) -> dict[str, Any]:
    def tcp(option: int) -> int:
        return accepted.getsockopt(socket.IPPROTO_TCP, option)

    def own(option: int) -> int:
        return accepted.getsockopt(socket.SOL_SOCKET, option)

    congestion = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
    return {
        "nodelay": bool(tcp(socket.TCP_NODELAY)),
        "keepalive": bool(own(socket.SO_KEEPALIVE)),
        "sndbuf": own(socket.SO_SNDBUF),
        "rcvbuf": own(socket.SO_RCVBUF),
        "congestion": congestion.split(b"\0")[0].decode(),
        "quickack": bool(tcp(socket.TCP_QUICKACK)),
    }


def _other_end(client: socket.socket, processes: Callable[[], list[int]]) -> socket.socket:
    """Return a copy of the server's end of a connection. Raises OSError where there is none, or none may be had."""
    deadline = time.monotonic() + ACCEPT_TIMEOUT_S
    while time.monotonic() < deadline:
        for pid in processes():
            found = _among(pid, client.getsockname())
            if found:
                return found
        time.sleep(0.002)
    raise OSError(f"no process of the unit accepted a connection within {ACCEPT_TIMEOUT_S:g} s")


def _among(pid: int, peer: Any) -> socket.socket | None:
    """Return a copy of the process' socket that is connected to ``peer``, if it has one."""
    try:
        pidfd = _system_call("pidfd_open", PIDFD_OPEN, pid, 0)
        try:
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                if os.readlink(entry).startswith("socket:"):
                    copy = socket.socket(fileno=_system_call("pidfd_getfd", PIDFD_GETFD, pidfd, int(entry.name), 0))
                    if _peer(copy) == peer:
                        return copy
                    copy.close()
        finally:
            os.close(pidfd)
    except OSError as error:
        if error.errno not in GONE:
            raise
    return None


def _peer(connected: socket.socket) -> Any:
    try:
        return connected.getpeername()
    except OSError:  # it listens
        return None


def _system_call(name: str, number: int, *arguments: int) -> int:
    result: int = _LIBC.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")
    return result


_LIBC = ctypes.CDLL(None, use_errno=True)
