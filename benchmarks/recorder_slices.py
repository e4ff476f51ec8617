"""A locustfile that switches the recorder on and off, slice by slice. Part of recording_cost.py, runs in Python 3.8.

Writes one JSON line per slice to SLICES_OUT: whether the recorder was on, requests, seconds of wall and of CPU time.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, HttpUser, events, task

sys.path.append(str(Path(__file__).resolve().parent.parent))

from collect.load.recorder import Recorder
from collect.load.timing import percentile_ms

USER_CLASS, SLICES, SLICE_S = os.environ["BENCH_USER_CLASS"], int(os.environ["SLICES"]), float(os.environ["SLICE_S"])
WARM_UP_S = 2.0
base = {"HttpUser": HttpUser, "FastHttpUser": FastHttpUser}[USER_CLASS]


class SlicedUser(base):  # type: ignore[misc,valid-type]
    """One GET, no pause."""

    @task  # type: ignore[untyped-decorator]
    def get(self) -> None:
        """Ask once."""
        self.client.get("/user")


def run(environment: Any) -> None:
    """Measure all slices, then end the process."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder, Path(os.environ["SLICES_OUT"]).open("w") as out:
        recorder = Recorder(Path(folder), "primary", USER_CLASS, 200)
        recorder.length = len("hello")
        listener, listeners = recorder.listener(), events.request._handlers
        gevent.sleep(WARM_UP_S)
        for number in range(SLICES):
            on = number % 4 in (1, 2)  # off, on, on, off: what drifts evenly meets both sides alike
            if on:
                listeners.insert(0, listener)
            requests, wall, cpu = environment.stats.num_requests, time.monotonic(), time.process_time()
            gevent.sleep(SLICE_S)
            percentile_ms(recorder.flush(), 0.95)
            slice_ = {
                "on": on,
                "requests": environment.stats.num_requests - requests,
                "wall_s": time.monotonic() - wall,
                "cpu_s": time.process_time() - cpu,
            }
            if on:
                listeners.remove(listener)
            out.write(json.dumps(slice_) + "\n")
        assert recorder.failures == 0
        recorder.close(users=environment.runner.user_count)
    environment.runner.quit()


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def begin(environment: Any, **_: Any) -> None:
    """Start the slices with the load."""
    gevent.spawn(run, environment)
