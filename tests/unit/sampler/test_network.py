"""The kernel's counters of TCP and of the interfaces."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from collect.sampler.network import COUNTERS, Interfaces, TcpCounters
from tests.support.venv38 import CHECKOUT

SNMP = """Ip: Forwarding DefaultTTL
Ip: 1 64
Tcp: RtoAlgorithm ActiveOpens PassiveOpens RetransSegs
Tcp: 1 11 22 33
Udp: InDatagrams
Udp: 5
"""
NETSTAT = """TcpExt: TW ListenDrops TCPFuture TCPTimeWaitOverflow
TcpExt: 7 8 9 10
IpExt: InNoRoutes
IpExt: 0
"""


def test_counters_are_found_by_name_and_what_a_kernel_lacks_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/snmp").write_text(SNMP)
    (tmp_path / "net/netstat").write_text(NETSTAT)
    assert TcpCounters(str(tmp_path)).sample() == {
        "active_opens": 11,
        "passive_opens": 22,
        "retrans_segs": 33,
        "time_wait_ended": 7,
        "listen_drops": 8,
        "time_wait_overflow": 10,
    }


def test_this_kernel_has_all_of_them_and_they_count() -> None:
    counters = TcpCounters()
    before = counters.sample()
    assert before.keys() == {name for names in COUNTERS.values() for name in names.values()}
    with socket.create_server(("127.0.0.1", 0)) as server:
        for _ in range(5):
            socket.create_connection(server.getsockname()).close()
            server.accept()[0].close()
        address = server.getsockname()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    after = counters.sample()
    assert after["active_opens"] - before["active_opens"] >= 6
    assert after["passive_opens"] - before["passive_opens"] >= 5
    assert after["attempt_fails"] - before["attempt_fails"] >= 1


def test_interfaces_count_bytes_and_packets_each() -> None:
    interfaces = Interfaces()
    before = interfaces.sample()["lo"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver, socket.socket(type=socket.SOCK_DGRAM) as sender:
        receiver.bind(("127.0.0.1", 0))
        for _ in range(10):
            sender.sendto(bytes(1000), receiver.getsockname())
    after = interfaces.sample()["lo"]
    for key, least in {"rx_packets": 10, "tx_packets": 10, "rx_bytes": 10_280, "tx_bytes": 10_280}.items():
        assert after[key] - before[key] >= least


def test_interfaces_are_those_that_psutil_finds() -> None:
    ours, theirs = Interfaces().sample(), psutil.net_io_counters(pernic=True)
    assert ours.keys() == theirs.keys()
    for name, row in ours.items():
        assert theirs[name].bytes_recv >= row["rx_bytes"]
        assert theirs[name].packets_sent - row["tx_packets"] in range(100_000)


def test_a_table_of_many_interfaces_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    lines = [f"  veth{number}: {' '.join(str(number + column) for column in range(16))}" for number in range(200)]
    (tmp_path / "net/dev").write_text("\n".join(["head", "head", *lines]) + "\n")
    rows = Interfaces(str(tmp_path)).sample()
    assert len(rows) == 200
    assert rows["veth199"] == {
        "rx_bytes": 199,
        "tx_bytes": 207,
        "rx_packets": 200,
        "tx_packets": 208,
        "rx_drops": 202,
        "tx_drops": 210,
        "errors": 201 + 209,
    }


MANY = """
import subprocess
from collect.sampler.network import Interfaces
batch = "".join(f"link add v{number} type veth peer name w{number}\\n" for number in range(40))
subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)
print(len(Interfaces().sample()))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
def test_the_kernel_hands_a_long_table_out_in_pieces() -> None:
    command = ["unshare", "--net", sys.executable, "-c", MANY]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 1 + 2 * 40
