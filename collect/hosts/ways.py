"""The way to another host: which ports can be reached, and what pings tell of loss, time and packets a second."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any, Iterable

CONNECT_TIMEOUT_S = 3.0
ECHO, REPLY = 8, 0
HEADER = struct.Struct("!BBHHH")  # type, code, checksum, identifier, number
PAYLOAD_BYTES = 56
IP_AND_ICMP_BYTES, LARGEST_BYTES = 28, 65535
ANSWER_S = 0.5
"""A ping that is not answered within this is lost."""
PINGS, GIVEN_UP = 40, 3
"""So many are sent one after the other; none more where the first ones are all lost."""
BURST, BURST_S = 32, 0.2
IP_MTU_DISCOVER, IP_PMTUDISC_PROBE = 10, 3  # linux/in.h: set DF, whatever is known of the path


def reach(address: str, port: int) -> str:
    """Return why a TCP port cannot be reached, or nothing: a refusal comes from the other host, so that was reached."""
    try:
        socket.create_connection((address, port), timeout=CONNECT_TIMEOUT_S).close()
    except ConnectionRefusedError:
        return ""
    except OSError as error:
        return str(error)
    return ""


def unreachable(address: str, ports: Iterable[int]) -> list[dict[str, Any]]:
    """Return the ports that cannot be reached, in the order given, each with its ``error``; asks all at once."""
    wanted = list(ports)
    if not wanted:
        return []
    with ThreadPoolExecutor(max_workers=len(wanted)) as pool:
        errors = pool.map(lambda port: reach(address, port), wanted)
        return [{"port": port, "error": error} for port, error in zip(wanted, errors) if error]


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def request(identifier: int, number: int, payload_bytes: int) -> bytes:
    """Return an echo request."""
    payload = bytes(payload_bytes)
    head = HEADER.pack(ECHO, 0, 0, identifier, number)
    return HEADER.pack(ECHO, 0, checksum(head + payload), identifier, number) + payload


def answered(packet: bytes, identifier: int) -> int | None:
    """Return the number of the request that an IP packet answers; None where it is another's."""
    start = (packet[0] & 0xF) * 4 if packet else 0
    if len(packet) < start + HEADER.size:
        return None
    kind, _, _, whose, number = HEADER.unpack_from(packet, start)
    return number if kind == REPLY and whose == identifier else None


class Pings:
    """A raw socket that pings one address of IPv4. Raises OSError where that is not allowed."""

    def __init__(self, address: str) -> None:
        """Open it."""
        self._address = address
        self._identifier = int.from_bytes(os.urandom(2), "big")
        self._number = 0
        self._line = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._line.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
        self._line.setblocking(False)

    def close(self) -> None:
        """Close it."""
        self._line.close()

    def once(self, payload_bytes: int = PAYLOAD_BYTES) -> float | None:
        """Return the seconds until the answer came; None where none did."""
        began = time.monotonic()
        number = self._send(payload_bytes)
        while number is not None:
            left = began + ANSWER_S - time.monotonic()
            if left <= 0 or not self._wait(left):
                break
            if number in self._answers():
                return time.monotonic() - began
        return None

    def burst(self) -> float:
        """Return the answers in a second while many requests are under way."""
        began = time.monotonic()
        waiting: set[int] = set()
        came = 0
        while time.monotonic() - began < BURST_S:
            while len(waiting) < BURST:
                number = self._send(PAYLOAD_BYTES)
                if number is None:
                    break
                waiting.add(number)
            if not waiting or not self._wait(BURST_S):
                break
            for number in self._answers():
                came += number in waiting
                waiting.discard(number)
        return came / (time.monotonic() - began)

    def _send(self, payload_bytes: int) -> int | None:
        """Send a request; return its number, None where it cannot be sent (larger than the MTU, no route, no room)."""
        self._number = (self._number + 1) & 0xFFFF
        try:
            self._line.sendto(request(self._identifier, self._number, payload_bytes), (self._address, 0))
        except OSError:
            return None
        return self._number

    def _wait(self, seconds: float) -> bool:
        return bool(select.select([self._line], [], [], seconds)[0])

    def _answers(self) -> list[int]:
        """Return the numbers of the answers that are there."""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                packet, (source, _) = self._line.recvfrom(1 << 16)
                number = answered(packet, self._identifier)
                if number is not None and source == self._address:
                    found.append(number)
        return found


def ping(address: str, mtu: int | None) -> dict[str, Any] | None:
    """Return what pings over IPv4 tell; None where they cannot be sent (no root, or an address of IPv6).

    ``sent``, ``lost``; of those answered ``rtt_ms`` (median) and ``rtt_max_ms``; ``packets_per_s`` (answers in a second
    with many under way); ``whole`` says whether a packet as large as the ``mtu`` came through and back in one piece.
    """
    if ":" in address:
        return None
    try:
        pings = Pings(address)
    except OSError:
        return None
    with contextlib.closing(pings):
        times: list[float] = []
        sent = 0
        while sent < PINGS and (times or sent < GIVEN_UP):
            sent += 1
            took = pings.once()
            if took is not None:
                times.append(took)
        told: dict[str, Any] = {"sent": sent, "lost": sent - len(times)}
        if not times:
            return told
        told["rtt_ms"], told["rtt_max_ms"] = round(1000 * median(times), 3), round(1000 * max(times), 3)
        if mtu and mtu > IP_AND_ICMP_BYTES + PAYLOAD_BYTES:
            large = min(mtu, LARGEST_BYTES) - IP_AND_ICMP_BYTES
            # Once may be chance.
            told["whole"] = any(pings.once(large) is not None for _ in range(GIVEN_UP))
        told["packets_per_s"] = round(pings.burst())
        return told
