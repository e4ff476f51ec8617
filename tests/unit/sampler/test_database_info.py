"""The database's own counts, from the database that the hosts run; and one that is stuck, away or refuses."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collect.sampler import asking
from collect.sampler.config import DatabaseAddress
from collect.sampler.database_info import DatabaseInfo, error_text, packet, rows, texts
from tests.support.database import Database, running_database

WAIT_S = 5.0
GREETING = bytes([10]) + b"8.0.27\0" + bytes(4) + b"scramble" + bytes(20) + b"auth\0"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with running_database(tmp_path_factory.mktemp("database")) as running:
        running.ask("CREATE USER 'somebody-else'@'localhost' IDENTIFIED VIA unix_socket", None)
        yield running


@pytest.fixture
def info(database: Database) -> Iterator[DatabaseInfo]:
    """One that is known by the user this process runs as."""
    with contextlib.closing(DatabaseInfo(DatabaseAddress(database.socket, "root"))) as opened:
        yield opened


def told(info: DatabaseInfo) -> dict[str, float] | None:
    info.ask()
    return info.answer(WAIT_S)


def test_statements_are_counted_exactly_and_the_questions_are_none(database: Database, info: DatabaseInfo) -> None:
    before = told(info)
    database.ask("SELECT * FROM student;" * 7 + "INSERT INTO student (name) VALUES ('a');" * 3)
    between = [told(info) for _ in range(5)]
    assert before
    for after in between:
        assert after
        assert (after["selects"] - before["selects"], after["inserts"] - before["inserts"]) == (7, 3)


def test_one_connection_serves_all_questions(database: Database, info: DatabaseInfo) -> None:
    made = database.count("Connections")
    answers = [told(info) for _ in range(5)]
    assert all(answer and answer["threads"] == 1 for answer in answers)
    assert database.count("Connections") - made == 2, "this one's, and that of the second count"


def test_the_time_is_that_of_the_question(info: DatabaseInfo) -> None:
    assert told(info)
    before = time.time()
    info.ask()
    asked = time.time()
    time.sleep(0.3)
    answer = info.answer(WAIT_S)
    assert answer
    assert before - 0.001 <= answer["t"] <= asked + 0.001


def test_whom_the_socket_does_not_know_is_refused_once(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.closing(DatabaseInfo(DatabaseAddress(database.socket, "somebody-else"))) as info:
        assert [told(info) for _ in range(3)] == [None] * 3
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith(f"the database at {database.socket} gives no answer: Access denied for user 'somebody-else'")


def test_a_user_with_a_password_is_refused(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    database.ask("CREATE OR REPLACE USER 'other'@'localhost' IDENTIFIED BY 'secret'", None)
    with contextlib.closing(DatabaseInfo(DatabaseAddress(database.socket, "other"))) as info:
        assert told(info) is None
    assert "Access denied" in capsys.readouterr().err


def test_a_restarted_database_is_found_again(
    database: Database, info: DatabaseInfo, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(info)
    database.stop()
    try:
        assert [told(info) for _ in range(3)] == [None] * 3
    finally:
        database.start()
    assert told(info)
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "the database answers again"
    assert len(lines) <= 3, "each trouble is said once"


@contextlib.contextmanager
def scripted(folder: Path, *says: bytes) -> Iterator[tuple[DatabaseInfo, list[bytes]]]:
    """Listen as a database that says something to a new connection, and the next thing to each thing it hears."""
    heard: list[bytes] = []

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            for said in says:
                connection.sendall(said)
                heard.append(connection.recv(1 << 16))

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
        server.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        with contextlib.closing(DatabaseInfo(DatabaseAddress(folder / "s", "me"))) as info:
            yield info, heard
        thread.join(5)
        assert not thread.is_alive()


def test_a_switch_of_authentication_is_answered_with_nothing(tmp_path: Path) -> None:
    columns = packet(1, b"\2") + packet(2, b"name") + packet(3, b"value") + packet(4, b"\xfe\0\0\2\0")
    row = packet(5, b"\x0aCom_select\x0242") + packet(6, b"\xfe\0\0\2\0")
    switch, ok = packet(2, b"\xfeauth_socket\0"), packet(4, b"\0\0\0\2\0\0\0")
    with scripted(tmp_path, packet(0, GREETING), switch, ok, columns + row) as (info, heard):
        info.ask()
        answer = info.answer(WAIT_S)
    assert answer
    assert (answer["selects"], answer["inserts"], answer["threads"]) == (42, 0, 0)
    assert heard[0][3] == 1
    assert b"me\0" in heard[0]
    assert heard[1] == b"\0\0\0\3"
    assert heard[2][4:].startswith(b"\x03SHOW GLOBAL STATUS")


@pytest.mark.parametrize(
    ("says", "problem"),
    [
        (packet(0, b"\xff\x10\x04Too many connections"), "Too many connections"),
        (b"\4\0\0\0HTTP", "not a greeting of MySQL's: b'HTTP'"),
        (packet(0, b""), "an empty packet"),
    ],
)
def test_what_is_no_greeting_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], says: bytes, problem: str
) -> None:
    with scripted(tmp_path, says) as (info, _):
        info.ask()
        assert info.answer(WAIT_S) is None
    assert capsys.readouterr().err == f"the database at {tmp_path}/s gives no answer: {problem}\n"


def test_a_stuck_database_delays_no_tick_beyond_the_bound_and_is_left_alone_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "PAUSE_S", 60.0)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        with contextlib.closing(DatabaseInfo(DatabaseAddress(tmp_path / "s", "me"))) as info:
            began = time.monotonic()
            info.ask()
            assert info.answer(0.2) is None
            assert 0.18 < time.monotonic() - began < 0.3
            began = time.monotonic()
            assert [told(info) for _ in range(20)] == [None] * 20
            assert time.monotonic() - began < 0.1


def test_no_socket_is_no_reason_to_die(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(DatabaseInfo(DatabaseAddress(tmp_path / "none", "me"))) is None
    assert "No such file or directory" in capsys.readouterr().err


def test_the_pieces_of_a_result() -> None:
    packets = [b"\2", b"def", b"def", b"\xfe\0\0\2\0", b"\1a\1b", b"\1c\0", b"\xfe\0\0\2\0", b"the next"]
    assert list(rows(enumerate(packets))) == [b"\1a\1b", b"\1c\0"]
    assert texts(b"\1a\3bcd\0") == [b"a", b"bcd", b""]
    assert error_text(b"\xff\x15\x04#28000Access denied") == "Access denied"
    assert os.geteuid() == 0, "the database knows this process as root"
