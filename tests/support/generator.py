"""The real generator on the loopback: started as the hosts start it, its files read back."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.support.responder import Responder
from tests.support.venv38 import CHECKOUT, python38_with

LOCK = CHECKOUT / "collect" / "load" / "requirements.lock"
EXPECT = {"status": 200, "type": "text/html", "body": "hello"}


@dataclass
class Generator:
    """Starts load processes that write to ``out_dir``."""

    out_dir: Path
    host: str
    python: Path
    program: Path = CHECKOUT / "collect" / "load"

    @classmethod
    def on(cls, out_dir: Path, host: str) -> Generator:
        """Return a generator with its own Python 3.8."""
        return cls(out_dir, host, python38_with(LOCK))

    def env(self, **changes: str) -> dict[str, str]:
        """Return the environment that the trial's role writes, short: a window of 2 s."""
        variables = {
            "PATH": os.environ["PATH"],
            "LOCUST_HOST": self.host,
            "LOCUST_USERS": "10",
            "LOCUST_SPAWN_RATE": "100",
            "LOCUST_CSV": f"{self.out_dir}/locust",
            "LOCUST_HTML": f"{self.out_dir}/locust.html",
            "BENCH_USER_CLASS": "HttpUser",
            "BENCH_PATH": "/user",
            "BENCH_EXPECT": json.dumps(EXPECT),
            "BENCH_WARMUP_S": "0.5",
            "BENCH_WINDOW_S": "2",
            "BENCH_ALIGN_S": "0.5",
            "BENCH_GRACE_S": "0.25",
            "BENCH_OUT_DIR": str(self.out_dir),
            "BENCH_INSTANCE": "primary",
            "BENCH_ANSWER_TIMEOUT_S": "5",
        }
        return {name: value for name, value in {**variables, **changes}.items() if value}

    @contextlib.contextmanager
    def started(self, **changes: str) -> Iterator[subprocess.Popen[str]]:
        """Start one process; it is gone at the end."""
        process = subprocess.Popen(
            [self.python, self.program], env=self.env(**changes),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def run(self, **changes: str) -> Outcome:
        """Run one process to its end."""
        with self.started(**changes) as process:
            _, errors = process.communicate(timeout=60)
            return Outcome(self.out_dir, process.returncode, errors)

    def wait_for_phase(self, phase: str, timeout_s: float = 20) -> None:
        """Wait until the live lines say that the load is in ``phase``."""
        wait_until(lambda: any(line["phase"] == phase for line in self.live()), timeout_s)

    def live(self) -> list[dict[str, Any]]:
        """Return the live lines so far."""
        path = self.out_dir / "live.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@dataclass
class Outcome:
    """What a run left behind."""

    out_dir: Path
    exit_code: int
    errors: str

    @property
    def result(self) -> dict[str, Any]:
        result: dict[str, Any] = json.loads((self.out_dir / "result.json").read_text())
        return result

    @property
    def live(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.out_dir / "live.jsonl").read_text().splitlines()]

    def summary(self, instance: str = "primary") -> dict[str, Any]:
        summary: dict[str, Any] = json.loads((self.out_dir / f"summary-{instance}.json").read_text())
        return summary

    def rows(self, instance: str = "primary") -> NDArray[np.float64]:
        return np.fromfile(self.out_dir / f"requests-{instance}.f64", dtype="<f8").reshape(-1, 3)

    def outcomes(self, instance: str = "primary") -> dict[str, int]:
        """Return how often each outcome occurred."""
        names = self.summary(instance)["outcomes"]
        counts = np.bincount(self.rows(instance)[:, 2].astype(int), minlength=len(names))
        return dict(zip(names, counts.tolist(), strict=True))

    def locust_total(self) -> tuple[int, int]:
        """Return requests and failures as Locust's own file has them."""
        *_, total = (self.out_dir / "locust_stats.csv").read_text().splitlines()
        fields = total.split(",")
        return int(fields[2]), int(fields[3])


def stopped_in(
    out_dir: Path, phase: str, users: int, *, leaves_rows: bool = True, settle_s: float = 0.1, **changes: str
) -> None:
    """Send SIGTERM to a load that is in a phase: it ends at once, sends no more, and all that it did is on file."""
    with Responder() as server:
        if phase == "check":
            server.die()
        generator = Generator.on(out_dir, server.host)
        with generator.started(**changes, BENCH_WARMUP_S="2", BENCH_WINDOW_S="20") as process:
            generator.wait_for_phase(phase)
            process.send_signal(signal.SIGTERM)
            told = time.monotonic()
            assert process.wait(5) == 143
            assert time.monotonic() - told < 1
        answered = server.answered
        time.sleep(settle_s)
        assert server.answered == answered
        outcome = Outcome(out_dir, 143, "")
    assert (outcome.result["state"], outcome.result["error"]) == ("failed", "stopped by signal")
    assert outcome.live[-1]["result"] == outcome.result
    if leaves_rows:
        assert outcome.summary()["rows"] == len(outcome.rows())
        assert 0 <= answered - outcome.result["check_requests"] - len(outcome.rows()) <= users


def wait_until(is_so: Callable[[], bool], timeout_s: float = 10) -> None:
    """Wait until something is so; AssertionError when it does not become so in time."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
