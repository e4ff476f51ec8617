from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from apps.counter import counted_asgi, counted_wsgi, counter


def counts(folder: Path) -> list[int]:
    return [int.from_bytes(path.read_bytes(), sys.byteorder) for path in folder.glob("requests.*")]


def test_no_request_is_lost_between_threads(tmp_path: Path) -> None:
    count = counter(str(tmp_path))
    assert counts(tmp_path) == [0]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=lambda: [count() for _ in range(20_000)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert counts(tmp_path) == [160_000]


def test_it_counts_without_a_folder() -> None:
    counter(None)()


def test_a_request_that_fails_is_counted(tmp_path: Path) -> None:
    def fails(environ: Any, start_response: Any) -> Any:
        raise LookupError(environ)

    app = counted_wsgi(fails, str(tmp_path))
    for _ in range(3):
        with pytest.raises(LookupError):
            app({}, None)
    assert counts(tmp_path) == [3]


def test_only_requests_are_counted(tmp_path: Path) -> None:
    async def answers(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)

    app = counted_asgi(answers, str(tmp_path))
    for kind in ("lifespan", "http", "http"):
        asyncio.run(app({"type": kind}, None, None))
    assert counts(tmp_path) == [2]
