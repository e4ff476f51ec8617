"""What tests have done on a host, without a login for each: a process there that does what it is told, line by line.

Runs on the hosts as a script with their own Python, as root: ``agent.py`` reads a JSON list a line, the name of a
function below and its arguments by name, and prints what it returns as JSON.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

Job = dict[str, Any]
"""A request and its right answer: method, path, body (sent as JSON, or null), status, type, answer (text or JSON)."""

TIMEOUT_S = 10.0
SHOWN = 5
"""So many wrong answers are kept."""


def run(command: str, given: str = "") -> dict[str, Any]:
    """Run a shell command to its end."""
    done = subprocess.run(["sh", "-c", command], input=given, capture_output=True, text=True, check=False)
    return {"exit_code": done.returncode, "output": done.stdout, "error": done.stderr}


def ask(host: str, port: int, method: str, path: str, body: Any = None, times: int = 1) -> list[dict[str, Any]]:
    """Send the request so often, one after the other on one connection while the server keeps it open."""
    answers: list[dict[str, Any]] = []
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    with contextlib.closing(connection):
        for _ in range(times):
            began, reused = time.monotonic(), connection.sock is not None
            status, headers, text = _exchange(connection, method, path, body)
            took_s = time.monotonic() - began
            answers.append({"status": status, "headers": headers, "text": text, "took_s": took_s, "reused": reused})
    return answers


def load(host: str, port: int, jobs: list[Job], requests: int, connections: int) -> dict[str, Any]:
    """Send so many requests over so many connections at once, the jobs in turn, and look at every answer."""
    turns = itertools.cycle(jobs)
    left = iter(range(requests))
    lock = threading.Lock()
    right = 0
    wrong: list[str] = []

    def next_job() -> Job | None:
        with lock:
            return None if next(left, None) is None else next(turns)

    def work() -> None:
        nonlocal right
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        with contextlib.closing(connection):
            while job := next_job():
                try:
                    status, headers, text = _exchange(connection, job["method"], job["path"], job["body"])
                    problem = _problem(job, status, headers, text)
                except (OSError, http.client.HTTPException) as error:
                    connection.close()
                    problem = repr(error)
                with lock:
                    right += not problem
                    if problem:
                        wrong.append(f"{job['method']} {job['path']}: {problem}")

    began = time.monotonic()
    workers = [threading.Thread(target=work) for _ in range(connections)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {"right": right, "wrong": len(wrong), "examples": wrong[:SHOWN], "took_s": time.monotonic() - began}


def cut(host: str, port: int, job: Job, connections: int, after: int) -> dict[str, int]:
    """Load from a process of its own and kill that once it has had so many answers; return what it sent and got."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            _tell_all(host, port, job, connections, writer)
        os._exit(1)
    os.close(writer)
    told = {"sent": 0, "accepted": 0, "refused": 0}
    with open(reader, "rb", buffering=0) as letters:  # noqa: PTH123 - a pipe has no path
        killed = False
        while letter := letters.read(1):
            told[{b"s": "sent", b"a": "accepted", b"r": "refused"}[letter]] += 1
            if told["accepted"] >= after and not killed:
                os.kill(child, signal.SIGKILL)
                killed = True
    os.waitpid(child, 0)
    assert killed, told
    return told


def _tell_all(host: str, port: int, job: Job, connections: int, writer: int) -> None:
    """Send the job until killed: a letter to the pipe before each request, and another after its answer."""

    def work() -> None:
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        while True:
            os.write(writer, b"s")
            status, headers, text = _exchange(connection, job["method"], job["path"], job["body"])
            os.write(writer, b"r" if _problem(job, status, headers, text) else b"a")

    workers = [threading.Thread(target=work) for _ in range(connections)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def processes(control_group: str) -> list[dict[str, Any]]:
    """Return what runs in a control group, oldest first: command line, environment, threads, libraries loaded."""
    found = []
    for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd"):  # version 2, or 1
        listed = Path(root + control_group, "cgroup.procs")
        if not listed.exists():
            continue
        for pid in sorted(map(int, listed.read_text().split())):
            folder = Path("/proc", str(pid))
            environment = folder.joinpath("environ").read_text().split("\0")
            mapped = (line.split(None, 5)[5:] for line in folder.joinpath("maps").read_text().splitlines())
            libraries = {path[0].strip() for path in mapped if path and ".so" in path[0]}
            found.append(
                {
                    "pid": pid,
                    "command": folder.joinpath("cmdline").read_text().split("\0")[:-1],
                    "environment": dict(line.split("=", 1) for line in environment if line),
                    "threads": len(list(folder.joinpath("task").iterdir())),
                    "libraries": sorted(libraries),
                }
            )
        break
    return found


def _exchange(connection: http.client.HTTPConnection, method: str, path: str, body: Any) -> tuple[int, Any, str]:
    given = None if body is None else json.dumps(body)
    connection.request(method, path, given, {"Content-Type": "application/json"} if given else {})
    answer = connection.getresponse()
    text = answer.read().decode()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text


def _problem(job: Job, status: int, headers: dict[str, str], text: str) -> str:
    """Return what is wrong with an answer, or nothing; JSON is compared as what it means."""
    seen = [status, headers.get("content-type"), json.loads(text) if _is_json(headers) else text]
    return "" if seen == [job["status"], job["type"], job["answer"]] else f"{str(seen)[:200]}"


def _is_json(headers: dict[str, str]) -> bool:
    return headers.get("content-type") == "application/json"


def main() -> None:
    """Do what each line says, until there is no more."""
    doing = {function.__name__: function for function in (run, ask, load, cut, processes)}
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            said: dict[str, Any] = {"returned": doing[name](**arguments)}
        except Exception as error:  # whatever it is, the test is to say it
            said = {"raised": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
