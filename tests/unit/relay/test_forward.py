"""The relay with real sockets: what it lets through, when, and what becomes of the rest."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
import time

import pytest

from collect.relay.forward import HIGH_BYTES, Relay
from tests.support.relayed import received, relayed

SLOW_MACHINE_S = 0.05


def pinged(connection: socket.socket) -> float:
    """Return how long one question and its answer take."""
    began = time.monotonic()
    connection.sendall(b"ping")
    assert received(connection, 4) == b"ping"
    return time.monotonic() - began


@pytest.mark.parametrize("delay_s", [0.0, 0.0015, 0.02])
def test_each_answer_is_held_up_and_hardly_longer(delay_s: float) -> None:
    with relayed(delay_s) as there, there.connect() as connection:
        took = sorted(pinged(connection) for _ in range(21))
        held = there.relay.figures()
    assert took[0] >= delay_s
    assert took[2] < delay_s + 0.004, "the quickest, as other processes may have the CPU"
    assert (held["connections"], held["answers"], held["left"]) == (1, 21, 0)
    assert held["held_ms"]["p50_ms"] >= delay_s * 1000


def test_the_timer_is_finer_than_a_millisecond() -> None:
    with relayed(0.0003) as there, there.connect() as connection:
        took = sorted(pinged(connection) for _ in range(51))
    assert took[5] < 0.001, "as with epoll_wait alone, which rounds up to whole milliseconds"


def test_questions_do_not_wait_for_each_others_answers() -> None:
    with relayed(0.2) as there, there.connect() as connection:
        began = time.monotonic()
        for number in range(50):
            connection.sendall(b"%04d" % number)
            time.sleep(0.001)
        assert received(connection, 200) == b"".join(b"%04d" % number for number in range(50))
        assert time.monotonic() - began < 0.2 + 0.05 + 5 * SLOW_MACHINE_S


def test_connections_do_not_wait_for_each_other_and_are_not_mixed_up() -> None:
    with relayed(0.1) as there, contextlib.ExitStack() as stack:
        connections = [stack.enter_context(there.connect()) for _ in range(300)]
        began = time.monotonic()
        for number, connection in enumerate(connections):
            connection.sendall(b"%04d" % number)
        assert [received(each, 4) for each in connections] == [b"%04d" % number for number in range(300)]
        assert time.monotonic() - began < 0.1 + 10 * SLOW_MACHINE_S
    assert there.relay.figures()["connections"] == 300


def test_who_does_not_read_stops_the_other_side_and_loses_nothing() -> None:
    size = 24 * 2**20
    sent = [0]

    def flood(connection: socket.socket) -> None:
        connection.recv(1)
        block = bytes(range(256)) * 256
        for _ in range(size // len(block)):
            connection.sendall(block)
            sent[0] += len(block)

    with relayed(0.005, flood) as there, there.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.sendall(b"x")
        time.sleep(0.4)
        waiting = sent[0]
        assert waiting < size - 4 * HIGH_BYTES, "all of it was taken, though nobody reads"
        data = received(connection, size)
    assert len(data) == size
    assert data == bytes(range(256)) * (size // 256)


def test_a_large_question_passes_whole() -> None:
    question = bytes(range(251)) * 40_000
    with relayed(0.001) as there, there.connect() as connection:
        sender = threading.Thread(target=connection.sendall, args=(question,))
        sender.start()
        assert received(connection, len(question)) == question
        sender.join()


def test_what_was_answered_before_the_end_comes_late_and_then_the_end() -> None:
    def answer_and_leave(connection: socket.socket) -> None:
        connection.recv(16)
        connection.sendall(b"last words")

    with relayed(0.05, answer_and_leave) as there, there.connect() as connection:
        began = time.monotonic()
        connection.sendall(b"?")
        assert received(connection, 100) == b"last words"
        assert time.monotonic() - began >= 0.05


def test_an_app_that_leaves_ends_the_connection_behind_it() -> None:
    gone = threading.Event()

    def wait(connection: socket.socket) -> None:
        while connection.recv(16):
            pass
        gone.set()

    with relayed(5.0, wait) as there:
        with there.connect() as connection:
            connection.sendall(b"?")
        assert gone.wait(5)


def test_answers_for_an_app_that_left_are_dropped() -> None:
    with relayed(0.05) as there:
        with there.connect() as connection:
            connection.sendall(b"ping")
            time.sleep(0.02)
        with there.connect() as connection:
            assert pinged(connection) >= 0.05
            time.sleep(0.02)
    figures = there.relay.figures()
    assert figures["held_ms"]["max_ms"] < 60 + 1000 * SLOW_MACHINE_S
    assert (figures["left"], figures["left_answers"]) == (2, 2)


def test_a_server_that_is_not_there_ends_the_connection() -> None:
    with relayed(0.01, lambda connection: None) as there, there.connect() as connection:
        assert received(connection, 1) == b""


def test_where_there_is_no_port_or_file_left_a_connection_is_refused_and_the_relay_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lacks = iter([errno.EADDRNOTAVAIL, errno.EMFILE])
    towards = Relay._towards_redis

    def lacking(relay: Relay) -> socket.socket:
        code = next(lacks, 0)
        if code:
            raise OSError(code, os.strerror(code))
        return towards(relay)

    monkeypatch.setattr(Relay, "_towards_redis", lacking)
    with relayed(0.0) as there:
        for _ in range(2):
            with there.connect() as connection:
                assert received(connection, 1) == b""
        with there.connect() as connection:
            pinged(connection)
    figures = there.relay.figures()
    assert (figures["connections"], figures["refused"]) == (1, 2)


def test_a_port_that_the_kernel_does_not_give_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with relayed(0.0) as there:
        monkeypatch.setattr(there.relay, "_redis", ("255.255.255.255", 1))
        with pytest.raises(OSError, match=r"Network is unreachable|Permission denied"):
            there.relay._towards_redis()
