"""Two variants that differ in one option differ in that option only, as far as can be seen from outside."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from tests.support.apps import start
from tests.support.checkout import Checkout
from tests.support.contract import EVERYTHING, Variant, catalogued
from tests.support.hosts import Hosts
from tests.support.observed import Observed, difference, known, observe

pytestmark = pytest.mark.hosts

PORTS = count(22000)
VARIANTS = catalogued()
PACKAGED = {"APP_PYTHON", "command lines", "folders", "installed"}
# A variant, what is changed about it, and all that must be seen to differ then: libraries by name, too.
PAIRS: list[tuple[str, dict[str, Any], set[str]]] = [
    ("flask-werkzeug", {"client": "pool"}, {"APP_CLIENT", "clients of Redis"}),
    ("flask-werkzeug", {"response": "json"}, {"APP_RESPONSE", "answers"}),
    ("flask-werkzeug", {"access_log": False}, {"APP_ACCESS_LOG", "log"}),
    ("flask-werkzeug", {"debug": True}, {"APP_DEBUG", "error tells"}),
    (
        "flask-werkzeug",
        {"server": "gunicorn-sync"},
        {"APP_SERVER", "command lines", "processes", "sockets", "headers", "fcntl", "pyexpat"},
    ),
    ("flask-werkzeug", {"python": "modern"}, PACKAGED | {"headers"}),
    ("flask-gunicorn-sync", {"processes": 2}, {"APP_PROCESSES", "command lines", "processes"}),
    (
        # Its threads resolve names.
        "flask-gunicorn-sync",
        {"server": "gunicorn-gevent"},
        {"APP_SERVER", "threads", "headers", "connection kept", "gevent", "zope", "librt"},
    ),
    ("flask-gunicorn-gthread", {"threads": 20}, {"APP_THREADS", "threads"}),
    ("flask-gunicorn-gthread", {"keep_alive": False}, {"APP_KEEP_ALIVE", "connection kept", "headers"}),
    # It sends head and body apart, so a connection that is kept must not wait for Nagle.
    ("flask-werkzeug", {"keep_alive": True}, {"APP_KEEP_ALIVE", "connection kept", "headers", "sockets"}),
    ("starlette-uvicorn", {"client": "pool"}, {"APP_CLIENT", "clients of Redis"}),
    ("starlette-uvicorn", {"response": "text"}, {"APP_RESPONSE", "answers"}),
    ("starlette-uvicorn", {"access_log": False}, {"APP_ACCESS_LOG", "log"}),
    ("starlette-uvicorn", {"debug": False}, {"APP_DEBUG", "error tells"}),
    (
        # The sockets: see test_apps.py.
        "starlette-uvicorn",
        {"processes": 2},
        {"APP_PROCESSES", "command lines", "processes", "sockets", "_posixshmem"},
    ),
    (
        # The threads of uvloop's own library resolve the name of the host to listen on; without it, no library comes
        # from the venv.
        "starlette-uvicorn",
        {"server": "uvicorn-uvloop"},
        {"APP_SERVER", "threads", "folders", "uvloop", "httptools", "libpthread", "librt", "unicodedata"},
    ),
    (
        # gunicorn listens itself: no name is resolved.
        "starlette-uvicorn-uvloop",
        {"server": "gunicorn-uvicorn"},
        {"APP_SERVER", "command lines", "processes", "threads", "unicodedata", "fcntl", "pyexpat"},
    ),
    ("starlette-uvicorn", {"python": "modern"}, PACKAGED),
    ("aiohttp", {"client": "pool"}, {"APP_CLIENT", "clients of Redis"}),
    ("aiohttp", {"response": "text"}, {"APP_RESPONSE", "answers"}),
    ("aiohttp", {"access_log": False}, {"APP_ACCESS_LOG", "log"}),
    ("aiohttp", {"debug": True}, {"APP_DEBUG", "error tells"}),
    ("aiohttp", {"python": "modern"}, PACKAGED | {"headers"}),
]


def seen(hosts: Hosts, variant: Variant) -> Observed:
    """Return what is seen of a variant; the contract's tests have looked at most of them."""
    return known(variant) or observe(start(hosts, variant, next(PORTS), EVERYTHING), variant)


@pytest.mark.parametrize(("name", "change", "wanted"), PAIRS, ids=[f"{name}, {change}" for name, change, _ in PAIRS])
def test_one_option_changes_what_it_says_and_nothing_else(
    with_database: Checkout, kept: Hosts, name: str, change: dict[str, Any], wanted: set[str]
) -> None:
    before, after = seen(kept, VARIANTS[name]), seen(kept, {**VARIANTS[name], **change})
    differing = difference(before, after)
    if "python" in change:  # all that it loads is its own
        differing -= before["libraries"].keys() | after["libraries"].keys()
        assert not {folder for folder in before["folders"] if folder in after["folders"]}
    assert differing == wanted
