"""The database that the hosts run, on a free port of the loopback, with the table and the users that the apps find."""

from __future__ import annotations

import contextlib
import getpass
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

NAME, USER, PASSWORD = "bench", "bench", "a 'secret'"
SCHEMA = f"""
CREATE DATABASE {NAME} CHARACTER SET utf8mb4;
CREATE TABLE {NAME}.student (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50)) ENGINE InnoDB;
CREATE USER {USER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD.replace("'", "''")}';
GRANT SELECT, INSERT ON {NAME}.student TO {USER}@'127.0.0.1';
"""


class Database:
    """A running MariaDB; root asks over its socket without a password."""

    def __init__(self, folder: Path) -> None:
        assert shutil.which("mariadbd"), "no mariadbd: apt-get install mariadb-server-core mariadb-client-core"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.socket = folder / "database.sock"
        self._data = folder / "data"
        own = (f"--datadir={self._data}", f"--user={getpass.getuser()}")
        install = ("mariadb-install-db", "--no-defaults", *own, "--auth-root-authentication-method=socket")
        quiet = ("--skip-test-db", "--skip-name-resolve")
        subprocess.run([*install, *quiet], check=True, capture_output=True)
        self._command = ["mariadbd", "--no-defaults", *own, f"--socket={self.socket}", f"--port={self.port}"]
        self._command += ["--bind-address=127.0.0.1", "--skip-name-resolve", "--max-connections=1000"]
        self.start()
        self.ask(SCHEMA, None)

    def start(self) -> None:
        log = (self._data / "error.log").open("ab")
        with log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise AssertionError("the database did not start")

    def stop(self) -> None:
        """End it as systemd does."""
        self._process.terminate()
        self._process.wait(60)

    def ask(self, sql: str, database: str | None = NAME) -> list[list[str]]:
        """Return the rows that root is answered."""
        command = ["mariadb", "--no-defaults", f"--socket={self.socket}", "--user=root", "--batch", "-N"]
        named = [database] if database else []
        done = subprocess.run([*command, *named], input=sql, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    def seed(self, rows: int) -> None:
        """Leave so many students in the table."""
        values = ",".join(f"({n},'student-{n}')" for n in range(1, rows + 1))
        self.ask("TRUNCATE student;" + (f"INSERT INTO student VALUES {values};" if rows else ""))

    def names(self) -> list[str]:
        return [name for (name,) in self.ask("SELECT name FROM student ORDER BY id")]

    def count(self, what: str) -> int:
        """Return one of the numbers of SHOW GLOBAL STATUS."""
        return int(self.ask(f"SHOW GLOBAL STATUS LIKE '{what}'")[0][1])


@contextlib.contextmanager
def running_database(folder: Path) -> Iterator[Database]:
    """Run the database until the block ends."""
    database = Database(folder)
    try:
        yield database
    finally:
        database.stop()
