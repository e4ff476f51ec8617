"""Ports and pings. What needs a raw socket is tried on the loopback, by root."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

from collect.hosts import ways

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="a raw socket needs root")


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_port_that_answers_or_refuses_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert ways.reach("127.0.0.1", server.getsockname()[1]) == ""
    assert ways.reach("127.0.0.1", closed_port()) == "", "a refusal is an answer"


def test_those_that_cannot_be_reached_are_told_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = {1: "timed out", 2: "", 3: "No route to host"}
    monkeypatch.setattr(ways, "reach", lambda _address, port: errors[port])
    found = ways.unreachable("198.51.100.11", [3, 2, 1])
    assert found == [{"port": 3, "error": "No route to host"}, {"port": 1, "error": "timed out"}]
    assert ways.unreachable("198.51.100.11", []) == []


def test_the_checksum_of_rfc_1071() -> None:
    assert ways.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D
    assert ways.checksum(b"\x01") == ways.checksum(b"\x01\x00")
    assert ways.checksum(ways.request(7, 9, 33)) == 0, "a packet with its checksum sums up to nothing"


def packet(kind: int, identifier: int, number: int, options: bytes = b"") -> bytes:
    head = bytes([0x40 | (5 + len(options) // 4)]) + bytes(19) + options
    return head + ways.HEADER.pack(kind, 0, 0, identifier, number)


@pytest.mark.parametrize(
    ("data", "number"),
    [
        (packet(ways.REPLY, 7, 3), 3),
        (packet(ways.REPLY, 7, 3, options=bytes(8)), 3),
        (packet(ways.REPLY, 8, 3), None),
        (packet(ways.ECHO, 7, 3), None),
        (packet(ways.REPLY, 7, 3)[:-1], None),
        (b"", None),
    ],
)
def test_whose_answer_it_is(data: bytes, number: int | None) -> None:
    assert ways.answered(data, 7) == number


def test_an_address_of_ipv6_is_not_pinged() -> None:
    assert ways.ping("fe80::1", 1500) is None


def test_without_the_right_to_it_nothing_is_pinged(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", refused)
    assert ways.ping("127.0.0.1", 1500) is None


class Answers:
    """Pings of which some are lost."""

    def __init__(self, lost: set[int], largest: int = 9000) -> None:
        self.lost, self.largest, self.count, self.closed = lost, largest, 0, False

    def __call__(self, _address: str) -> Answers:
        return self

    def once(self, payload_bytes: int = ways.PAYLOAD_BYTES) -> float | None:
        self.count += 1
        return None if self.count in self.lost or payload_bytes > self.largest else 0.0002

    def burst(self) -> float:
        return 12345.6

    def close(self) -> None:
        self.closed = True


def test_what_pings_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    pings = Answers({1, 5})
    monkeypatch.setattr(ways, "Pings", pings)
    assert ways.ping("198.51.100.11", 1500) == {
        "sent": ways.PINGS, "lost": 2, "rtt_ms": 0.2, "rtt_max_ms": 0.2, "whole": True, "packets_per_s": 12346,
    }  # fmt: skip
    assert pings.closed


def test_a_host_that_answers_none_is_soon_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "Pings", Answers(set(range(100))))
    assert ways.ping("198.51.100.11", 1500) == {"sent": ways.GIVEN_UP, "lost": ways.GIVEN_UP}


def test_a_packet_as_large_as_the_mtu_that_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "Pings", Answers(set(), largest=1472))
    assert (ways.ping("198.51.100.11", 1500) or {})["whole"] is True
    assert (ways.ping("198.51.100.11", 9000) or {})["whole"] is False
    assert "whole" not in (ways.ping("198.51.100.11", None) or {})


@ROOT
def test_the_loopback_is_pinged() -> None:
    told = ways.ping("127.0.0.1", 65536)
    assert told is not None
    assert (told["sent"], told["lost"], told["whole"]) == (ways.PINGS, 0, True)
    assert 0 < told["rtt_ms"] <= told["rtt_max_ms"]
    assert told["packets_per_s"] > 100
