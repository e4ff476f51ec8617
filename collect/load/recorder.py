"""Every request, raw: when it started, how long it took, how it ended; 24 bytes each, in a file per process."""

from __future__ import annotations

import errno
import json
import resource
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

OK = "ok"

_BY_ERRNO = {
    # The client ran out of ports: the kernel keeps each closed connection's port for a minute (TIME_WAIT).
    errno.EADDRNOTAVAIL: "no_port",
    errno.ECONNREFUSED: "connect_error",
    errno.EHOSTUNREACH: "connect_error",
    errno.ENETUNREACH: "connect_error",
    errno.ECONNRESET: "connection_lost",
    errno.EPIPE: "connection_lost",
    errno.ETIMEDOUT: "timeout",
}


class Recorder:
    """The rows of one process: little-endian float64 ``[start_unix_s, latency_s, outcome]``.

    ``outcome`` is an index into ``outcomes``; 0 is a right answer. Rows gather in memory and go to the file at each
    ``flush``; nothing is synced, for a trial that the machine does not survive is measured again.
    """

    def __init__(self, out_dir: Path, instance: str, user_class: str, status: int) -> None:
        """Start the file ``requests-<instance>.f64``."""
        self._out_dir, self._instance, self._user_class = out_dir, instance, user_class
        self._status = status
        self.length = -1
        """Bytes of the right answer's body; set by the check."""
        self.outcomes = [OK]
        self.failures = 0
        self._flushed = self._rows_before_window = 0
        self._buffer = array("d")
        self._file = (out_dir / f"requests-{instance}.f64").open("wb")
        self._clock_ahead_s = time.time() - time.monotonic()

    @property
    def rows(self) -> int:
        """How many requests have ended so far."""
        return self._flushed + len(self._buffer) // 3

    def listener(self) -> Callable[..., None]:
        """Return the listener for Locust's request event that fits the user class.

        It runs once per request, in the generator that is being measured by its rate: no call more than needed.
        """
        status, extend, other = self._status, self._buffer.extend, self._other
        perf_counter = time.perf_counter

        def http(
            response_time: float,
            response_length: int,
            response: Any,
            exception: BaseException | None,
            start_time: float,
            **_: object,
        ) -> None:
            if exception is None and response_length == self.length and response.status_code == status:
                extend((start_time, response_time * 0.001, 0.0))
            else:
                extend((start_time, response_time * 0.001, other(response.status_code, exception)))

        def fast(
            response_length: int,
            response: Any,
            context: dict[str, float],
            exception: BaseException | None,
            start_time: float,
            **_: object,
        ) -> None:
            # FastHttpUser cuts its response_time down to whole milliseconds, so the task brings the time along.
            latency = perf_counter() - context["began"]
            if exception is None and response_length == self.length and response.status_code == status:
                extend((start_time, latency, 0.0))
            else:
                extend((start_time, latency, other(response.status_code, exception)))

        return http if self._user_class == "HttpUser" else fast

    def _other(self, status: int, exception: BaseException | None) -> float:
        self.failures += 1
        name = outcome(self._status, status, exception)
        if name not in self.outcomes:
            self.outcomes.append(name)
        return float(self.outcomes.index(name))

    def flush(self) -> array[float]:
        """Write what has gathered; return its latencies in seconds, none once closed. Raises OSError."""
        if self._file.closed:
            return array("d")
        latencies = self._buffer[1::3]
        self._file.write(memoryview(self._buffer))
        self._file.flush()
        self._flushed += len(latencies)
        del self._buffer[:]
        return latencies

    def begin_window(self) -> None:
        """Note where the window starts among the rows: Locust's own statistics begin anew here."""
        self._rows_before_window = self.rows

    def close(self, users: int) -> None:
        """Write the last rows and ``summary-<instance>.json``; a second call does nothing."""
        if self._file.closed:
            return
        self.flush()
        self._file.close()
        used = resource.getrusage(resource.RUSAGE_SELF)
        summary = {
            "instance": self._instance,
            "user_class": self._user_class,
            "users": users,
            "rows": self._flushed,
            "rows_before_window": self._rows_before_window,
            # One per user at most: a request under way when the load ends leaves no row.
            "in_flight_max": users,
            "outcomes": self.outcomes,
            "cpu_user_s": used.ru_utime,
            "cpu_system_s": used.ru_stime,
            # How far the wall clock was set, not slewed, while the rows were written.
            "clock_step_s": time.time() - time.monotonic() - self._clock_ahead_s,
        }
        path = self._out_dir / f"summary-{self._instance}.json"
        path.write_text(json.dumps(summary) + "\n")


def outcome(expected_status: int, status: int, exception: BaseException | None) -> str:
    """Return how a request ended that did not bring the right answer. ``status`` is 0 where there was none."""
    if status and status != expected_status:
        return f"http_{status}"
    if exception is None:
        return "wrong_length"
    cause: BaseException | None = exception
    while cause is not None:
        name = type(cause).__name__
        if isinstance(cause, OSError) and cause.errno in _BY_ERRNO:
            return _BY_ERRNO[cause.errno]
        if "timeout" in name.lower():
            return "timeout"
        if name in ("RemoteDisconnected", "IncompleteRead", "HTTPConnectionClosed", "ConnectionResetError"):
            return "connection_lost"
        if name == "gaierror":
            return "connect_error"
        cause = cause.__cause__ or cause.__context__
    return "error"
