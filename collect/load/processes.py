"""How load is carried: by this process alone, or by workers that this process leads.

Both answer to the same calls, so that the phases of a trial need not know which it is.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import gevent
from locust.stats import StatsEntry

from .heard import Heard
from .recorder import Recorder

HELLO, EXPECT, WINDOW, SECOND, BEAT = "bench_hello", "bench_expect", "bench_window", "bench_second", "bench_beat"
TAG = "bench"
"""Key under which a worker says in each report to the master which phase it counts, and whether it is the last."""

QUIT_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Second:
    """The requests and failures so far, and the latencies (seconds) of those that ended since the last call."""

    requests: int
    failures: int
    latencies: array[float]


class Single:
    """This process sends the load itself."""

    workers = 1

    def __init__(self, environment: Any, recorder: Recorder) -> None:
        """Carry the load in ``environment``, on record in ``recorder``."""
        self._environment, self._recorder = environment, recorder

    def wait(self, _timeout_s: float) -> str | None:
        """Wait until the load could start; return what is missing."""
        return None

    def expect(self, length: int) -> None:
        """Take the length of the right answer."""
        self._recorder.length = length

    def announce_window(self, start: float, end: float) -> None:
        """Take when the window will be (seconds since the epoch)."""

    def begin_window(self, _start: float) -> None:
        """Start Locust's own statistics anew."""
        self._environment.stats.reset_all()
        self._recorder.begin_window()

    def second(self) -> Second:
        """Return what has happened since the last call, which is then on file."""
        latencies = self._recorder.flush()
        return Second(self._recorder.rows, self._recorder.failures, latencies)

    def lost(self) -> str | None:
        """Return what no longer carries its part of the load."""
        return None

    def stop(self, _timeout_s: float = QUIT_TIMEOUT_S) -> str | None:
        """End the load and put it on record; return what went wrong. Raises OSError."""
        runner = self._environment.runner
        users = runner.user_count
        runner.stop()
        self._recorder.close(users)
        return None


class Master:
    """Workers send the load; they are ``worker-1`` to ``worker-<n>``, on this host or others."""

    def __init__(self, environment: Any, workers: int) -> None:
        """Lead as many ``workers``."""
        self._environment = environment
        self._expected = [f"worker-{number + 1}" for number in range(workers)]
        self._heard = Heard()
        self._seconds: dict[str, Mapping[str, Any]] = {}
        self._fresh: list[bytes] = []
        self._final: set[str] = set()
        self.workers = workers
        environment.runner.register_message(HELLO, self._on_hello)
        environment.runner.register_message(SECOND, self._on_second)
        environment.runner.register_message(BEAT, self._on_beat)

    def _on_hello(self, msg: Any, **_: Any) -> None:
        self._heard.hello(msg.data["instance"], msg.node_id)

    def _on_beat(self, msg: Any, **_: Any) -> None:
        self._heard.of(msg.node_id)

    def _on_second(self, msg: Any, **_: Any) -> None:
        self._heard.of(msg.node_id)
        self._seconds[msg.node_id] = msg.data
        self._fresh.append(msg.data["latencies"])

    def on_report(self, client_id: str, data: dict[str, Any]) -> None:
        """See a worker's report before Locust adds it up, and blank what it counted before the window."""
        tag = data.get(TAG, {})
        if tag.get("final"):
            self._final.add(client_id)
            self._seconds[client_id] = tag
        if not tag.get("in_window"):
            data.update(stats=[], errors={}, stats_total=StatsEntry(None, "Aggregated", None).serialize())

    def wait(self, timeout_s: float) -> str | None:
        """Wait until all workers are there; return which are missing."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if len(self._heard.names) >= self.workers:
                return None
            gevent.sleep(0.01)
        return f"{self._names(set(self._expected) - self._heard.names)} did not report within {timeout_s:g} s"

    def expect(self, length: int) -> None:
        """Tell the workers the length of the right answer, and the time here: theirs may be another."""
        self._environment.runner.send_message(EXPECT, {"length": length, "now": time.time()})

    def announce_window(self, start: float, end: float) -> None:
        """Tell the workers when the window will be (seconds since the epoch)."""
        self._environment.runner.send_message(WINDOW, {"start": start, "end": end})

    def begin_window(self, start: float) -> None:
        """Let Locust's own rates count from the window's start; earlier requests were never added up."""
        stats = self._environment.stats
        stats.history.clear()
        stats.total.start_time = start

    def second(self) -> Second:
        """Return what the workers have told since the last call."""
        latencies = array("f")
        for part in self._fresh:
            latencies.frombytes(part)
        self._fresh.clear()
        told = self._seconds.values()
        return Second(sum(each["requests"] for each in told), sum(each["failures"] for each in told), latencies)

    def lost(self) -> str | None:
        """Return which workers have gone, or have fallen silent."""
        clients = self._environment.runner.clients
        gone = self._heard.look({client.id for client in clients.ready + clients.spawning + clients.running})
        return f"{self._names(gone)} was lost" if gone else None

    def stop(self, timeout_s: float = QUIT_TIMEOUT_S) -> str | None:
        """End the load on all workers and wait for the last reports of those not lost; return which did not come.

        Locust's own way (``runner.quit``) does the same but sleeps half a second, up to three times.
        """
        runner = self._environment.runner
        runner.stop(send_stop_to_client=False)
        runner.send_message("quit")
        deadline = time.monotonic() + timeout_s
        while late := self._heard.awaited(self._final):
            if time.monotonic() > deadline:
                return f"{self._names(late)} did not report its end"
            gevent.sleep(0.005)
        return None

    @staticmethod
    def _names(names: Iterable[str]) -> str:
        return ", ".join(sorted(names))
