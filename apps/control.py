"""Start the app's unit for a trial, or say how it is. Runs on the server host, as root, with any Python 3.7 or newer.

Started as ``python3 -m apps.control``.
``start --port N`` takes the unit's environment on standard input and prints a JSON object when the app listens;
``status`` prints one with the end of its log. Trouble is one line on standard error, exit code 1.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from apps import sockets

UNIT = "bench-app.service"
ENVIRONMENT = Path("/run/bench/app.env")
RUNTIME = Path("/run/bench/app")  # the unit's RuntimeDirectory
LOG = Path("/var/log/bench/app.log")
REDIS_CLI = "/opt/bench/redis/bin/redis-cli"
PASSWORD = Path("/etc/bench/redis.password")
LISTEN_TIMEOUT_S = 15.0
LOG_TAIL_BYTES = 16384


class TroubleError(Exception):
    """What the user is told."""


def output(*command: str, env: dict[str, str] | None = None) -> str:
    """Return what a command prints, without its last newline."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, env=env)
    return done.stdout.decode(errors="replace").strip()


def listener(port: int) -> str:
    """Return who listens on the TCP port, in ss' words, or an empty string."""
    return output("ss", "-Hltnp", f"sport = :{port}")


def log_tail() -> str:
    """Return the end of the app's log."""
    try:
        with LOG.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - LOG_TAIL_BYTES))
            return log.read().decode(errors="replace")
    except OSError:
        return ""


def last_words() -> str:
    """Return the last lines that the app, or systemd about it, has said."""
    lines = log_tail().strip().splitlines()
    if not lines:
        lines = output("journalctl", "--no-pager", "-o", "cat", "-n", "3", "-u", UNIT).splitlines()
    return " | ".join(line.strip() for line in lines[-3:])


def redis_gets() -> int | None:
    """Return how many GETs Redis has answered since its start, or None where there is no Redis to ask."""
    try:
        password = PASSWORD.read_text().strip()
    except OSError:
        return None
    said = output(REDIS_CLI, "info", "commandstats", env={**os.environ, "REDISCLI_AUTH": password})
    for line in said.splitlines():
        if line.startswith("cmdstat_get:calls="):
            return int(line.split("=")[1].split(",")[0])
    return 0 if said.startswith("# Commandstats") else None


def app_requests() -> int | None:
    """Return how many requests the app has counted since its start, or None where it does not count."""
    counts = [int.from_bytes(path.read_bytes(), sys.byteorder) for path in RUNTIME.glob("requests.*")]
    if counts:
        return sum(counts)
    return nginx_requests() if (RUNTIME / "nginx.status").exists() else None


def nginx_requests() -> int:
    """Return how many requests nginx has counted (stub_status), these questions not among them."""
    questions = RUNTIME / "nginx.questions"
    asked = (int(questions.read_text()) if questions.exists() else 0) + 1
    questions.write_text(str(asked))
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        client.connect(str(RUNTIME / "nginx.status"))
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with client.makefile("r") as said:
            lines = said.read().splitlines()
    # A line "server accepts handled requests", and one of these three numbers.
    return int(lines[lines.index("server accepts handled requests") + 1].split()[2]) - asked


def start(port: int) -> dict[str, Any]:
    """Restart the unit with the environment from standard input and wait until it listens."""
    environment, host = sys.stdin.read(), os.uname().nodename
    subprocess.run(["systemctl", "stop", UNIT], check=False)
    holder = listener(port)
    if holder:
        who = holder.split("users:")[-1].strip()
        raise TroubleError(f"port {port} is taken by {who} ({host}): end that, or choose others by app_port_base")
    new = ENVIRONMENT.with_suffix(".new")
    new.write_text(environment)
    new.replace(ENVIRONMENT)
    gets = redis_gets()
    began = time.time()
    running = subprocess.run(["systemctl", "start", UNIT], stderr=subprocess.DEVNULL, check=False).returncode == 0
    listening = listener(port)
    while running and not listening:
        running = output("systemctl", "is-active", UNIT) in ("active", "activating")
        if time.time() - began > LISTEN_TIMEOUT_S:
            raise TroubleError(
                f"the app does not listen on port {port} after {LISTEN_TIMEOUT_S:.0f} s; it says: {last_words()}"
                f" ({host}): mend the app, see {LOG}"
            )
        time.sleep(0.02)
        listening = listener(port)
    shown = output("systemctl", "show", "-p", "MainPID,ControlGroup", UNIT).splitlines()
    properties = dict(line.split("=", 1) for line in shown)
    pid = int(properties["MainPID"])
    if not running or not pid:
        raise TroubleError(
            f"the app exited at its start; it says: {last_words()} ({host}): mend the app or its variant, see {LOG}"
        )
    took_s = time.time() - began
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
    seen = sockets.look("127.0.0.1", port, lambda: sockets.processes_of(properties["ControlGroup"]), listening)
    return {"pid": pid, "command": command, "start_s": took_s, "redis_gets": gets, "sockets": seen}


def status() -> dict[str, Any]:
    """Return how the unit is, and what the app and Redis have counted."""
    state = output("systemctl", "is-active", UNIT)
    return {"state": state, "app_requests": app_requests(), "redis_gets": redis_gets(), "log_tail": log_tail()}


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("start").add_argument("--port", type=int, required=True)
    commands.add_parser("status")
    arguments = parser.parse_args()
    try:
        said = start(arguments.port) if arguments.command == "start" else status()
    except (OSError, TroubleError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(json.dumps(said) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
