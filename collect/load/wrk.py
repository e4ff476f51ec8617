"""wrk, led through the same phases as Locust, and its rows gathered into the same files.

wrk cannot ramp: all users ask from the start on, and the phase ``ramp`` is over at once. It does not time out, either:
what it counts as ``timeout`` is an answer that took more than 2 s, which has its row. Errors without an answer it only
counts; they become rows spread evenly over the load, since when they were is not known.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from .check import CheckError, check
from .output import DONE, LOAD_FAILED, STOPPED, STOPPED_BY_SIGNAL, WRONG_ANSWER, Output, Result
from .settings import Settings
from .timing import percentile_ms, window_start

OK = "ok"
ROW_BYTES = 24
WRONG_LENGTH = 1
LIVE_DELAY_S = 0.03
POLL_S = 0.1
START_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 2.0
SPARE_S = 600
"""wrk wants to know for how long; it is ended before."""

HEADERS = (
    "User-Agent: python-requests/2.31.0",
    "Accept-Encoding: gzip, deflate",
    "Accept: */*",
    "Connection: keep-alive",
)
"""As HttpUser sends them, so that the server reads the same bytes."""

COUNTED = {
    # connect() fails at once where there is no port; a refusal comes later, with the first write.
    "connect": "no_port",
    "read": "connection_lost",
    "write": "connect_error",
}
"""How wrk's counters are called among the outcomes. ``status`` and ``timeout`` have rows of their own."""


class LoadError(Exception):
    """The load cannot go on."""


class StopError(Exception):
    """SIGTERM came."""


