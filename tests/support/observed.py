"""What a variant turns out to be once it runs, seen from outside: nothing here is read from the plan."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.support.apps import App
from tests.support.contract import Variant, jobs
from tests.support.hosts import Agent

OF_EACH_START = {"APP_PORT", "INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID"}
OF_EACH_ANSWER = {"date", "content-length", "content-type"}
ASKED = 5
CONNECTIONS, REQUESTS = 20, 200
REDIS = 'REDISCLI_AUTH="$(cat /etc/bench/redis.password)" /opt/bench/redis/bin/redis-cli'
INSTALLED = (
    "import json, sys; from importlib.metadata import distributions as all;"
    " print(json.dumps([sys.version, {d.metadata['Name'].lower(): d.version for d in all()}]))"
)

Observed = dict[str, Any]

_seen: dict[str, Observed] = {}
_installed: dict[str, Any] = {}


def known(variant: Variant) -> Observed | None:
    """Return what was seen of a variant in this session, if it was looked at."""
    return _seen.get(_key(variant))


def observe(app: App, variant: Variant) -> Observed:
    """Look at an app that has just been started to serve EVERYTHING, ask it a little, and return what is seen."""
    answers = jobs(variant)
    index, user = answers["none"], answers["redis"]
    kept = app.ask_again("/index", 3)
    before = redis_connections(app.hosts.server)
    for _ in range(ASKED):
        app.ask("/user")
    opened = redis_connections(app.hosts.server) - before - 1  # that of the question
    said = app.load([index], REQUESTS, CONNECTIONS)
    assert said["wrong"] == 0, said
    time.sleep(0.1)  # threads of connections that are closed by now end
    processes = app.processes()
    python = processes[0]["command"][0]
    _installed[python] = _installed.get(python) or json.loads(app.hosts.server.run(f'{python} -c "{INSTALLED}"'))
    paths = {path for process in processes for path in process["libraries"]}
    seen = {
        "command lines": [process["command"] for process in processes],
        "processes": len(processes),
        "threads": max(process["threads"] for process in processes),
        "environment": {k: v for k, v in processes[0]["environment"].items() if k not in OF_EACH_START},
        "libraries": {library(path): "loaded" for path in paths},
        "folders": sorted({"/".join(path.split("/")[:5]) for path in paths if path.startswith("/opt/bench/")}),
        "installed": _installed[python],
        "sockets": app.started["sockets"],
        "answers": [kept[0].type, kept[0].meaning, app.ask("/user").meaning],
        "headers": {name: value for name, value in kept[0].headers.items() if name not in OF_EACH_ANSWER},
        "connection kept": [answer.reused for answer in kept],
        "clients of Redis": "pooled" if opened < ASKED else "new",
        "error tells": "Traceback" in error_page(app),
        "log": f"GET {user['path']} HTTP" in app.log(),
    }
    _seen[_key(variant)] = seen
    return seen


def redis_connections(server: Agent) -> int:
    """Return how many connections Redis has had, this one among them."""
    lines = server.run(f"{REDIS} INFO stats").splitlines()
    return next(int(line.split(":")[1]) for line in lines if line.startswith("total_connections_received:"))


def error_page(app: App) -> str:
    """Return what the app says when Redis has lost its key."""
    server = app.hosts.server
    value = server.run(f"{REDIS} GET name").strip()
    server.run(f"{REDIS} DEL name")
    try:
        answer = app.ask("/user")
    finally:
        server.run(f"{REDIS} SET name {value}")
    assert answer.status == 500
    return answer.text


def library(path: str) -> str:
    """Return the package that a shared library is a part of, or the library's own name without what its build adds."""
    installed = path.split("/site-packages/")[1:]
    return installed[0].split("/")[0].split(".")[0] if installed else path.split("/")[-1].split(".")[0]


def difference(before: Observed, after: Observed) -> set[str]:
    """Return what two variants differ in; of their environments and libraries, the names."""
    named = ("environment", "libraries")
    found = {name for name in before if before[name] != after[name]} - set(named)
    for name in named:
        old, new = before[name], after[name]
        found |= {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    return found


def _key(variant: Variant) -> str:
    return json.dumps({name: value for name, value in variant.items() if name != "article"}, sort_keys=True)
