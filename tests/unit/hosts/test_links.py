"""Interfaces as sysfs and their drivers have them, addresses and routes as the kernel answers."""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from collect.hosts import links, netlink
from tests.support.sysfs import write

NET = "sys/class/net"
CARD = {"operstate": "up", "carrier": "1", "speed": "1000", "duplex": "full", "mtu": "1500"}


def card(root: Path, name: str, **other: str) -> Path:
    write(root, {f"{NET}/{name}/{file}": text for file, text in {**CARD, **other}.items()})
    (root / NET / name / "device").mkdir()
    (root / NET / name / "device/driver").symlink_to("../../../../bus/pci/drivers/e1000e")
    return root


def all_on(_name: str, command: int) -> int | None:
    return int(command != links.OFFLOADS["gro"])


def test_a_card_is_read(tmp_path: Path) -> None:
    assert links.link("enp1s0", card(tmp_path, "enp1s0"), all_on) == {
        "name": "enp1s0", "up": True, "state": "up", "speed_mbit": 1000, "duplex": "full", "mtu": 1500,
        "driver": "e1000e", "wireless": False, "virtual": False,
        "offloads": {
            "rx-checksum": True, "tx-checksum": True, "scatter-gather": True, "tso": True, "gso": True, "gro": False,
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("files", "name", "value"),
    [
        ({"speed": "-1"}, "speed_mbit", None),
        ({"duplex": "unknown"}, "duplex", None),
        ({"duplex": "half"}, "duplex", "half"),
        ({"operstate": "down", "carrier": "0"}, "up", False),
        ({"operstate": "lowerlayerdown"}, "up", False),
        ({"operstate": "unknown"}, "up", True),
        ({"phy80211/name": "phy0"}, "wireless", True),
    ],
)
def test_what_drivers_say(tmp_path: Path, files: dict[str, str], name: str, value: object) -> None:
    found = links.link("nic", card(tmp_path, "nic", **files), lambda *_: None)
    assert found is not None
    assert found[name] == value
    assert found["offloads"] == {}


def test_a_link_between_namespaces_is_no_card(tmp_path: Path) -> None:
    write(tmp_path, {f"{NET}/veth0/{file}": text for file, text in CARD.items()})
    found = links.link("veth0", tmp_path, lambda *_: None)
    assert found is not None
    assert (found["virtual"], found["driver"]) == (True, None)


@pytest.mark.parametrize("name", ["", "none", "../net/nic", "nic/device"])
def test_no_such_interface(tmp_path: Path, name: str) -> None:
    assert links.link(name, card(tmp_path, "nic")) is None


def test_the_interfaces_without_the_loopback(tmp_path: Path) -> None:
    write(tmp_path, {f"{NET}/{name}/mtu": "1500" for name in ("lo", "b", "a")})
    assert links.names(tmp_path) == ["a", "b"]
    assert links.names(tmp_path / "nothing") == []


def test_a_driver_that_cannot_be_asked_tells_nothing() -> None:
    assert links.ethtool_value("no-such-card", links.OFFLOADS["gro"]) is None


def test_the_loopback_answers() -> None:
    found = links.link("lo")
    assert found is not None
    assert (found["up"], found["virtual"]) == (True, True)
    assert found["offloads"]["gso"] in (True, False)


def test_this_hosts_addresses() -> None:
    assert {"interface": "lo", "address": "127.0.0.1", "prefix": 8} in netlink.addresses()


def test_the_route_to_itself() -> None:
    found = netlink.route("127.0.0.1")
    assert found == {"interface": "lo", "source": "127.0.0.1", "gateway": None, "local": True}


class Kernel:
    """A socket that gives a recorded answer."""

    def __init__(self, answer: bytes) -> None:
        self.answer, self.asked = answer, b""

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def settimeout(self, seconds: float) -> None:
        assert seconds == netlink.PATIENCE_S

    def bind(self, address: tuple[int, int]) -> None:
        assert address == (0, 0)

    def send(self, data: bytes) -> None:
        self.asked = data

    def recv(self, _size: int) -> bytes:
        answer, self.answer = self.answer, b""
        return answer


def attribute(kind: int, value: bytes) -> bytes:
    return netlink.ATTRIBUTE.pack(netlink.ATTRIBUTE.size + len(value), kind) + value


def message(kind: int, body: bytes) -> bytes:
    return netlink.HEADER.pack(netlink.HEADER.size + len(body), kind, 0, 1, 0) + body


def answering(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> Kernel:
    kernel = Kernel(answer)
    monkeypatch.setattr(socket, "socket", lambda *_: kernel)
    monkeypatch.setattr(netlink, "_name", lambda index: f"eth{index}")
    return kernel


def test_a_route_by_a_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    body = netlink.ROUTE.pack(socket.AF_INET, 32, 0, 0, 254, 0, 0, 1, 0)
    body += attribute(netlink.RTA_DST, bytes([198, 51, 100, 11]))
    body += attribute(netlink.RTA_OIF, struct.pack("=I", 2))
    body += attribute(netlink.RTA_GATEWAY, bytes([192, 0, 2, 1]))
    body += attribute(netlink.RTA_PREFSRC, bytes([192, 0, 2, 12]))
    kernel = answering(monkeypatch, message(24, body))
    told = {"interface": "eth2", "source": "192.0.2.12", "gateway": "192.0.2.1", "local": False}
    assert netlink.route("198.51.100.11") == told
    assert kernel.asked.endswith(bytes([198, 51, 100, 11]))
    assert netlink.HEADER.unpack_from(kernel.asked)[0] == len(kernel.asked)


@pytest.mark.parametrize(("code", "known"), [(101, True), (113, True), (1, False)])
def test_no_route(monkeypatch: pytest.MonkeyPatch, code: int, known: bool) -> None:
    answering(monkeypatch, message(netlink.ERROR, struct.pack("=i", -code) + bytes(16)))
    if known:
        assert netlink.route("198.51.100.11") is None
        return
    with pytest.raises(OSError, match="not permitted"):
        netlink.route("198.51.100.11")


def test_addresses_of_both_families(monkeypatch: pytest.MonkeyPatch) -> None:
    def of(family: int, prefix: int, index: int, *attributes: bytes) -> bytes:
        return message(20, netlink.ADDRESS.pack(family, prefix, 0, 0, index) + b"".join(attributes))

    v6 = socket.inet_pton(socket.AF_INET6, "fe80::1")
    first, second = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
    answer = of(socket.AF_INET, 24, 1, attribute(netlink.IFA_ADDRESS, second), attribute(netlink.IFA_LOCAL, first))
    answer += of(socket.AF_INET6, 64, 2, attribute(netlink.IFA_ADDRESS, v6)) + message(netlink.DONE, bytes(4))
    answering(monkeypatch, answer)
    expected: list[dict[str, Any]] = [
        {"interface": "eth1", "address": "10.0.0.1", "prefix": 24},
        {"interface": "eth2", "address": "fe80::1", "prefix": 64},
    ]
    assert netlink.addresses() == expected
