"""What has been counted on the server host: by the app, Redis and the database. Runs as root, Python 3.7 or newer."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from apps import seed

RUNTIME = Path("/run/bench/app")  # the unit's RuntimeDirectory
REDIS_CLI = Path(__file__).parents[2] / "redis" / "bin" / "redis-cli"  # beside app/apps, below one prefix
ENVIRONMENT = Path("/etc/bench/app.env")  # of the app's unit on this host, whatever the trial


def redis_gets() -> int | None:
    """Return how many GETs Redis has answered since its start, or None where there is no Redis to ask.

    On the usual port there may be one that is somebody else's: the app's own environment says which it is.
    """
    try:
        lines = (line.partition("=") for line in ENVIRONMENT.read_text().splitlines())
        said_to_app = {name: value for name, _, value in lines}
        environment = {**os.environ, "REDISCLI_AUTH": said_to_app["REDIS_PASSWORD"]}
        command = (str(REDIS_CLI), "-p", said_to_app["REDIS_PORT"], "info", "commandstats")
        done = subprocess.run(command, capture_output=True, check=False, env=environment, timeout=seed.QUESTION_S)
    except (OSError, KeyError, subprocess.TimeoutExpired):
        return None
    said = done.stdout.decode(errors="replace").strip()
    for line in said.splitlines():
        if line.startswith("cmdstat_get:calls="):
            return int(line.split("=")[1].split(",")[0])
    return 0 if said.startswith("# Commandstats") else None


def database() -> dict[str, int]:
    """Return how many rows the table has, and how many SELECTs the database has answered since its start.

    To ask is one SELECT more, and it is counted. Raises seed.TroubleError where the database does not answer.
    """
    count = f"SELECT count(*) FROM {seed.TABLE};"  # noqa: S608 - a constant
    (rows,), (_, selects) = seed.ask(f"{count} SHOW GLOBAL STATUS LIKE 'Com_select';")
    return {"rows": int(rows), "selects": int(selects)}


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
        client.settimeout(seed.QUESTION_S)
        client.connect(str(RUNTIME / "nginx.status"))
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with client.makefile("r") as said:
            lines = said.read().splitlines()
    # A line "server accepts handled requests", and one of these three numbers.
    return int(lines[lines.index("server accepts handled requests") + 1].split()[2]) - asked
