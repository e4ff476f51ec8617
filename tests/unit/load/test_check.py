from __future__ import annotations

import hashlib
import socket
import threading
import time

import pytest

from collect.load.check import Answer, CheckError, canonical, check, is_right
from collect.load.settings import Expected, Request
from tests.support.responder import Responder, response

TEXT = Expected(200, "text/html", "hello")
JSON = Expected(200, "application/json", {"message": "hello"})
GET = Request()
ROWS = {"students": [{"id": 1, "name": "é"}]}


def hashed(media_type: str, body: bytes) -> Expected:
    return Expected(200, media_type, body_sha256=hashlib.sha256(body).hexdigest(), body_length=len(body))


LONG = hashed("text/html", b"x" * 2000)
LONG_JSON = hashed("application/json", b'{"students":[{"id":1,"name":"\\u00e9"}]}')


@pytest.mark.parametrize(
    ("expected", "answer", "right"),
    [
        (TEXT, Answer(200, "text/html", b"hello"), True),
        (TEXT, Answer(200, "text/html", b"hello\n"), False),
        (TEXT, Answer(201, "text/html", b"hello"), False),
        (TEXT, Answer(200, "text/plain", b"hello"), False),
        (TEXT, Answer(200, "", b"hello"), False),
        (Expected(200, "Text/HTML", "hello"), Answer(200, "text/html", b"hello"), True),
        (Expected(200, "text/html", "café"), Answer(200, "text/html", "café".encode()), True),
        (JSON, Answer(200, "application/json", b'{ "message": "hello" }'), True),
        (JSON, Answer(200, "application/json", b'{"message":"hello","more":1}'), False),
        (JSON, Answer(200, "application/json", b"hello"), False),
        (Expected(200, "application/json", "hello"), Answer(200, "application/json", b'"hello"'), True),
        (Expected(200, "text/html", ""), Answer(200, "text/html", b""), True),
        (LONG, Answer(200, "text/html", b"x" * 2000), True),
        (LONG, Answer(200, "text/html", b"x" * 1999), False),
        (LONG, Answer(200, "text/html", b"x" * 1999 + b"y"), False),
        (LONG, Answer(200, "application/json", b"x" * 2000), False),
        (LONG_JSON, Answer(200, "application/json", '{"students": [ {"name": "é", "id": 1} ]}'.encode()), True),
        (LONG_JSON, Answer(200, "application/json", b'{"students": [{"name": "e", "id": 1}]}'), False),
        (LONG_JSON, Answer(200, "application/json", b"{"), False),
    ],
)
def test_status_type_and_body_decide(expected: Expected, answer: Answer, *, right: bool) -> None:
    assert is_right(expected, answer) == right


def test_a_right_answer_gives_its_length(responder: Responder) -> None:
    responder.answer = response(200, "application/json; charset=utf-8", b'{"message": "hello"}')
    checked = check(f"{responder.host}/index", GET, JSON, 5)
    assert (checked.length, checked.requests) == (20, 1)
    assert responder.first_lines == {b"GET /index HTTP/1.1"}


def test_a_wrong_answer_tells_both_sides(responder: Responder) -> None:
    responder.answer = response(404, "text/html", b"not here")
    with pytest.raises(CheckError) as raised:
        check(f"{responder.host}/index", GET, JSON, 5)
    assert str(raised.value) == (
        "expected 200 application/json {\"message\": \"hello\"}, got 404 text/html 'not here'"
    )  # fmt: skip
    assert raised.value.requests == 1


def test_a_long_answer_that_is_wrong_tells_both_lengths(responder: Responder) -> None:
    responder.answer = response(200, "text/html", b"y" * 1999)
    with pytest.raises(CheckError) as raised:
        check(f"{responder.host}/file", GET, LONG, 5)
    assert str(raised.value) == (
        f"expected 200 text/html of 2000 bytes with the SHA-256 {LONG.body_sha256[:12] if LONG.body_sha256 else ''}…,"
        f" got 200 text/html '{79 * 'y'}… (1999 bytes)"
    )


def test_there_is_one_way_to_write_json_on_both_sides() -> None:
    from collect import exchange

    assert canonical(ROWS) == exchange.canonical(ROWS) == b'{"students":[{"id":1,"name":"\\u00e9"}]}'


def test_a_post_carries_its_body(responder: Responder) -> None:
    checked = check(f"{responder.host}/user", Request("POST", '{"name": "student"}'), TEXT, 5)
    assert checked.requests == 1
    assert responder.first_lines == {b"POST /user HTTP/1.1"}
    assert responder.bodies == {(b"application/json", b'{"name": "student"}')}


def test_a_get_carries_none(responder: Responder) -> None:
    check(f"{responder.host}/user", GET, TEXT, 5)
    assert (responder.answered, responder.bodies) == (1, set())


def test_an_answer_without_a_type(responder: Responder) -> None:
    responder.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    with pytest.raises(CheckError, match="got 200 without a type 'hello'"):
        check(f"{responder.host}/", GET, TEXT, 5)


def test_a_server_that_breaks_off_is_asked_again(responder: Responder) -> None:
    responder.answer = b""
    timer = threading.Timer(0.3, lambda: setattr(responder, "answer", response(200, "text/html", b"hello")))
    timer.start()
    checked = check(f"{responder.host}/", GET, TEXT, 5)
    timer.join()
    assert checked.requests == responder.answered > 1


def test_a_server_that_hangs_is_waited_for_in_bounds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began = time.monotonic()
        with pytest.raises(CheckError, match=r"within 0.3 s: timed out") as raised:
            check(f"http://127.0.0.1:{listener.getsockname()[1]}/", GET, TEXT, 0.3)
        assert time.monotonic() - began < 1
    assert raised.value.requests >= 1