class ThreadRows:
    """The rows that one thread of wrk has written so far, see wrk.lua."""

    def __init__(self, path: Path) -> None:
        """Take the file, which need not be there yet."""
        self._path = path
        self._file: int | None = None
        self._read = 0

    @property
    def there(self) -> bool:
        """Say whether the thread has begun."""
        return self._path.exists()

    def fresh(self) -> array[float]:
        """Return the rows since the last call."""
        if self._file is None:
            if not self.there:
                return array("d")
            self._file = os.open(self._path, os.O_RDONLY)
        end = first(lambda row: not self._start(row), self._read, os.fstat(self._file).st_size // ROW_BYTES)
        rows = array("d", os.pread(self._file, (end - self._read) * ROW_BYTES, self._read * ROW_BYTES))
        self._read = end
        return rows

    def take(self) -> array[float]:
        """Return all rows and remove the file."""
        self._read = 0
        rows = self.fresh()
        if self._file is not None:
            os.close(self._file)
            self._file = None
            self._path.unlink()
        return rows

    def _start(self, row: int) -> float:
        assert self._file is not None
        return array("d", os.pread(self._file, 8, row * ROW_BYTES))[0]


def first(is_so: Callable[[int], bool], low: int, high: int) -> int:
    """Return the first number from ``low`` on of which it is so, ``high`` if of none; so for one is so for the next."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_so(middle) else (middle + 1, high)
    return low


class Wrk:
    """The process, and what its threads have written."""

    def __init__(self, settings: Settings) -> None:
        """Get ready. Raises LoadError where wrk is not installed."""
        self._settings = settings
        found = shutil.which("wrk")
        if found is None:
            raise LoadError(
                f"wrk is not installed ({socket.gethostname()}): install Debian's package wrk there,"
                " or leave generators with the tool wrk out of the plan"
            )
        self._program = found
        self._threads = [ThreadRows(settings.out_dir / f"wrk-{n + 1}.rows") for n in range(settings.users)]
        self._process: subprocess.Popen[bytes] | None = None
        self._clock_ahead_s = time.time() - time.monotonic()
        self.rows = self.failures = 0

    def start(self, length: int) -> None:
        """Start it; return when all its threads have begun. Raises LoadError."""
        settings = self._settings
        users = str(settings.users)
        duration = f"{settings.warmup_s + settings.window_s + SPARE_S:.0f}"
        told_of_body = [f"{name}: {value}" for name, value in settings.request.headers.items()]
        headers = [word for header in (*HEADERS, *told_of_body) for word in ("-H", header)]
        script = str(Path(__file__).absolute().with_name("wrk.lua"))
        told = {
            "BENCH_OUT_DIR": settings.out_dir, "BENCH_STATUS": settings.expected.status, "BENCH_LENGTH": length,
            "BENCH_METHOD": settings.request.method, "BENCH_BODY": settings.request.body,
        }  # fmt: skip
        # What it says is a few lines at its end; a pipe takes them also where the disk is full.
        self._process = subprocess.Popen(
            [self._program, "-t", users, "-c", users, "-d", duration, "-s", script, *headers, settings.url],
            env={**os.environ, **{name: str(value) for name, value in told.items()}},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        deadline = time.monotonic() + START_TIMEOUT_S
        while not all(thread.there for thread in self._threads):
            self.check()
            if time.monotonic() > deadline:
                raise LoadError(f"wrk has not begun within {START_TIMEOUT_S:g} s")
            time.sleep(0.002)

    def check(self) -> None:
        """Raise LoadError when it has ended."""
        assert self._process is not None
        if self._process.poll() is not None:
            output, errors = self._process.communicate()
            said = (errors or output).decode(errors="replace").strip().splitlines()
            raise LoadError(f"wrk ended by itself: {said[-1] if said else f'exit code {self._process.returncode}'}")

    def second(self) -> array[float]:
        """Count what has happened since the last call; return its latencies in seconds."""
        latencies = array("d")
        for thread in self._threads:
            rows = thread.fresh()
            self.rows += len(rows) // 3
            self.failures += sum(map(bool, rows[2::3]))
            latencies.extend(rows[1::3])
        return latencies

    def stop(self) -> None:
        """End it, within a tenth of a second. Raises LoadError where it does not."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            said, _ = self._process.communicate(timeout=STOP_TIMEOUT_S)
            (self._settings.out_dir / "wrk.txt").write_bytes(said)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise LoadError(f"wrk did not end within {STOP_TIMEOUT_S:g} s") from None

    def gather(self, begun: float, window: float | None) -> None:
        """Write requests-primary.f64 and summary-primary.json; times in seconds since the epoch. Raises OSError."""
        folder, status = self._settings.out_dir, self._settings.expected.status
        outcomes = Outcomes(status)
        before = self.rows = 0
        with (folder / "requests-primary.f64").open("wb") as file:
            for thread in self._threads:
                rows = outcomes.named(thread.take())
                before += in_time(rows, window)
                self.rows += len(rows) // 3
                file.write(memoryview(rows))
            rows = outcomes.counted(self._errors(), begun, time.time())
            before += in_time(rows, window)
            self.rows += len(rows) // 3
            file.write(memoryview(rows))
        self.failures = outcomes.failures
        own, child = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        summary = {
            "instance": "primary",
            "user_class": None,
            "users": self._settings.users,
            "rows": self.rows,
            "rows_before_window": before,
            "in_flight_max": self._settings.users,
            "outcomes": outcomes.names,
            "cpu_user_s": own.ru_utime + child.ru_utime,
            "cpu_system_s": own.ru_stime + child.ru_stime,
            "clock_step_s": time.time() - time.monotonic() - self._clock_ahead_s,
        }
        (folder / "summary-primary.json").write_text(json.dumps(summary) + "\n")

    def _errors(self) -> dict[str, int]:
        try:
            errors: dict[str, int] = json.loads((self._settings.out_dir / "wrk-errors.json").read_text())
        except FileNotFoundError:  # it was not ended in order
            return {}
        return errors


class Outcomes:
    """The names of the outcomes, and their numbers in the rows."""

    def __init__(self, status: int) -> None:
        """Take the status of the right answer."""
        self._status = status
        self.names = [OK]
        self.failures = 0

    def named(self, rows: array[float]) -> array[float]:
        """Return a thread's rows with the outcome's number in place of a wrong status or length."""
        codes = rows[2::3]
        if any(codes):
            for index, code in enumerate(codes):
                if code:
                    rows[3 * index + 2] = self._number("wrong_length" if code == WRONG_LENGTH else f"http_{code:.0f}")
        return rows

    def counted(self, errors: dict[str, int], begun: float, ended: float) -> array[float]:
        """Return rows for what wrk only counted."""
        rows = array("d")
        for counter, name in COUNTED.items():
            number = errors.get(counter, 0)
            for index in range(number):
                rows.extend((begun + (ended - begun) * (index + 0.5) / number, 0.0, self._number(name)))
        return rows

    def _number(self, name: str) -> int:
        self.failures += 1
        if name not in self.names:
            self.names.append(name)
        return self.names.index(name)


def in_time(rows: array[float], window: float | None) -> int:
    """Return how many rows, in the order of their ends, ended before the window."""
    if window is None:
        return len(rows) // 3
    begin = window
    return first(lambda row: rows[3 * row] + rows[3 * row + 1] >= begin, 0, len(rows) // 3)


class Leader:
    """Leads from the check to the end; a line a second meanwhile."""

    def __init__(self, settings: Settings) -> None:
        """Get ready."""
        self._settings, self._output = settings, Output(settings.out_dir)
        self._result = Result(workers=1)
        self._wrk: Wrk | None = None
        self._phase, self._ended = "check", threading.Event()
        self._told_at, self._requests = time.monotonic(), 0

    def lead(self) -> int:
        """Run the load; return the exit code."""
        teller = threading.Thread(target=self._tell_each_second, daemon=True)
        teller.start()
        code, error = LOAD_FAILED, None
        try:
            # From here on only: until now whoever started this answers, and a stop must not miss what catches it.
            signal.signal(signal.SIGTERM, stop_once)
            self._output.live(self._line())
            self._run()
            code = 0
        except CheckError as wrong:
            self._result.check_requests = wrong.requests
            code, error = WRONG_ANSWER, str(wrong)
        except StopError:
            code, error = STOPPED, STOPPED_BY_SIGNAL
        except (LoadError, OSError) as broken:
            error = str(broken)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends by itself now, with all on file
        self._ended.set()
        teller.join()
        return self._end(code, error)

    def _run(self) -> None:
        settings, result = self._settings, self._result
        wrk = Wrk(settings)
        checked = check(settings.url, settings.request, settings.expected, settings.answer_timeout_s)
        result.check_requests = checked.requests
        result.load_start_unix_s, self._phase = time.time(), "ramp"
        self._wrk = wrk
        wrk.start(checked.length)
        result.users, result.ramp_end_unix_s = settings.users, time.time()
        start = window_start(result.ramp_end_unix_s, settings.warmup_s, settings.align_s)
        self._phase = "warmup"
        self._output.live({"t": time.time(), "phase": self._phase, "window_start_unix_s": start})
        self._sleep_until(start)
        self._phase = "window"
        result.window_start_unix_s, result.window_end_unix_s = start, start + settings.window_s
        self._sleep_until(start + settings.window_s + settings.grace_s)

    def _end(self, code: int, error: str | None) -> int:
        result = self._result
        self._phase = "end"
        if self._wrk is not None:
            result.load_end_unix_s = time.time()
            try:
                self._wrk.stop()
                self._wrk.gather(result.load_start_unix_s or 0.0, result.window_start_unix_s)
            except (LoadError, OSError) as broken:
                error, code = error or str(broken), code or LOAD_FAILED
        if error is None:
            result.state = DONE
        else:
            sys.stderr.write(f"error: {error}\n")
            result.error = error
        self._output.end(result, self._line())
        return code

    def _sleep_until(self, unix_s: float) -> None:
        assert self._wrk is not None
        while (left := unix_s - time.time()) > 0:
            time.sleep(min(left, POLL_S))
            self._wrk.check()

    def _tell_each_second(self) -> None:
        while not self._ended.wait(1.0 - (time.time() - LIVE_DELAY_S) % 1.0):
            self._output.live(self._line())

    def _line(self) -> dict[str, Any]:
        latencies: array[float] = array("d")
        if self._wrk is not None and self._phase != "end":
            latencies = self._wrk.second()
        requests, failures = (self._wrk.rows, self._wrk.failures) if self._wrk else (0, 0)
        now = time.monotonic()
        rate = (requests - self._requests) / max(now - self._told_at, 1e-6)
        self._requests, self._told_at = requests, now
        return {
            "t": time.time(),
            "phase": self._phase,
            "users": self._result.users,
            "requests": requests,
            "failures": failures,
            "rps": round(rate, 1),
            "p95_ms": percentile_ms(latencies, 0.95),
        }


def stop_once(*_: Any) -> NoReturn:
    """Answer SIGTERM, the first."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise StopError


def lead(settings: Settings) -> int:
    """Make the load with wrk; return the exit code of the process."""
    return Leader(settings).lead()
