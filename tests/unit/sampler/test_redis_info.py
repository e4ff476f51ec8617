"""Redis' own counts, from the Redis that the hosts run; and a Redis that is stuck, away or refuses."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collect.sampler import asking
from collect.sampler.asking import AnswerError
from collect.sampler.config import RedisAddress
from collect.sampler.redis_info import RedisInfo, parse_replies, summarise
from tests.support.redis import Redis, running_redis

WAIT_S = 0.2


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    with running_redis(tmp_path) as running:
        yield running


@pytest.fixture
def info(redis: Redis) -> Iterator[RedisInfo]:
    with contextlib.closing(RedisInfo(RedisAddress("127.0.0.1", redis.port, redis.password_file))) as opened:
        yield opened


def test_gets_are_counted_exactly(redis: Redis, info: RedisInfo) -> None:
    info.ask()
    before = info.answer(WAIT_S)
    redis.get(137)
    info.ask()
    after = info.answer(WAIT_S)
    assert before
    assert after
    assert after["gets"] - before["gets"] == 137
    # Ours: 3 INFO per question; those of `get`: AUTH and the GETs.
    assert after["commands"] - before["commands"] == 137 + 1 + 3
    assert after["clients"] >= 1
    assert after["used_memory"] > 500_000


def test_the_time_is_that_of_the_reply_and_not_of_its_reading(info: RedisInfo) -> None:
    info.ask()
    info.answer(WAIT_S)
    before = time.time()
    info.ask()
    asked = time.time()
    time.sleep(0.5)
    answer = info.answer(WAIT_S)
    assert answer
    assert before - 0.001 <= answer["t"] <= asked + 0.2


def test_one_connection_serves_all_questions(redis: Redis, info: RedisInfo) -> None:
    for _ in range(5):
        info.ask()
        answer = info.answer(WAIT_S)
        assert answer
        assert answer["clients"] == 1


def test_a_stuck_redis_delays_no_tick_beyond_the_bound(redis: Redis, info: RedisInfo) -> None:
    info.ask()
    assert info.answer(WAIT_S)
    redis.freeze()
    try:
        began = time.monotonic()
        info.ask()
        assert info.answer(WAIT_S) is None
        assert WAIT_S * 0.9 < time.monotonic() - began < WAIT_S + 0.1
        began = time.monotonic()
        for _ in range(20):
            info.ask()
            assert info.answer(WAIT_S) is None
        assert time.monotonic() - began < 0.1, "it is left alone for a while"
    finally:
        redis.thaw()


def test_after_a_pause_a_redis_that_was_stuck_is_asked_again(
    redis: Redis, info: RedisInfo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(asking, "PAUSE_S", 0.3)
    redis.freeze()
    info.ask()
    assert info.answer(0.05) is None
    redis.thaw()
    time.sleep(0.35)
    info.ask()
    assert info.answer(WAIT_S)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "gives no answer" in lines[0]
    assert lines[1] == "Redis answers again"


def test_a_restarted_redis_is_found_again(redis: Redis, info: RedisInfo, capsys: pytest.CaptureFixture[str]) -> None:
    info.ask()
    assert info.answer(WAIT_S)
    redis.stop()
    for _ in range(3):
        info.ask()
        assert info.answer(WAIT_S) is None
    redis.start()
    info.ask()
    answer = info.answer(WAIT_S)
    assert answer
    assert answer["gets"] == 0
    assert capsys.readouterr().err.count("\n") <= 3, "each trouble is said once"


def test_a_wrong_password_is_said_once_and_mended_without_a_restart(
    redis: Redis, info: RedisInfo, capsys: pytest.CaptureFixture[str]
) -> None:
    right = redis.password_file.read_text()
    redis.password_file.write_text("wrong")
    for _ in range(3):
        info.ask()
        assert info.answer(WAIT_S) is None
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "invalid password" in err
    redis.password_file.write_text(right)
    info.ask()
    assert info.answer(WAIT_S)


def test_a_missing_password_file_is_no_reason_to_die(redis: Redis, info: RedisInfo) -> None:
    redis.password_file.unlink()
    info.ask()
    assert info.answer(WAIT_S) is None


def test_replies_are_read_from_any_pieces() -> None:
    data = b"+OK\r\n$5\r\nab\r\nc\r\n$0\r\n\r\n"
    for end in range(len(data)):
        assert parse_replies(data[:end], 3) is None
    assert parse_replies(data, 3) == [b"OK", b"ab\r\nc", b""]


@pytest.mark.parametrize("data", [b"-NOAUTH Authentication required.\r\n", b"HTTP/1.1 400 Bad Request\r\n"])
def test_what_is_no_answer_is_an_error(data: bytes) -> None:
    with pytest.raises(AnswerError):
        parse_replies(data, 1)


def test_a_redis_that_was_never_asked_for_a_key_has_no_gets() -> None:
    assert summarise(b"# Commandstats\r\ncmdstat_info:calls=2,usec=90,usec_per_call=45.00\r\n") == {
        "gets": 0,
        "commands": 2,
        "clients": 0,
        "used_memory": 0,
    }
