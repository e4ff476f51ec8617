"""What a trial's workload finds on the server host: a file, a table. Runs as root with any Python 3.7 or newer."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Iterator

FILE = Path("/var/lib/bench/app/demo.txt")  # the unit's APP_FILE
SOCKET = "/run/bench/database/database.sock"
DATABASE, TABLE = "bench", "student"
QUESTION_S = 2.0
"""How long a question to Redis or the database may take."""
SEEDING_S = 60.0
ROWS_AT_ONCE = 10_000
PIECE_BYTES = 2**20


class TroubleError(Exception):
    """What the user is told, but for the host."""

    def __init__(self, what: str, remedy: str) -> None:
        """Say what is wrong, and what to do about it."""
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy


def workload_in(environment: str) -> dict[str, Any]:
    """Return the trial's workload out of the text of a systemd EnvironmentFile, or nothing where it names none."""
    for line in environment.splitlines():
        name, _, value = line.partition("=")
        if name == "APP_WORKLOAD":
            plain = re.sub(r'\\(["\\$`])', r"\1", value[1:-1] if value.startswith('"') else value)
            workload: dict[str, Any] = json.loads(plain)
            return workload
    return {}


def needs_database(workload: dict[str, Any]) -> bool:
    """Say whether a request of this workload asks the database."""
    asks = (workload.get("db_selects"), workload.get("db_inserts"), workload.get("work", {}).get("db_khashes"))
    return any(asks)


def make_file(workload: dict[str, Any]) -> None:
    """Make the file that is served: the workload's value again and again, cut to ``file_bytes``.

    Raises TroubleError where it is larger than half of the memory that is available: it is read as a whole.
    """
    size = workload.get("file_bytes")
    if not size:
        return
    most = available_bytes() // 2
    if size > most:
        raise TroubleError(f"file_bytes is {size}", f"use at most {most}, half of the memory that is available")
    FILE.parent.mkdir(parents=True, exist_ok=True)
    new = FILE.with_suffix(".new")
    text = workload["value"].encode()
    piece = text * max(1, PIECE_BYTES // len(text))
    with new.open("wb") as file:
        for left in range(size, 0, -len(piece)):
            file.write(piece[:left])
    new.chmod(0o644)
    new.replace(FILE)


def available_bytes() -> int:
    """Return how much memory programs can have, by the kernel's estimate."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def fill_table(workload: dict[str, Any]) -> None:
    """Put the table back to the workload's rows, numbered from 1. Raises TroubleError where the database does not."""
    ask("".join(statements(workload.get("rows", 0), workload["value"])), SEEDING_S)


def statements(rows: int, value: str) -> Iterator[str]:
    """Give the statements that leave so many rows in the table, named ``<value>-<number>``."""
    yield f"TRUNCATE TABLE {TABLE};\n"
    named = value.replace("\\", "\\\\").replace("'", "''")
    for first in range(1, rows + 1, ROWS_AT_ONCE):
        numbers = range(first, min(first + ROWS_AT_ONCE, rows + 1))
        values = ",".join(f"({number},'{named}-{number}')" for number in numbers)
        yield f"INSERT INTO {TABLE} (id, name) VALUES {values};\n"  # noqa: S608 - from the plan, and quoted


def ask(sql: str, limit_s: float = QUESTION_S) -> list[list[str]]:
    """Return the rows that the database answers, as root over its socket. Raises TroubleError where it does not."""
    remedy = "start bench-database.service"
    client = shutil.which("mariadb") or shutil.which("mysql")
    if client is None:
        raise TroubleError("the database does not answer: there is no mariadb and no mysql to ask it with", remedy)
    options = ("--batch", "--skip-column-names", "--default-character-set=utf8mb4", "--connect-timeout=2")
    # No configuration of the host's: what the client does is the same everywhere.
    command = (client, "--no-defaults", f"--socket={SOCKET}", "--user=root", *options, DATABASE)
    try:
        done = subprocess.run(command, input=sql.encode(), capture_output=True, check=False, timeout=limit_s)
    except subprocess.TimeoutExpired:
        raise TroubleError(f"the database does not answer: it took over {limit_s:g} s", remedy) from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise TroubleError(f"the database does not answer: {said[-1]}", remedy)
    return [line.split("\t") for line in done.stdout.decode().splitlines()]
