"""A worker's side: it sends load as the master says, by the master's clock, and keeps its own requests."""

from __future__ import annotations

import sys
import time
from array import array
from typing import Any

import gevent

from .heard import BEAT_S
from .output import LOAD_FAILED, leave
from .processes import BEAT, EXPECT, HELLO, SECOND, TAG, WINDOW
from .recorder import Recorder
from .settings import Settings
from .timing import FarClock

ORPHAN_S = 5.0
"""A worker that has heard nothing for so long after the window's end has lost its master, and ends by itself."""


class Worker:
    """One worker process. Its files are written when Locust stops its users, for whatever reason."""

    def __init__(self, settings: Settings, environment: Any, recorder: Recorder) -> None:
        """Report to the master."""
        self._settings, self._environment, self._recorder = settings, environment, recorder
        self._clock = FarClock(time.time())
        self._in_window = False
        self._users = 0
        events, runner = environment.events, environment.runner
        events.spawning_complete.add_listener(self._on_spawning_complete)
        events.report_to_master.add_listener(self._on_report)
        events.test_stop.add_listener(self._on_test_stop)
        events.quitting.add_listener(self._on_quitting)
        runner.register_message(EXPECT, self._on_expect)
        runner.register_message(WINDOW, self._on_window)
        runner.send_message(HELLO, {"instance": settings.instance})
        gevent.spawn(self._beat)

    def _on_expect(self, msg: Any, **_: Any) -> None:
        self._recorder.length = msg.data["length"]
        self._clock = FarClock(msg.data["now"])
        gevent.spawn(self._tell)

    def _on_window(self, msg: Any, **_: Any) -> None:
        gevent.spawn(self._follow, msg.data["start"], msg.data["end"])

    def _on_spawning_complete(self, user_count: int) -> None:
        self._users = user_count

    def _follow(self, start: float, end: float) -> None:
        gevent.sleep(self._clock.until(start))
        self._in_window = True
        self._environment.stats.reset_all()
        self._recorder.begin_window()
        gevent.sleep(self._clock.until(end) + self._settings.grace_s + ORPHAN_S)
        self._environment.runner.quit()

    def _beat(self) -> None:
        while True:
            gevent.sleep(BEAT_S)
            self._environment.runner.send_message(BEAT)

    def _tell(self) -> None:
        while True:
            gevent.sleep(1.0 - self._clock.now() % 1.0)
            try:
                latencies = array("f", self._recorder.flush()).tobytes()
            except OSError as error:  # such as a full disk; the journal has it, and the master misses this worker
                sys.stderr.write(f"error: {type(error).__name__}: {error}\n")
                leave(LOAD_FAILED)
            self._environment.runner.send_message(SECOND, {**self._counts(), "latencies": latencies})

    def _counts(self) -> dict[str, int]:
        return {"requests": self._recorder.rows, "failures": self._recorder.failures}

    def _on_report(self, data: dict[str, Any], **_: Any) -> None:
        final = self._environment.runner.state == "stopped"
        data[TAG] = {**self._counts(), "in_window": self._in_window, "final": final}

    def _on_test_stop(self, **_: Any) -> None:
        self._recorder.close(self._users)

    def _on_quitting(self, **_: Any) -> None:
        self._environment.runner.stop()
