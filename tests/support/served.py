"""``collect serve`` as a process of its own, within the network of the browser that looks at it."""

from __future__ import annotations

import itertools
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

from tests.support.browser import Browser

BEGINS_S, ENDS_S = 60.0, 10.0
PORTS = itertools.count(8765)
"""In a network of its own every port is free; each server has another, so that two can be looked at by turns."""
LISTENING = "0A"
"""The state of a socket as /proc/<pid>/net/tcp writes it."""


class Served:
    """The server of an archive. Use it in a ``with`` statement; it must end in time when it is interrupted."""

    def __init__(self, browser: Browser, archive: Path, *options: str) -> None:
        """Take the browser beside which it runs; without a network of that one's own, any free port serves."""
        self._beside = browser.beside()
        self.port = next(PORTS) if self._beside else _free_port()
        self._command = [
            *self._beside, str(Path(sys.executable).with_name("collect")), "serve", "--port", str(self.port),
            "--archive", str(archive), *options,
        ]  # fmt: skip

    def __enter__(self) -> Served:
        self._folder = Path(tempfile.mkdtemp())
        with (self._folder / "told").open("w") as told:
            self._process = subprocess.Popen(self._command, stdout=told, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + BEGINS_S
        while not self._listens():
            assert self._process.poll() is None, self.told()
            assert time.monotonic() < deadline, f"no answer on port {self.port}: {self.told()}"
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            code = self._process.wait(ENDS_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"it did not end within {ENDS_S} s: {self.told()}") from None
        told = self.told()
        shutil.rmtree(self._folder)
        assert code in (0, 130), f"exit code {code}: {told}"
        assert "Traceback" not in told, told

    def at(self, path: str = "/") -> str:
        """Return the address of a page."""
        return f"http://127.0.0.1:{self.port}{path}"

    def told(self) -> str:
        """Return what it has printed."""
        return (self._folder / "told").read_text(errors="replace")

    def _listens(self) -> bool:
        place = f"0100007F:{self.port:04X}"
        try:
            lines = Path(f"/proc/{self._process.pid}/net/tcp").read_text().splitlines()
        except OSError:
            return False
        return any(words[1] == place and words[3] == LISTENING for words in map(str.split, lines[1:]))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def drawn(browser: Browser) -> None:
    """Wait until the charts of a trial's page are drawn, which a script makes when they come near the window."""
    browser.ask(
        "location.pathname.includes('/trial/')"
        " ? Promise.all(report.views.map(view => report.show(view))).then(() => 0) : 0"
    )
    browser.rest()
