"""The phases of a trial's load, as the primary leads them: check, ramp, warm-up, window, end."""

from __future__ import annotations

import sys
import time
from typing import Any, NoReturn

import gevent
from gevent.event import Event

from .check import CheckError, check
from .heard import MIND_S
from .locust_files import LocustFiles
from .output import DONE, LOAD_FAILED, STOPPED, STOPPED_BY_SIGNAL, WRONG_ANSWER, Output, Result, leave
from .processes import Master, Single
from .settings import Settings
from .timing import percentile_ms, window_start

LIVE_DELAY_S = 0.03
"""Each second's line waits so long for the workers', which are sent on the second."""
ABORT_TIMEOUT_S = 0.5


class Primary:
    """Leads the load from the check to the end, and ends the process."""

    def __init__(
        self, settings: Settings, environment: Any, processes: Single | Master, output: Output, files: LocustFiles
    ) -> None:
        """Get ready; ``prepare`` begins."""
        self._settings, self._environment = settings, environment
        self._processes, self._output, self._files = processes, output, files
        self._result = Result(workers=processes.workers)
        self._phase = "check"
        self._requests, self._told_at = 0, time.monotonic()
        self._exit_code: int | None = None
        self._stopped = Event()
        events = environment.events
        events.test_start.add_listener(self._on_test_start)
        events.spawning_complete.add_listener(self._on_spawning_complete)
        events.quitting.add_listener(self._on_quitting)

    def prepare(self) -> None:
        """Wait for workers and server and check its answer; does not return when the load cannot start."""
        self._output.live(self._line())
        self._spawn(self._tell_each_second)
        self._spawn(self._mind_workers)
        missing = self._processes.wait(self._settings.workers_timeout_s)
        if missing:
            self.abort(missing)
        try:
            settings = self._settings
            checked = check(settings.url, settings.request, settings.expected, settings.answer_timeout_s)
        except CheckError as error:
            self._result.check_requests = error.requests
            self.abort(str(error), WRONG_ANSWER)
        self._result.check_requests = checked.requests
        self._processes.expect(checked.length)

    def abort(self, error: str, exit_code: int = LOAD_FAILED) -> NoReturn:
        """Stop the load at once, put on record why, and end the process."""
        if self._exit_code is None:
            sys.stderr.write(f"error: {error}\n")  # for the journal, should the result not be written
            self._result.error, self._exit_code = error, exit_code
            self._mark_end()
            try:
                self._processes.stop(ABORT_TIMEOUT_S)
            finally:
                self._finish()
        # Another greenlet is ending the process; this one must not go on.
        while True:
            gevent.sleep(1)

    def on_signal(self) -> NoReturn:
        """Answer SIGTERM."""
        self.abort(STOPPED_BY_SIGNAL, STOPPED)

    def _on_test_start(self, **_: Any) -> None:
        self._phase = "ramp"
        self._result.load_start_unix_s = time.time()

    def _on_spawning_complete(self, user_count: int) -> None:
        if self._result.ramp_end_unix_s is None:
            self._result.ramp_end_unix_s = time.time()
            self._result.users = user_count
            self._spawn(self._follow_the_clock)

    def _follow_the_clock(self) -> None:
        settings, result = self._settings, self._result
        start = window_start(time.time(), settings.warmup_s, settings.align_s)
        end = start + settings.window_s
        self._phase = "warmup"
        # At once, and not with the next second's line: what is to happen at some time of the window waits for it.
        self._output.live({"t": time.time(), "phase": self._phase, "window_start_unix_s": start})
        self._processes.announce_window(start, end)
        _sleep_until(start)
        self._processes.begin_window(start)
        self._phase = "window"
        result.window_start_unix_s, result.window_end_unix_s = start, end
        _sleep_until(end + settings.grace_s)
        self._end()

    def _end(self) -> None:
        if self._exit_code is not None:
            return
        self._mark_end()
        self._exit_code = 0
        self._result.error = self._processes.stop()
        if self._result.error:
            self._exit_code = LOAD_FAILED
        else:
            self._result.state = DONE
        self._stopped.set()
        self._environment.runner.greenlet.kill(block=False)  # Locust's main program goes on to its end

    def _mark_end(self) -> None:
        self._phase = "end"
        if self._result.load_start_unix_s is not None:
            self._result.load_end_unix_s = time.time()

    def _on_quitting(self, **_: Any) -> None:
        """End the process where Locust's main program would begin to."""
        if self._exit_code is None:
            lost = self._processes.lost()
            if lost:
                self.abort(lost)
            self.on_signal()
        self._stopped.wait()  # for ever after an abort, which ends the process by itself
        self._finish()

    def _finish(self) -> NoReturn:
        # Locust would now print tables, wait up to a second for workers that have already reported, and take Python
        # down module by module. All files are written and closed here, so the process can simply end.
        try:
            self._files.finish()
            self._output.end(self._result, self._line())
        finally:
            assert self._exit_code is not None
            leave(self._exit_code)

    def _tell_each_second(self) -> None:
        while True:
            gevent.sleep(1.0 - (time.time() - LIVE_DELAY_S) % 1.0)
            if self._phase == "end":
                return
            self._output.live(self._line())

    def _mind_workers(self) -> None:
        while self._phase != "end":
            gevent.sleep(MIND_S)
            if self._phase not in ("check", "end"):
                lost = self._processes.lost()
                if lost:
                    self.abort(f"{lost} during the {self._phase}")

    def _line(self) -> dict[str, object]:
        second, now = self._processes.second(), time.monotonic()
        rate = (second.requests - self._requests) / max(now - self._told_at, 1e-6)
        self._requests, self._told_at = second.requests, now
        return {
            "t": time.time(),
            "phase": self._phase,
            "users": self._environment.runner.user_count,
            "requests": second.requests,
            "failures": second.failures,
            "rps": round(rate, 1),
            "p95_ms": percentile_ms(second.latencies, 0.95),
        }

    def _spawn(self, run: Any) -> None:
        gevent.spawn(run).link_exception(self._on_own_failure)

    def _on_own_failure(self, greenlet: Any) -> None:
        self.abort(f"{type(greenlet.exception).__name__}: {greenlet.exception}")


def _sleep_until(unix_s: float) -> None:
    while (left := unix_s - time.time()) > 0:
        gevent.sleep(left)
