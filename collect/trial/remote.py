"""A host as a trial needs it: run a command, or keep one open and read what it says line by line."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import selectors
import subprocess
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collect.archive.durable import disk_errors
from collect.errors import BenchError
from collect.trial.clock import Offset, measure

SSH_FAILED = 255
BECAME = b"BECOME-SUCCESS-"
"""How the line begins by which Ansible tells that a command runs as another user."""
PROMPT = re.compile(r"\[\w+ via ansible, key=\w+\] password:\s*")


@dataclass(frozen=True)
class Remote:
    """One host. ``argv`` turns a shell command into the local argument list that runs it there."""

    name: str
    argv: Callable[[str], list[str]]
    preamble: bytes = b""  # what the far side reads first, such as a password for sudo (see connection.py)

    def run(self, command: str, data: bytes = b"", timeout_s: float = 60) -> bytes:
        """Run a command to its end and return its output.

        Raises BenchError when the host cannot be reached, the command fails or takes longer than ``timeout_s``.
        """
        try:
            done = subprocess.run(
                self.argv(command), input=self.preamble + data, capture_output=True, timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired:
            raise self.lost(f"no answer within {timeout_s:.0f} s") from None
        if done.returncode == SSH_FAILED:
            raise self.lost(last_line(done.stderr))
        if done.returncode:
            reported = last_line(done.stderr) or f"exit code {done.returncode}"
            raise HostError(reported.removeprefix("error: "), self.name)
        return without_mark(done.stdout)

    def fetch_folder(self, folder: str, into: Path) -> None:
        """Copy the files of a remote folder into a local one."""
        archive = self.run(f"tar -C {folder} -cf - .")
        with disk_errors(str(into)):
            into.mkdir(parents=True, exist_ok=True)
            with tarfile.open(fileobj=io.BytesIO(archive)) as files:
                files.extractall(into, filter="data")

    def stream(self, command: str) -> Stream:
        """Start a command that goes on talking until it is closed."""
        return Stream(self, command)

    def lost(self, why: str) -> BenchError:
        """Return the error for a host that no longer answers."""
        return BenchError(
            f"the host does not answer: {why or 'connection closed'}",
            self.name,
            "see that it is up (ansible-playbook playbooks/hosts.yml boots local hosts), then go on with -e resume=",
        )


class HostError(Exception):
    """A command on a host said what is wrong, in words for the user."""

    def __init__(self, message: str, host: str) -> None:
        """Keep the host's own message."""
        super().__init__(message)
        self.host = host


class Stream:
    """A remote command whose JSON lines arrive as they are said. Closing it ends what it started there."""

    def __init__(self, remote: Remote, command: str) -> None:
        """Start the command."""
        self.remote = remote
        self._process = subprocess.Popen(
            remote.argv(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        self._selector = selectors.DefaultSelector()
        self._pending = b""
        self._ready: list[dict[str, Any]] = []
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self.say(remote.preamble)
        self.heard_monotonic_s = time.monotonic()

    def say(self, data: bytes) -> None:
        """Send something to the command."""
        if data and self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # the reader finds the end of the stream, with its reason
                self._process.stdin.write(data)

    def read(self, timeout_s: float) -> dict[str, Any] | None:
        """Return the next line, or None when nothing was said within ``timeout_s``.

        Raises BenchError when the command has ended and all that it said is read.
        """
        deadline = time.monotonic() + timeout_s
        while not self._ready:
            left = deadline - time.monotonic()
            if left <= 0 or not self._selector.select(left):
                return None
            self._take()
        self.heard_monotonic_s = time.monotonic()
        return self._ready.pop(0)

    def _take(self) -> None:
        assert self._process.stdout is not None
        chunk = self._process.stdout.read(65536)
        if chunk is None:
            return
        if not chunk:
            raise self._ended()
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        self._ready += [json.loads(line) for line in lines if line.startswith(b"{")]

    def _ended(self) -> BenchError:
        code = self._process.wait()
        said = last_line(self._process.stderr.read() if self._process.stderr else b"")
        return self.remote.lost(said or f"its watch ended with exit code {code}")

    def measure_clock(self, keep: Callable[[dict[str, Any]], None]) -> Offset:
        """Measure the host's clock by asking over this line; other lines that arrive meanwhile go to ``keep``."""

        def ask() -> float:
            self.say(b"clock\n")
            end = time.monotonic() + 5
            while time.monotonic() < end:
                line = self.read(1)
                if line is None:
                    continue
                if line.get("src") == "clock":
                    return float(line["t"])
                keep(line)
            raise self.remote.lost("its watch does not tell the time")

        return measure(ask, time.time)

    def close(self) -> None:
        """End the command and what it started; wait until it is gone."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._selector.close()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()


def last_line(output: bytes) -> str:
    """Return the last line that says something, without ssh's chatter about sharing connections, or sudo's prompt."""
    lines = [PROMPT.sub("", line).strip() for line in output.decode(errors="replace").splitlines()]
    said = [line for line in lines if line and not line.startswith(("Shared connection to", "mux_client"))]
    return said[-1] if said else ""


def without_mark(output: bytes) -> bytes:
    """Return what a command printed, without the line that tells that it runs as another user."""
    return output.partition(b"\n")[2] if output.startswith(BECAME) else output
