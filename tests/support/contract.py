"""What each app answers, rightly, and the variants that between them show each option at each of its values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collect.serving import CORES, servers, table
from tests.support.agent import Job
from tests.support.apps import CATALOG, App

Variant = Mapping[str, Any]

PYTHON_FRAMEWORKS = [name for name in table()["frameworks"] if name != "nginx"]
SWITCHES: dict[str, tuple[Any, Any]] = {
    "client": ("new", "pool"),
    "response": ("text", "json"),
    "debug": (False, True),
    "access_log": (False, True),
    "processes": (1, 2),
}
"""Options that every framework has, and their values; more processes than two show nothing new."""
ROWS = 10
FILE_BYTES = 1000
EVERYTHING = {**CATALOG.workloads["db"], "name": "db", "rows": ROWS, "file_bytes": FILE_BYTES}
"""A workload that has whatever a route takes, so that one start serves them all."""
POST = {"name": "student"}
MARIADB = "mariadb --socket=/run/bench/database/database.sock -N bench -e"


def catalogued() -> dict[str, Variant]:
    """Return the catalog's variants that a framework serves; one that takes all cores has two here."""
    found = {}
    for name, variant in CATALOG.variants.items():
        if variant["framework"] in PYTHON_FRAMEWORKS:
            found[name] = {**variant, "processes": 2} if variant["processes"] == CORES else variant
    return found


def variants() -> dict[str, Variant]:
    """Return the catalog's variants, and for each server one more with the values that none of those has."""
    found = catalogued()
    for framework in PYTHON_FRAMEWORKS:
        for server, can in servers(framework).items():
            same = [v for v in found.values() if (v["framework"], v["server"]) == (framework, server)]
            other: dict[str, Any] = dict(same[0])
            for option, values in SWITCHES.items():
                unseen = set(values) - {variant[option] for variant in same}
                if unseen and (option != "processes" or can["processes"]):
                    other[option] = unseen.pop()
            if other not in same:
                found[f"{framework}-{server}, otherwise"] = other
    return found


def firsts(found: Mapping[str, Variant]) -> list[str]:
    """Return the first variant of each server and framework."""
    first: dict[tuple[str, str], str] = {}
    for name, variant in found.items():
        first.setdefault((variant["framework"], variant["server"]), name)
    return list(first.values())


def jobs(variant: Variant, inserted: int = 0) -> dict[str, Job]:
    """Return the request and the right answer of each of the article's workloads, once EVERYTHING is served.

    ``inserted`` rows have been added to the table since.
    """
    names = [f"student-{n}" for n in range(1, ROWS + 1)] + [POST["name"]] * inserted
    students = [{"id": n, "name": name} for n, name in enumerate(names, 1)]
    asked: dict[str, tuple[str, str, Any, str, Any]] = {
        "none": ("GET", "/index", "hello", "message", "hello"),
        "redis": ("GET", "/user", "async-bench", "name", "async-bench"),
        "file": ("GET", "/file", text := ("student" * FILE_BYTES)[:FILE_BYTES], "text", text),
        "db": ("GET", "/users", "\n".join(f"{s['id']} {s['name']}" for s in students), "students", students),
        "db-insert": ("POST", "/user", "inserted", "message", "inserted"),
    }
    as_json = variant["response"] == "json"
    return {
        workload: {
            "method": method,
            "path": path,
            "body": POST if method == "POST" else None,
            "status": 200,
            "type": "application/json" if as_json else "text/html; charset=utf-8",
            "answer": {key: value} if as_json else text,
        }
        for workload, (method, path, text, key, value) in asked.items()
    }


def inserted(app: App) -> int:
    """Return how many rows the table has beyond its seed."""
    return int(app.hosts.server.run(f"{MARIADB} 'SELECT count(*) FROM student'")) - ROWS
