"""Every request, raw: when it started, how long it took, how it ended; 24 bytes each, in a file per process."""

# ruff: noqa: ARG001 (Locust calls its listeners by keyword, so the names are given)

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
ROW_BYTES = 24

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
    ``flush``, in no particular order. Nothing is synced: a trial that the machine does not survive is measured again.
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
        self._right, self._wrong = array("d"), array("d")  # start and latency; start, latency and outcome
        self._file = (out_dir / f"requests-{instance}.f64").open("wb")
        self._clock_ahead_s = time.time() - time.monotonic()

    @property
    def rows(self) -> int:
        """How many requests have ended so far."""
        return self._flushed + len(self._right) // 2 + len(self._wrong) // 3

    def listener(self) -> Callable[..., None]:
        """Return the listener for Locust's request event that fits the user class.

        It runs once per request, in the process whose rate is measured: named arguments instead of a dictionary of the
        rest, two numbers appended instead of a row of three, for 0.4 instead of 0.7 microseconds.
        """
        status, append, failed = self._status, self._right.append, self._failed
        now = time.time

        def http(
            request_type: str,
            name: str,
            response_time: float,
            response_length: int,
            response: Any,
            context: Any,
            exception: BaseException | None,
            start_time: float,
            url: str,
        ) -> None:
            if exception is None and response_length == self.length and response.status_code == status:
                append(start_time)
                append(response_time * 0.001)
            else:
                failed(start_time, response_time * 0.001, response.status_code, exception)

        def fast(
            request_type: str,
            name: str,
            response_time: float,
            response_length: int,
            response: Any,
            context: Any,
            exception: BaseException | None,
            start_time: float,
            url: str,
        ) -> None:
            # FastHttpUser cuts its response_time down to whole milliseconds. The wall clock serves instead, to 0.24 us
            # (a float64 of its size): slewed as the monotonic one is; where it was set, clock_step_s says so.
            latency = now() - start_time
            if exception is None and response_length == self.length and response.status_code == status:
                append(start_time)
                append(latency)
            else:
                failed(start_time, latency, response.status_code, exception)

        return http if self._user_class == "HttpUser" else fast

    def _failed(self, start: float, latency: float, status: int, exception: BaseException | None) -> None:
        self.failures += 1
        name = outcome(self._status, status, exception)
        if name not in self.outcomes:
            self.outcomes.append(name)
        self._wrong.extend((start, latency, self.outcomes.index(name)))

    def flush(self) -> array[float]:
        """Write what has gathered; return its latencies in seconds, none once closed. Raises OSError."""
        if self._file.closed:
            return array("d")
        rows = array("d", bytes(len(self._right) // 2 * ROW_BYTES))
        rows[0::3], rows[1::3] = self._right[0::2], self._right[1::2]
        rows.extend(self._wrong)
        self._file.write(memoryview(rows))
        self._file.flush()
        del self._right[:], self._wrong[:]
        self._flushed += len(rows) // 3
        return rows[1::3]

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
