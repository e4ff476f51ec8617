"""Sockets by state, counted exactly: in a network namespace of their own, so that nobody else's are there."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from typing import Any

import pytest

from collect.sampler.sockets import COUNTED, CPU_SHARE, ProcTcp, SockDiag, Sockets, open_counter
from tests.support.venv38 import CHECKOUT

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")

SCENE = """
import json, socket, subprocess, sys, time
from collect.sampler.sockets import ProcTcp, SockDiag, Sockets
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
open("/proc/sys/net/ipv4/tcp_fin_timeout", "w").write("60")
kept = []

def pair(family, address):
    server = socket.create_server((address, 0), family=family, backlog=64)
    client = socket.create_connection(server.getsockname()[:2])
    accepted = server.accept()[0]
    kept.extend((server, client, accepted))
    return server, client, accepted

for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    pair(family, address)                                   # LISTEN, 2 ESTABLISHED
    _, client, accepted = pair(family, address)             # LISTEN, FIN_WAIT2 (held open), CLOSE_WAIT
    client.shutdown(socket.SHUT_WR)
    _, client, accepted = pair(family, address)             # LISTEN, FIN_WAIT2 (as TIME_WAIT socket), CLOSE_WAIT
    client.close()
    server, client, accepted = pair(family, address)        # TIME_WAIT
    client.close()
    accepted.close()
    server.close()
# LISTEN, 2 ESTABLISHED (one of them not accepted), SYN_SENT: the queue holds one.
server = socket.create_server(("127.0.0.1", 0), backlog=0)
kept.append(socket.create_connection(server.getsockname()))
waiting = socket.socket()
waiting.setblocking(False)
waiting.connect_ex(server.getsockname())
time.sleep(0.2)
diag, proc = SockDiag(), ProcTcp()
print(json.dumps({"diag": diag.count(), "proc": proc.count(), "sample": Sockets(diag).sample()}))
"""


@needs_root
def test_each_state_is_counted_over_both_families() -> None:
    command = ["unshare", "--net", sys.executable, "-c", SCENE]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    expected = dict.fromkeys(COUNTED, 0)
    expected.update(LISTEN=7, ESTABLISHED=6, FIN_WAIT2=4, CLOSE_WAIT=4, SYN_SENT=1)
    assert result["diag"] == [expected, 2]
    assert result["proc"] == [expected, 2]
    assert result["sample"]["tcp"] == {**expected, "TIME_WAIT": 2}
    assert result["sample"]["sockets"]["source"] == "sock_diag"


def test_where_netlink_is_refused_the_table_is_read_and_the_sample_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> Any:
        raise PermissionError(1, "refused")

    monkeypatch.setattr(socket, "socket", refuse)
    counter = open_counter()
    assert isinstance(counter, ProcTcp)
    row = Sockets(counter).sample()
    assert row["sockets"]["source"] == "proc"
    assert row["tcp"].keys() == {*COUNTED, "TIME_WAIT"}


def test_netlink_that_fails_later_is_left_for_the_table() -> None:
    counter = SockDiag()
    counted = Sockets(counter)
    counter._socket.close()
    row = counted.sample()
    counted._next_walk = 0
    assert counted.sample()["sockets"]["source"] == "proc"
    assert row["tcp"]["TIME_WAIT"] >= 0


class Slow:
    source = "sock_diag"

    def __init__(self, cost_s: float) -> None:
        self.cost_s, self.walks = cost_s, 0

    def count(self) -> tuple[dict[str, int], int]:
        self.walks += 1
        until = time.thread_time() + self.cost_s
        while time.thread_time() < until:
            pass
        return {"ESTABLISHED": self.walks}, 0


def test_dear_walks_are_rare_and_say_when_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    slow = Slow(0.005)
    counted = Sockets(slow)  # type: ignore[arg-type]
    first = counted.sample()
    for _ in range(9):
        now[0] += 1.0
        again = counted.sample()
    assert slow.walks == 1
    assert again["sockets"]["counted_t"] == first["sockets"]["counted_t"] > 0
    now[0] += 10 * 0.005 / CPU_SHARE
    assert counted.sample()["tcp"]["ESTABLISHED"] == slow.walks == 2
