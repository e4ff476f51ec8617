"""Who may ask, by which name, and with which method."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Sequence

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Message

from collect.serve.guard import Guard, cookie_name, cookie_value, host_name, is_loopback, same
from collect.serve.policy import HEADERS, PAGE
from tests.unit.serve.conftest import AT

TOKEN = "a-token-of-some-length"
INSIDE = PlainTextResponse("inside")


def guarded(token: str | None = None, host: str = "127.0.0.1") -> TestClient:
    return TestClient(Guard(INSIDE, host=host, token=token), base_url=AT)


def messages(
    app: Guard, path: str, query: str = "", *, hosts: Sequence[str] = ("127.0.0.1",), kind: str = "http"
) -> list[Message]:
    """Return what is answered to a request that no client library has put right first."""
    found: list[Message] = []
    scope = {
        "type": kind, "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "headers": [(b"host", host.encode()) for host in hosts], "scheme": "http", "server": ("127.0.0.1", 8765),
        "client": ("127.0.0.1", 50000), "http_version": "1.1", "root_path": "",
    }  # fmt: skip

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        found.append(message)

    asyncio.run(app(scope, receive, send))
    return found


def body(found: list[Message]) -> str:
    return b"".join(message.get("body", b"") for message in found).decode()


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("127.0.0.1:8765", "127.0.0.1"),
        ("LocalHost", "localhost"),
        ("localhost.:80", "localhost"),
        ("[::1]:8765", "::1"),
        ("[::1]", "::1"),
        ("[::1", ""),
        ("[::1]x", ""),
        ("[::1]:x", ""),
        ("::1", ""),
        ("127.0.0.1:", ""),
        ("127.0.0.1:80:80", ""),
        ("a@127.0.0.1:80", "a@127.0.0.1"),
        ("", ""),
    ],
)
def test_names_of_hosts(header: str, name: str) -> None:
    assert host_name(header) == name


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "LOCALHOST", "::1", "[::1]"])
def test_the_loopback_is_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org", "", "127.0.0.1.example.org"])
def test_nothing_else_is_the_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("name", ["127.0.0.1:8765", "localhost:1", "[::1]:8765", "127.0.0.2", "Localhost."])
def test_the_own_names_are_answered_to(name: str) -> None:
    assert guarded().get("/", headers={"Host": name}).text == "inside"


@pytest.mark.parametrize(
    "name",
    [
        "rebound.example", "rebound.example:8765", "127.0.0.1.rebound.example", "localhost.rebound.example",
        "192.0.2.7", "0.0.0.0", "0.0.0.0:8765", "127.0.0.1@rebound.example", "127.0.0.1 rebound.example",
        "2130706433", "x", "[::]",
    ],
)  # fmt: skip
def test_a_name_that_was_pointed_here_is_refused(name: str) -> None:
    answer = guarded().get("/", headers={"Host": name})
    assert answer.status_code == 421
    assert "inside" not in answer.text


def test_no_name_or_two_are_refused() -> None:
    app = Guard(INSIDE, host="127.0.0.1", token=None)
    for hosts in ((), ("",), ("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "rebound.example")):
        assert messages(app, "/", hosts=hosts)[0]["status"] == 421
    assert messages(app, "/")[0]["status"] == 200


def test_where_others_may_ask_any_address_and_the_machines_name_will_do() -> None:
    client = guarded(TOKEN, host="0.0.0.0")
    allowed = {"Authorization": f"Bearer {TOKEN}"}
    for name in ("192.0.2.7:8765", "[2001:db8::1]:80", socket.gethostname(), "localhost"):
        assert client.get("/", headers={"Host": name, **allowed}).text == "inside"
    assert client.get("/", headers={"Host": "rebound.example", **allowed}).status_code == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_nothing_but_reading(method: str) -> None:
    answer = guarded().request(method, "/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert guarded().head("/").status_code == 200


def test_every_answer_has_its_headers() -> None:
    client = guarded(TOKEN)
    answers = [
        client.get("/", headers={"Authorization": f"Bearer {TOKEN}"}),
        client.get("/"),
        client.get("/", headers={"Host": "rebound.example"}),
        client.post("/"),
        client.get("/", params={"token": TOKEN}),
    ]
    assert [answer.status_code for answer in answers] == [200, 401, 421, 405, 200]
    for answer in answers:
        assert {name: answer.headers[name] for name in HEADERS} == dict(HEADERS)


def test_nothing_may_come_from_elsewhere() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in PAGE.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == rules["form-action"] == "'self'"
    assert not re.search(r"https?:|\*", PAGE)


def test_without_the_token_nothing_is_shown() -> None:
    client = guarded(TOKEN)
    for answer in (
        client.get("/"),
        client.get("/", params={"token": ""}),
        client.get("/", params={"token": TOKEN[:-1]}),
        client.get("/", params={"token": TOKEN + "x"}),
        client.get("/", headers={"Authorization": f"Basic {TOKEN}"}),
        client.get("/", headers={"Authorization": "Bearer"}),
        client.get("/", headers={"Authorization": f"Bearer {TOKEN}x"}),
        client.get("/", headers={"Cookie": f"{cookie_name(TOKEN)}={TOKEN}"}),
        client.get("/", headers={"Cookie": f"{cookie_name(TOKEN)}="}),
        client.get("/", headers={"Cookie": f"{cookie_name('other')}={cookie_value(TOKEN)}"}),
    ):
        assert answer.status_code == 401
        assert "inside" not in answer.text
        assert "set-cookie" not in answer.headers


def test_the_first_visit_brings_a_cookie_and_leads_to_the_page() -> None:
    client = guarded(TOKEN)
    answer = client.get("/run/x", params={"token": TOKEN, "by": "rps"})
    assert answer.status_code == 200
    assert "inside" not in answer.text
    assert TOKEN not in answer.text
    assert 'content="0; url=/run/x?by=rps"' in answer.text
    cookie = answer.headers["set-cookie"]
    assert TOKEN not in cookie
    assert {part.strip().lower() for part in cookie.split(";")[1:]} == {"httponly", "path=/", "samesite=strict"}
    assert client.get("/run/x").text == "inside"
    assert guarded(TOKEN).get("/run/x").status_code == 401


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("//elsewhere.example/x", "/elsewhere.example/x"),
        ("///elsewhere.example", "/elsewhere.example"),
        ("/\\elsewhere.example", "/%5Celsewhere.example"),
        ('/"><script>alert(1)</script>', "/%22%3E%3Cscript%3Ealert%281%29%3C/script%3E"),
        ("/a;b", "/a%3Bb"),
        ("/", "/"),
    ],
)
def test_the_first_visit_leads_nowhere_else(path: str, leads_to: str) -> None:
    found = messages(Guard(INSIDE, host="127.0.0.1", token=TOKEN), path, f"token={TOKEN}")
    assert found[0]["status"] == 200
    assert re.findall(r'url=([^"]*)"', body(found)) == [leads_to]
    assert re.findall(r'href="([^"]*)"', body(found)) == [leads_to]


def test_without_a_token_to_ask_for_one_in_the_address_is_passed_over() -> None:
    assert guarded().get("/", params={"token": "x"}).text == "inside"


def test_there_are_no_websockets() -> None:
    found = messages(Guard(INSIDE, host="127.0.0.1", token=None), "/", kind="websocket")
    assert [message["type"] for message in found] == ["websocket.close"]


def test_secrets_are_compared_whole() -> None:
    assert same("ä-long-enough", "ä-long-enough")
    assert not same("", "x")
    assert not same("x\ud800", "x")
    names = {cookie_name(token) for token in ("one", "two")}
    values = {cookie_value(token) for token in ("one", "two")}
    assert len(names) == len(values) == 2
