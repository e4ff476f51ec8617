"""How many requests a process of the app was asked, kept where others can read it while it runs.

Each process has a file of its own, ``requests.<pid>``: one unsigned number of 8 bytes in the machine's order.
"""

import mmap
import os
import threading
from pathlib import Path
from typing import Any, Callable, Optional

from apps.work import slowed

SIZE_BYTES = 8


def counter(folder: Optional[str]) -> Callable[[], None]:
    """Return what counts one request more, from any thread. Without a folder nobody else can read the count."""
    if folder:
        with Path(folder, f"requests.{os.getpid()}").open("w+b") as file:
            file.truncate(SIZE_BYTES)
            numbers = memoryview(mmap.mmap(file.fileno(), SIZE_BYTES)).cast("Q")
    else:
        numbers = memoryview(mmap.mmap(-1, SIZE_BYTES)).cast("Q")
    lock = threading.Lock()

    def count() -> None:
        with lock:
            numbers[0] += 1

    return count


def counted_wsgi(app: Callable[..., Any], folder: Optional[str], busy_us: int = 0) -> Callable[..., Any]:
    """Return the WSGI app with every request counted, whatever comes of it, and slowed by so much CPU."""
    count = slowed(counter(folder), busy_us)

    def counting(environ: Any, start_response: Any) -> Any:
        count()
        return app(environ, start_response)

    return counting


def counted_asgi(app: Callable[..., Any], folder: Optional[str], busy_us: int = 0) -> Callable[..., Any]:
    """Return the ASGI 3 app likewise; no coroutine of its own, so that it costs what WSGI's does."""
    count = slowed(counter(folder), busy_us)

    def counting(scope: Any, receive: Any, send: Any) -> Any:
        if scope["type"] == "http":
            count()
        return app(scope, receive, send)

    return counting
