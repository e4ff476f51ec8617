"""The hosts of a checkout as tests use them again and again: one login each, kept open (see agent.py)."""

from __future__ import annotations

import json
import shlex
import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.checkout import Checkout

PROGRAM = (Path(__file__).parent / "agent.py").read_text()


class Agent:
    """A process on a host that does what agent.py can do."""

    def __init__(self, checkout: Checkout, host: str) -> None:
        self.host = host
        command = checkout.ssh(host, shlex.join(["python3", "-u", "-c", PROGRAM]))
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def do(self, function: str, **arguments: Any) -> Any:
        """Call a function of agent.py on the host and return what it returns."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([function, arguments]) + "\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline() or '{"raised": "its agent has ended"}')
        assert "returned" in said, f"{function} on {self.host}: {said['raised']}"
        return said["returned"]

    def run(self, command: str, given: str = "") -> str:
        """Run a shell command, as root, and return what it prints; it must end well."""
        done = self.do("run", command=command, given=given)
        assert done["exit_code"] == 0, f"{command} on {self.host}: {done['output']}{done['error']}"
        return str(done["output"])

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


class Hosts:
    """The server host and a client host, until the block ends."""

    def __init__(self, checkout: Checkout) -> None:
        self.server, self.client = Agent(checkout, "server1"), Agent(checkout, "client1")
        self.address = checkout.addresses()["server1"]["bench_load_address"]
        """The server host's, on the load network."""

    def __enter__(self) -> Hosts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.close()
        self.client.close()
