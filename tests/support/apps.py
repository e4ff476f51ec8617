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

ASK_ON_ONE_CONNECTION = """
import http.client, sys
answered, connection = 0, http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=10)
for _ in range(int(sys.argv[4])):
    connection.request("GET", sys.argv[3])
    answer = connection.getresponse()
    answered += answer.status == 200 and len(answer.read()) > 0
    if connection.sock is None or answer.will_close:
        break
print(answered)
"""

ASK_MANY = """
import sys, threading, urllib.request
def ask():
    for _ in range(int(sys.argv[3])):
        urllib.request.urlopen(sys.argv[1], timeout=10).read()
threads = [threading.Thread(target=ask) for _ in range(int(sys.argv[2]))]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
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

    @property
    def address(self) -> str:
        """The server host's, on the load network."""
        return self.checkout.addresses()["server1"]["bench_load_address"]

    def ask(self, path: str) -> Answer:
        """Send one GET request from the client host, over the load network."""
        command = shlex.join(["python3", "-c", ASK, f"http://{self.address}:{self.port}{path}"])
        return Answer(*json.loads(self.checkout.on("client1", command)))

    def answers_on_one_connection(self, path: str, requests: int) -> int:
        """Send so many requests one after the other and return how many are answered before the server closes."""
        arguments = (self.address, str(self.port), path, str(requests))
        return int(self.checkout.on("client1", shlex.join(["python3", "-c", ASK_ON_ONE_CONNECTION, *arguments])))

    def ask_many(self, path: str, threads: int, requests: int) -> None:
        """Send GET requests from several threads at once, so many from each."""
        arguments = (f"http://{self.address}:{self.port}{path}", str(threads), str(requests))
        self.checkout.on("client1", shlex.join(["python3", "-c", ASK_MANY, *arguments]))

    def status(self) -> dict[str, Any]:
        """Return what a trial is told after its load."""
        status: dict[str, Any] = json.loads(self.checkout.on("server1", f"{CONTROL} status"))
        return status

    def log(self) -> str:
        return self.checkout.on("server1", "cat /var/log/bench/app.log")


def start(checkout: Checkout, variant: Mapping[str, Any], port: int, workload: Mapping[str, Any] | None = None) -> App:
    """Start a variant as a trial does; the workload matters to /work only."""
    spec = {"variant": variant, "workload": workload or {}, "port": port}
    environment = environment_file(app_environment(spec)).decode()
    command = f"{CONTROL} start --port {port} <<'END'\n{environment}END"
    return App(checkout, port, json.loads(checkout.on("server1", command)))
