"""What Locust runs: one request without a pause, by every user, on record from the first request to the last."""

from __future__ import annotations

import signal
import sys
import traceback
from pathlib import Path
from typing import Any, ClassVar

import gevent
from locust import FastHttpUser, HttpUser, events

if not __package__:  # Locust loads this file by its path; PEP 366 then lets it import its neighbours.
    sys.path.append(str(Path(__file__).absolute().parent.parent))
    __package__ = Path(__file__).absolute().parent.name

from .locust_files import LocustFiles
from .output import LOAD_FAILED, Output, leave
from .phases import Primary
from .processes import Master, Single
from .recorder import Recorder
from .settings import Settings
from .worker import Worker

settings = Settings.from_env()

NEVER_AGAIN = -1

base = {"HttpUser": HttpUser, "FastHttpUser": FastHttpUser}[settings.user_class]


def get(user: Any) -> None:
    """Ask once."""
    user.client.get(settings.path)


def post(user: Any) -> None:
    """Send the body once."""
    user.client.post(settings.path, data=settings.request.body, headers=settings.request.headers)


class BenchUser(base):  # type: ignore[misc,valid-type]
    """Asks without a pause: HttpUser is python-requests, as in the article, FastHttpUser geventhttpclient."""

    tasks: ClassVar = [{"GET": get, "POST": post}[settings.request.method]]

    def on_start(self) -> None:
        """Let a request that is not answered be a failure of FastHttpUser's, as it is of HttpUser's.

        geventhttpclient would send it again, up to once more than its pool has room for (10), and say nothing: the
        server would have more requests than are on record.
        """
        if settings.user_class == "FastHttpUser":
            self.client.client.clientpool.get_client(settings.url)._connection_pool.size = NEVER_AGAIN


def main() -> None:
    """Hang the recorder and the phases into Locust's events."""
    if settings.workers:
        recorder = None
    else:
        recorder = Recorder(settings.out_dir, settings.instance, settings.user_class, settings.expected.status)
        # Before Locust's own listeners, so that their work is in no latency.
        events.request.add_listener(recorder.listener())
    events.init.add_listener(lambda environment, **_: begin_or_end(environment, recorder))


def begin_or_end(environment: Any, recorder: Recorder | None) -> None:
    """Begin, or end the process: Locust only logs what a listener raises, and would load a server unchecked."""
    try:
        begin(environment, recorder)
    except Exception:
        traceback.print_exc()
        leave(LOAD_FAILED)


def begin(environment: Any, recorder: Recorder | None) -> None:
    """Take this process' part, once Locust has its runner; a primary returns when the load may start."""
    environment.process_exit_code = 0  # failed requests are a result, not a failure of the load
    files = LocustFiles(environment)
    if settings.is_worker:
        assert recorder is not None
        Worker(settings, environment, recorder)
        return
    processes: Single | Master
    if recorder is None:
        processes = Master(environment, settings.workers)
        # First in line, to see each report before Locust adds it up.
        environment.events.worker_report._handlers.insert(0, processes.on_report)
    else:
        processes = Single(environment, recorder)
    primary = Primary(settings, environment, processes, Output(settings.out_dir), files)
    gevent.signal_handler(signal.SIGTERM, primary.on_signal)
    primary.prepare()


main()
