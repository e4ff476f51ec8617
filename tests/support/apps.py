"""The app of a provisioned server: started as a trial starts it, asked as a client asks it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from collect.trial.server import app_environment, environment_file
from collect.trial.watching import Paths
from tests.support.checkout import Checkout

CONTROL = Paths().app_control()
ASK = """
import json, sys, time, urllib.error, urllib.request
began = time.monotonic()
try:
    answer = urllib.request.urlopen(sys.argv[1], timeout=10)
except urllib.error.HTTPError as error:
    answer = error
body = answer.read().decode()
print(json.dumps([answer.status, answer.headers["content-type"], body, time.monotonic() - began]))
"""


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the content type, the text, and after how many seconds."""

    status: int
    type: str
    body: str
    took_s: float


@dataclass(frozen=True)
class App:
    """An app that listens on a port of the server host."""

    checkout: Checkout
    port: int
    started: dict[str, Any]

    def ask(self, path: str) -> Answer:
        """Send one GET request from the client host, over the load network."""
        address = self.checkout.addresses()["server1"]["bench_load_address"]
        command = shlex.join(["python3", "-c", ASK, f"http://{address}:{self.port}{path}"])
        return Answer(*json.loads(self.checkout.on("client1", command)))

    def log(self) -> str:
        return self.checkout.on("server1", "cat /var/log/bench/app.log")


def start(checkout: Checkout, variant: Mapping[str, Any], port: int) -> App:
    """Start a variant as a trial does."""
    environment = environment_file(app_environment({"variant": variant, "port": port})).decode()
    command = f"{CONTROL} start --port {port} <<'END'\n{environment}END"
    return App(checkout, port, json.loads(checkout.on("server1", command)))
