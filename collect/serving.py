"""What can serve what (collect/data/servers.yml): what cannot be is told before a run begins."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

from collect.documents import load_document, nearest
from collect.errors import BenchError
from collect.paths import DATA_DIR

CORES = "cores"
"""As many processes as the server's CPU set has cores."""
PYTHONS = ("article", "modern")
WORK = "GET /work"
"""What a framework serves that can do more than answer."""

NAME_LENGTH = 50
"""What the table student has room for: the value, a hyphen and the row's number."""

_FILE_TEXT = re.compile(r"[\n -~]+")

Entry = Mapping[str, Any]
Place = Callable[[str], str]
"""Says where a key of the entry stands."""


@functools.cache
def table() -> dict[str, Any]:
    """Return the table: routes, and the servers of each framework."""
    content: dict[str, Any] = load_document(DATA_DIR / "servers.yml", "servers")
    return content


def servers(framework: str) -> dict[str, dict[str, Any]]:
    """Return the servers that a framework of the table has, by name."""
    found: dict[str, dict[str, Any]] = table()["frameworks"][framework]["servers"]
    return found


def python_of(variant: Entry) -> str:
    """Return which Python runs a variant: the article's, or a modern one."""
    return str(variant.get("python", PYTHONS[0]))


def route(workload: Entry) -> str:
    """Return what a workload asks for, such as ``GET /index``."""
    return f"{workload.get('method', 'GET')} {workload['path']}"


def check_variant(name: str, variant: Entry, place: Place) -> None:
    """Raise BenchError unless some Python can run the variant as its options say."""

    def refuse(why: str, key: str, remedy: str) -> None:
        raise BenchError(f"variant {name} cannot run: {why}", place(key), remedy)

    framework, server = variant["framework"], variant["server"]
    if framework not in table()["frameworks"]:
        refuse(f"no server is known for {framework}", "framework", f"use one of {', '.join(table()['frameworks'])}")
    known = servers(framework)
    if server not in known:
        refuse(f'{framework} has no server "{server}"', "server", f"use one of {', '.join(known)}")
    can = known[server]
    if variant["processes"] != 1 and not can["processes"]:
        refuse(f"{server} serves with one process", "processes", "use 1")
    if can.get("threads") and "threads" not in variant:
        refuse(f"{server} is not told how many threads a process has", "threads", "use a number from 1")
    if "threads" in variant and not can.get("threads"):
        refuse(f"{server} cannot be told a number of threads", "threads", "use none, leave the key away")
    if "keep_alive" in variant and not can.get("keep_alive"):
        refuse(f"{server} cannot be told whether to keep connections", "keep_alive", "leave the key away")
    if variant.get("busy_us") and WORK not in table()["frameworks"][framework]["routes"]:
        refuse(f"{framework} does nothing besides answering", "busy_us", "use 0, or leave the key away")
    if why := can.get("not_on", {}).get(python_of(variant)):
        others = " or ".join(each for each in PYTHONS if each not in can["not_on"])
        refuse(why, "python", f"use {others}")


def check_workload(name: str, workload: Entry, place: Place) -> None:
    """Raise BenchError unless a workload asks for something that there is, and has the keys that this takes."""
    asked, routes = route(workload), table()["routes"]
    if asked not in routes:
        raise BenchError(f"workload {name} asks {asked}, which nothing serves", place("path"), nearest(asked, routes))
    least: dict[str, int | None] = routes[asked]
    for key in dict.fromkeys(key for each in routes.values() for key in each):
        value = workload.get(key)
        if key not in least:
            if value:
                remedy = "leave it away, or ask for what takes it"
                raise BenchError(f"workload {name} has {key}, which {asked} knows nothing of", place(key), remedy)
        elif value is None:
            remedy = f"add it, {least[key]} or more" if least[key] is not None else "add it"
            raise BenchError(f"workload {name} has no {key}, which {asked} takes", place(key), remedy)
        elif isinstance(value, int) and value < (least[key] or 0):
            raise BenchError(f"workload {name} has {key} {value}", place(key), f"give {least[key]} or more for {asked}")
    if workload.get("redis_delay_ms") is not None and not workload["redis_gets"]:
        why = f"workload {name} has redis_delay_ms and asks Redis for nothing"
        raise BenchError(why, place("redis_delay_ms"), "leave it away, or ask for what Redis has")
    if "file_bytes" in least and not _FILE_TEXT.fullmatch(workload["value"]):
        why = f"workload {name} has a value that is not plain ASCII text"
        raise BenchError(why, place("value"), "use printable characters and line feeds: it is cut to file_bytes")
    most = NAME_LENGTH - 1 - len(str(workload.get("rows", 0)))
    if "rows" in least and len(workload["value"]) > most:
        why = f"workload {name} has rows up to {workload['rows']} whose names are longer than {NAME_LENGTH}"
        raise BenchError(why, place("value"), f"give at most {most} characters")


def check_pair(variant_name: str, variant: Entry, workload_name: str, workload: Entry, where: str) -> None:
    """Raise BenchError unless the framework of the variant serves what the workload asks for."""
    framework = variant["framework"]
    served = table()["frameworks"][framework]["routes"]
    if route(workload) not in served:
        why = f"variant {variant_name} cannot run: {framework} does not serve the workload {workload_name}"
        remedy = f"leave this out; it serves {', '.join(served)} only"
        raise BenchError(f"{why}, {route(workload)}", where, remedy)
