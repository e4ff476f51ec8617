"""Start the app's unit for a trial, or say how it is. Runs on the server host, as root, with any Python 3.7 or newer.

Started as ``python3 -m apps.control``.
``start --port N`` takes the unit's environment on standard input and prints a JSON object when the app listens;
``status`` prints one with the end of its log. Trouble is one line on standard error, exit code 1.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Sequence

from apps import counts, seed, sockets
from apps.seed import TroubleError

UNIT = "bench-app.service"
ENVIRONMENT = Path("/run/bench/app.env")
LOG = Path("/var/log/bench/app.log")
LISTEN_TIMEOUT_S = 15.0
LOG_TAIL_BYTES = 16384


def output(*command: str) -> str:
    """Return what a command prints, without its last newline."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
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


def start(port: int, environment: str, others: Sequence[str] = ()) -> dict[str, Any]:
    """Stop this unit and others, put back what the workload finds, start with this environment, wait until it listens.

    Everything is counted before that: what is counted afterwards is the trial's.
    """
    # Others need not be known here.
    subprocess.run(["systemctl", "stop", UNIT, *others], stderr=subprocess.DEVNULL, check=False)
    holder = listener(port)
    if holder:
        who = holder.split("users:")[-1].strip()
        raise TroubleError(f"port {port} is taken by {who}", "end that, or choose others by app_port_base")
    new = ENVIRONMENT.with_suffix(".new")
    new.write_text(environment)
    new.replace(ENVIRONMENT)
    counted = prepare(seed.workload_in(environment))
    began = time.time()
    running = subprocess.run(["systemctl", "start", UNIT], stderr=subprocess.DEVNULL, check=False).returncode == 0
    listening = listener(port)
    while running and not listening:
        running = output("systemctl", "is-active", UNIT) in ("active", "activating")
        if time.time() - began > LISTEN_TIMEOUT_S:
            what = f"the app does not listen on port {port} after {LISTEN_TIMEOUT_S:.0f} s; it says: {last_words()}"
            raise TroubleError(what, f"mend the app, see {LOG}")
        time.sleep(0.02)
        listening = listener(port)
    shown = output("systemctl", "show", "-p", "MainPID,ControlGroup", UNIT).splitlines()
    properties = dict(line.split("=", 1) for line in shown)
    pid = int(properties["MainPID"])
    if not running or not pid:
        what = f"the app exited at its start; it says: {last_words()}"
        raise TroubleError(what, f"mend the app or its variant, see {LOG}")
    took_s = time.time() - began
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
    seen = sockets.look("127.0.0.1", port, lambda: sockets.processes_of(properties["ControlGroup"]), listening)
    return {"pid": pid, "command": command, "start_s": took_s, **counted, "sockets": seen}


def prepare(workload: dict[str, Any]) -> dict[str, Any]:
    """Make the file and fill the table that the workload wants, and return what is counted before its first request."""
    seed.make_file(workload)
    database = None
    if seed.needs_database(workload):
        seed.fill_table(workload)
        database = counts.database()
    return {"redis_gets": counts.redis_gets(), "database": database}


def status() -> dict[str, Any]:
    """Return how the unit is, and what the app, Redis and the database (None if it is down) have counted."""
    database = None
    if ENVIRONMENT.exists() and seed.needs_database(seed.workload_in(ENVIRONMENT.read_text())):
        with contextlib.suppress(TroubleError):
            database = counts.database()
    counted = {"app_requests": counts.app_requests(), "redis_gets": counts.redis_gets(), "database": database}
    return {"state": output("systemctl", "is-active", UNIT), **counted, "log_tail": log_tail()}


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("start")
    starting.add_argument("--port", type=int, required=True)
    starting.add_argument("--stop", action="append", default=[], metavar="UNIT", help="another unit to stop before")
    commands.add_parser("status")
    arguments = parser.parse_args()
    try:
        said = start(arguments.port, sys.stdin.read(), arguments.stop) if arguments.command == "start" else status()
    except TroubleError as error:
        sys.stderr.write(f"error: {error.what} ({os.uname().nodename}): {error.remedy}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(json.dumps(said) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
