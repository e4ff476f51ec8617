"""The Redis that the hosts run, on a free port of the loopback."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.venv38 import CHECKOUT, python38_with

LOCK = CHECKOUT / "roles" / "redis" / "files" / "requirements.lock"
PASSWORD = "a-secret"


def binary() -> Path:
    """Return redis-server 5.0.7 out of the wheel that the hosts get."""
    environment = python38_with(LOCK).parent.parent
    path = next(environment.glob("lib/python3.*/site-packages/redis_server/bin/redis-server"))
    path.chmod(0o755)
    return path


class Redis:
    """A running Redis with a password."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.password_file = folder / "redis.password"
        self.password_file.write_text(PASSWORD + "\n")
        self._folder = folder
        self.start()

    def start(self) -> None:
        command = [str(binary()), "--port", str(self.port), "--requirepass", PASSWORD, "--save", ""]
        self._process = subprocess.Popen(command, cwd=self._folder, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise AssertionError("Redis did not start")

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def get(self, times: int) -> None:
        """Ask for a key so often."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as client, client.makefile("rb") as replies:
            client.sendall(b"AUTH %s\r\n" % PASSWORD.encode())
            assert replies.readline() == b"+OK\r\n"
            for _ in range(times):
                client.sendall(b"GET name\r\n")
                assert replies.readline() == b"$-1\r\n"


@contextlib.contextmanager
def running_redis(folder: Path) -> Iterator[Redis]:
    """Run Redis until the block ends."""
    redis = Redis(folder)
    try:
        yield redis
    finally:
        redis.stop()
