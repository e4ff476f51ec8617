"""Who is logged in, and what takes CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from collect.hosts import people
from tests.support.sysfs import write

SESSIONS = "run/systemd/sessions"
ALICE = "UID=1000\nUSER=alice\nSTATE=active\nREMOTE=0\nTYPE=tty\nCLASS=user\nTTY=tty2\nSERVICE=login"
BOB = "UID=1001\nUSER=bob\nSTATE=active\nREMOTE=1\nREMOTE_HOST=192.0.2.9\nTYPE=tty\nCLASS=user\nSERVICE=sshd"


def test_people_are_told_and_where_they_are(tmp_path: Path) -> None:
    greeter = "UID=120\nUSER=gdm\nSTATE=online\nCLASS=greeter\nTYPE=wayland"
    gone = BOB.replace("STATE=active", "STATE=closing")
    texts = dict(zip("2345", (ALICE, BOB, greeter, gone), strict=True))
    write(tmp_path, {f"{SESSIONS}/{name}": text for name, text in texts.items()})
    assert people.people(tmp_path) == ["alice (login, tty2)", "bob (sshd, from 192.0.2.9)"]


def test_the_session_that_asks_is_not_told(tmp_path: Path) -> None:
    write(tmp_path, {f"{SESSIONS}/2": ALICE, f"{SESSIONS}/7": BOB})
    write(tmp_path, {"proc/self/cgroup": "0::/user.slice/user-1001.slice/session-7.scope"})
    assert people.people(tmp_path) == ["alice (login, tty2)"]


def test_another_line_of_who_asks_is_not_told_either(tmp_path: Path) -> None:
    there = BOB.replace("192.0.2.9", "192.0.2.10")
    write(tmp_path, {f"{SESSIONS}/{name}": text for name, text in {"7": BOB, "8": BOB, "9": there}.items()})
    write(tmp_path, {"proc/self/cgroup": "1:name=systemd:/user.slice/user-1001.slice/session-7.scope\n0::/"})
    assert people.people(tmp_path) == ["bob (sshd, from 192.0.2.10)"]


def test_a_fifo_beside_them_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, {f"{SESSIONS}/2": ALICE})
    os.mkfifo(tmp_path / SESSIONS / "2.ref")
    assert people.people(tmp_path) == ["alice (login, tty2)"]


def record(kind: int, pid: int, user: bytes, host: bytes = b"") -> bytes:
    return people.UTMP.pack(kind, pid, b"pts/0", b"ts/0", user, host, 0, 0, 1, 0, 0, 0, 0, 0, 0, b"")


def test_without_logind_utmp_tells(tmp_path: Path) -> None:
    assert people.people(tmp_path) == []
    data = record(2, 1, b"reboot") + record(7, 10, b"alice", b"192.0.2.9")
    data += record(7, 11, b"left") + record(8, 10, b"dead")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/utmp").write_bytes(data + b"cut")
    (tmp_path / "proc/10").mkdir(parents=True)
    assert people.UTMP.size == 384
    assert people.people(tmp_path) == ["alice (pts/0, from 192.0.2.9)"]


def process(proc: Path, pid: int, name: str, cgroup: str = "0::/init.scope") -> None:
    write(proc, {f"{pid}/comm": name, f"{pid}/cgroup": cgroup})


def test_what_takes_cpu_is_named_by_its_service(tmp_path: Path) -> None:
    unit = "system.slice/postgresql.service"
    process(tmp_path, 10, "postgres", f"1:name=systemd:/{unit}\n0::/{unit}")
    process(tmp_path, 11, "postgres", "0::/system.slice/postgresql.service")
    process(tmp_path, 12, "make")
    process(tmp_path, 13, "python3", "0::/system.slice/bench-collector.service")
    process(tmp_path, 14, "sshd")
    ticks = people.TICKS_PER_S
    before = {(pid, 1): 0 for pid in range(10, 15)}
    after = {(10, 1): ticks, (11, 1): ticks // 2, (12, 1): ticks // 4, (13, 1): ticks, (14, 1): ticks, (15, 9): ticks}
    told = people.took(before, after, 2.0, tmp_path, frozenset({14}))
    assert told["by"] == [["postgresql.service", 0.75], ["make", pytest.approx(0.125, abs=0.01)]]
    assert told["cores"] == pytest.approx(0.875, abs=0.01)


def test_a_pid_that_is_another_process_now_has_used_nothing_yet(tmp_path: Path) -> None:
    process(tmp_path, 10, "new")
    assert people.took({(10, 1): 100}, {(10, 2): 900}, 1.0, tmp_path) == {"cores": 0, "by": []}


def test_a_busy_process_is_seen_and_this_one_is_not() -> None:
    # The child carries a name of its own, whatever else goes on here.
    program = "import pathlib; pathlib.Path('/proc/self/comm').write_text('busy-bee')\nwhile True: pass"
    child = subprocess.Popen([sys.executable, "-c", program])
    try:
        while Path(f"/proc/{child.pid}/comm").read_text() != "busy-bee\n":
            pass
        told = people.busy(0.3)
    finally:
        child.kill()
        child.wait()
    assert told["cores"] > 0
    assert os.getpid() in people._own(Path("/proc"))
