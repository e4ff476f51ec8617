"""What stands before every page: who may ask, by which name, and with which method."""

from __future__ import annotations

import hashlib
import html
import ipaddress
import secrets
import socket
from urllib.parse import quote, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collect.serve.policy import HEADERS

METHODS = ("GET", "HEAD")
PARAMETER = "token"
REBOUND = "This server is not called that: open it by the address that `collect serve` printed.\n"
READ_ONLY = "The archive is read only: GET and HEAD.\n"
UNASKED = "This archive wants a token: open the whole address that `collect serve` printed, ?token=... included.\n"
MISTAKEN = "This is not the token of this server: open the whole address that `collect serve` printed.\n"


class Guard:
    """Lets through who may read, and gives every answer its headers.

    - A Host that is not this server's is refused: a page elsewhere may have had its own name pointed at this machine.
    - Nothing but GET and HEAD.
    - Where there is a token: it comes with the first visit as ``?token=``, then as a cookie, or as a bearer's.
    """

    def __init__(self, app: ASGIApp, *, host: str, token: str | None) -> None:
        """Stand before ``app``, which listens on ``host``."""
        self._app = app
        self._token = token
        self._loopback = is_loopback(host)
        self._names = {"localhost", host.lower()}
        if not self._loopback:
            self._names.add(socket.gethostname().lower())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "there is none"})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._answer(Request(scope))
        await (answer or self._app)(scope, receive, send_with_headers)

    def _answer(self, request: Request) -> Response | None:
        """Return what to say instead of the page; None for a request that may have it."""
        names = request.headers.getlist("host")
        if len(names) != 1 or not self.answers_to(names[0]):
            return PlainTextResponse(REBOUND, 421)
        if request.method not in METHODS:
            return PlainTextResponse(READ_ONLY, 405, {"Allow": ", ".join(METHODS)})
        if self._token is None:
            return None
        if (given := request.query_params.get(PARAMETER)) is not None:
            return self._welcome(request, self._token) if same(given, self._token) else _unknown(MISTAKEN)
        if same(request.cookies.get(cookie_name(self._token), ""), cookie_value(self._token)):
            return None
        kind, _, bearer = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and same(bearer.strip(), self._token):
            return None
        return _unknown(UNASKED)

    def answers_to(self, header: str) -> bool:
        """Say whether a Host header names this server.

        An address cannot be pointed elsewhere, so where others may ask any will do; on the loopback only its own.
        """
        name = host_name(header)
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self._loopback

    def _welcome(self, request: Request, token: str) -> Response:
        """Hand out the cookie and lead to the page itself, so that the token stays in no address.

        The page leads on by itself instead of by a redirect: with one that began on another site, a strict cookie would
        not be sent.
        """
        rest = [(name, value) for name, value in request.query_params.multi_items() if name != PARAMETER]
        # One slash in front: two would be another server.
        target = "/" + quote(request.scope["path"].lstrip("/")) + (f"?{urlencode(rest)}" if rest else "")
        to = html.escape(target)
        response = HTMLResponse(
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Archive</title>'
            f'<meta http-equiv="refresh" content="0; url={to}"></head>'
            f'<body><main><h1>Archive</h1><p><a href="{to}">Go on</a></p></main></body></html>\n'
        )
        response.set_cookie(cookie_name(token), cookie_value(token), path="/", httponly=True, samesite="strict")
        return response


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach what listens on ``host``."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def host_name(header: str) -> str:
    """Return the name of a Host header in small letters, without its port; "" for what is none."""
    text = header.strip().lower()
    if text.startswith("["):
        name, closed, port = text[1:].partition("]")
        whole = closed and (not port or (port[0] == ":" and port[1:].isdecimal()))
        return name if whole else ""
    name, colon, port = text.partition(":")
    return name.removesuffix(".") if not colon or port.isdecimal() else ""


def same(given: str, wanted: str) -> bool:
    """Say whether two secrets are the same, in a time that tells nothing of either."""
    one, other = (hashlib.sha256(text.encode(errors="surrogatepass")).digest() for text in (given, wanted))
    return secrets.compare_digest(one, other)


def cookie_name(token: str) -> str:
    """Return the cookie's name, which differs from server to server: all ports of a machine share their cookies."""
    return f"collect_{_derived('name', token)[:8]}"


def cookie_value(token: str) -> str:
    """Return what the cookie holds: not the token, which another server on this machine could read there."""
    return _derived("cookie", token)


def _derived(what: str, token: str) -> str:
    return hashlib.sha256(f"collect serve {what}\0{token}".encode()).hexdigest()


def _unknown(why: str) -> Response:
    return PlainTextResponse(why, 401, {"WWW-Authenticate": 'Bearer realm="archive"'})
