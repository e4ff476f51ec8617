"""What one request costs the recorder, in nanoseconds; printed as JSON. Part of recording_cost.py, runs in Python 3.8.

Usage: python3.8 benchmarks/recorder_call.py HttpUser|FastHttpUser
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

sys.path.append(str(Path(__file__).resolve().parent.parent))

from locust.event import EventHook

from collect.load.recorder import Recorder
from collect.load.timing import percentile_ms

CALLS = 1_000
ROUNDS = 400
"""Short rounds, the quickest of which was not disturbed; many, so that there is one."""


def extra_ns(plain: Callable[[], object], more: Callable[[], object], after: Callable[[], object]) -> float:
    """Return what a call of ``more`` takes beyond one of ``plain``; ``after`` runs untimed after each round."""
    quickest = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        for side, call in enumerate((plain, more)):
            began = time.perf_counter()
            for _ in range(CALLS):
                call()
            quickest[side] = min(quickest[side], time.perf_counter() - began)
        after()
    return (quickest[1] - quickest[0]) / CALLS * 1e9


def main(user_class: str) -> None:
    """Measure Locust's event with and without the recorder, and the work of each second."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        recorder = Recorder(Path(folder), "primary", user_class, 200)
        recorder.length = 5
        told = {
            "request_type": "GET", "response_time": 1.25, "name": "/user", "context": {},
            "response": SimpleNamespace(status_code=200), "exception": None, "start_time": time.time(),
            "url": "http://127.0.0.1:1/user", "response_length": 5,
        }  # fmt: skip
        bare, recorded = EventHook(), EventHook()
        recorded.add_listener(recorder.listener())
        listener = extra_ns(lambda: bare.fire(**told), lambda: recorded.fire(**told), recorder.flush)
        seconds = []
        for _ in range(ROUNDS):
            for _ in range(CALLS):
                recorded.fire(**told)
            began = time.perf_counter()
            percentile_ms(recorder.flush(), 0.95)
            seconds.append((time.perf_counter() - began) / CALLS * 1e9)
        recorder.close(users=1)
    print(json.dumps({"listener": listener, "each second": min(seconds)}))


main(sys.argv[1])
