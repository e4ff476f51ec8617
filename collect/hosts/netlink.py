"""Addresses and routes, asked of the kernel itself: no command has to be there, and policy routing counts."""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Any, Iterator

HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
ERROR, DONE = 2, 3
REQUEST, DUMP = 0x001, 0x300
GET_ADDRESS, GET_ROUTE = 22, 26
ADDRESS = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, interface
ROUTE = struct.Struct("=BBBBBBBBI")  # family, bits of destination and source, tos, table, protocol, scope, type, flags
ATTRIBUTE = struct.Struct("=HH")  # length, type
IFA_ADDRESS, IFA_LOCAL = 1, 2
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PREFSRC = 1, 4, 5, 7
RTN_LOCAL = 2
PATIENCE_S = 3.0


def addresses() -> list[dict[str, Any]]:
    """Return every address of the host: ``interface``, ``address``, ``prefix`` (bits). Raises OSError."""
    found = []
    for body in _talk(GET_ADDRESS, DUMP, ADDRESS.pack(0, 0, 0, 0, 0)):
        family, prefix, _, _, index = ADDRESS.unpack_from(body)
        attributes = dict(_attributes(body[ADDRESS.size :]))
        packed = attributes.get(IFA_LOCAL) or attributes.get(IFA_ADDRESS)
        if packed and family in (socket.AF_INET, socket.AF_INET6):
            address = socket.inet_ntop(family, packed)
            found.append({"interface": _name(index), "address": address, "prefix": prefix})
    return found


def route(address: str) -> dict[str, Any] | None:
    """Return how packets to an address leave: ``interface``, ``source``, ``gateway`` (or None), ``local``.

    None where they do not leave at all. ``local`` says that the address is the host's own. Raises OSError where the
    kernel cannot be asked.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    wanted = ROUTE.pack(family, 8 * len(packed), 0, 0, 0, 0, 0, 0, 0)
    wanted += ATTRIBUTE.pack(ATTRIBUTE.size + len(packed), RTA_DST) + packed
    try:
        body = next(_talk(GET_ROUTE, 0, wanted), b"")
    except OSError as error:
        if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ESRCH, errno.EACCES, errno.EINVAL):
            return None
        raise
    if not body:
        return None
    attributes = dict(_attributes(body[ROUTE.size :]))
    source, gateway = attributes.get(RTA_PREFSRC), attributes.get(RTA_GATEWAY)
    return {
        "interface": _name(struct.unpack("=I", attributes[RTA_OIF])[0]) if RTA_OIF in attributes else None,
        "source": socket.inet_ntop(family, source) if source else None,
        "gateway": socket.inet_ntop(family, gateway) if gateway else None,
        "local": ROUTE.unpack_from(body)[7] == RTN_LOCAL,
    }


def _talk(kind: int, flags: int, body: bytes) -> Iterator[bytes]:
    """Ask the kernel; return the body of each message of its answer. Raises OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as line:
        line.settimeout(PATIENCE_S)
        line.bind((0, 0))
        line.send(HEADER.pack(HEADER.size + len(body), kind, REQUEST | flags, 1, 0) + body)
        while True:
            answer = line.recv(1 << 18)
            while len(answer) >= HEADER.size:
                length, what, _, _, _ = HEADER.unpack_from(answer)
                message, answer = answer[HEADER.size : length], answer[_padded(length) :]
                if what == DONE:
                    return
                if what == ERROR:
                    code = -struct.unpack_from("=i", message)[0]
                    if code:
                        raise OSError(code, os.strerror(code))
                    return
                yield message
            if not flags & DUMP:
                return


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= ATTRIBUTE.size:
        length, kind = ATTRIBUTE.unpack_from(data)
        if length < ATTRIBUTE.size:
            return
        yield kind, data[ATTRIBUTE.size : length]
        data = data[_padded(length) :]


def _padded(length: int) -> int:
    return (length + 3) & ~3


def _name(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:
        return f"interface {index}"
