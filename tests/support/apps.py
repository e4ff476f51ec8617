"""The app of a provisioned server: started as a trial starts it, asked as a client asks it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from collect.catalog import load_catalog
from collect.trial.server import app_environment, environment_file
from collect.trial.watching import Paths
from tests.support.agent import Job
from tests.support.hosts import Hosts

CATALOG = load_catalog()
CONTROL = Paths().app_control()


@dataclass(frozen=True)
class Answer:
    """What came back, after how many seconds, and whether on a connection that had served before."""

    status: int
    headers: dict[str, str]  # names in lower case
    text: str
    took_s: float
    reused: bool

    @property
    def type(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def meaning(self) -> Any:
        """The text, or what it says where it is JSON."""
        return json.loads(self.text) if self.type == "application/json" else self.text


@dataclass(frozen=True)
class App:
    """An app that listens on a port of the server host."""

    hosts: Hosts
    port: int
    started: dict[str, Any]

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Answer:
        """Send one request from the client host, over the load network."""
        return self.ask_again(path, 1, method, body)[0]

    def ask_again(self, path: str, times: int, method: str = "GET", body: Any = None) -> list[Answer]:
        """Send so many requests one after the other, on one connection as long as the server keeps it."""
        request = {"host": self.hosts.address, "port": self.port, "method": method, "path": path, "body": body}
        return [Answer(**answer) for answer in self.hosts.client.do("ask", **request, times=times)]

    def load(self, jobs: Iterable[Job], requests: int, connections: int) -> dict[str, Any]:
        """Send so many requests at once from the client host and look at each answer; see ``load`` in agent.py."""
        load = {"jobs": list(jobs), "requests": requests, "connections": connections}
        said: dict[str, Any] = self.hosts.client.do("load", host=self.hosts.address, port=self.port, **load)
        return said

    def status(self) -> dict[str, Any]:
        """Return what a trial is told after its load."""
        status: dict[str, Any] = json.loads(self.hosts.server.run(f"{CONTROL} status"))
        return status

    def processes(self) -> list[dict[str, Any]]:
        """Return what runs in the app's unit; see ``processes`` in agent.py."""
        group = self.hosts.server.run("systemctl show -p ControlGroup --value bench-app.service").strip()
        found: list[dict[str, Any]] = self.hosts.server.do("processes", control_group=group)
        return found

    def log(self) -> str:
        return self.hosts.server.run("cat /var/log/bench/app.log")


def start(hosts: Hosts, variant: Mapping[str, Any], port: int, workload: Mapping[str, Any] | None = None) -> App:
    """Start a variant as a trial does, for a workload of the catalog or one that is made up."""
    spec = {"variant": variant, "workload": workload or CATALOG.workloads["none"], "port": port}
    environment = environment_file(app_environment(spec)).decode()
    return App(hosts, port, json.loads(hosts.server.run(f"{CONTROL} start --port {port}", environment)))
