"""What an address asks for beside its path, taken from strangers: read, bounded, and refused where it is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request

LONGEST = 200
"""Characters of a value."""
MOST = 50
"""Values of one name."""


def asked(request: Request, name: str) -> str:
    """Return a parameter without the blanks around it, "" where it is not there; of several the last one."""
    return next(reversed(asked_each(request, name)), "")


def asked_each(request: Request, name: str) -> list[str]:
    """Return a parameter that may be given several times; empty ones are left out. HTTPException (400) if too long."""
    values = [value.strip() for value in request.query_params.getlist(name)]
    if len(values) > MOST or any(len(value) > LONGEST for value in values):
        raise _wrong(f"{name} is given more than {MOST} times, or is longer than {LONGEST} characters")
    return [value for value in values if value]


def asked_names(request: Request, name: str) -> list[str]:
    """Return the names that a parameter lists, with commas between them or by itself each."""
    return [part.strip() for value in asked_each(request, name) for part in value.split(",") if part.strip()]


def asked_one_of(request: Request, name: str, known: Iterable[str], default: str) -> str:
    """Return a parameter that is one of those known; HTTPException (400) where it is not."""
    words = list(known)
    word = asked(request, name) or default
    if word not in words:
        raise _wrong(f"{name} is one of {', '.join(words)}")
    return word


def asked_share(request: Request, name: str, default: float) -> float:
    """Return a parameter that is a share between 0 and 1; HTTPException (400) where it is not."""
    text = asked(request, name)
    try:
        share = float(text) if text else default
    except ValueError:
        share = 0
    if not 0 < share < 1:
        raise _wrong(f"{name} is a share above 0 and below 1, such as {default:g}")
    return share


def asked_page(request: Request, pages: int) -> int:
    """Return the number of the page that is asked for, from 1; HTTPException (400) where there is no such page."""
    text = asked(request, "page") or "1"
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= pages):
        raise _wrong(f"there are pages 1 to {pages}")
    return int(text)


def _wrong(why: str) -> HTTPException:
    return HTTPException(HTTPStatus.BAD_REQUEST, why)
