"""The run under way: a page, and the stream of events that moves it."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from collect.serve.render import page
from collect.serve.served import Served, served
from collect.serve.watch import Watch, begin, under_way

POLL_S = 0.5
RETRY_MS = 2000
"""After so long a browser asks again when the stream has ended."""
KIND = "text/event-stream"


def live_page(request: Request) -> Response:
    """Return the page of the run under way; it shows that there is none, too, and then waits for one."""
    archive = served(request).archive
    run_id = under_way(archive)
    return page("live", "The run under way", run=begin(archive, run_id).said if run_id else None)


async def live_events(request: Request) -> Response:
    """Return the stream (server-sent events) of the run under way, and of the next one when that has ended."""
    if request.method == "HEAD":
        return Response(media_type=KIND)
    return StreamingResponse(events(served(request)), media_type=KIND)


async def events(serving: Served, poll_s: float = POLL_S) -> AsyncGenerator[str]:
    """Yield events as a browser reads them, until the server is about to end or the stream has lasted long enough."""
    watch = Watch(serving.archive)
    began = time.monotonic()
    yield f"retry: {RETRY_MS}\n\n"
    while not serving.closing() and time.monotonic() - began < serving.stream_s:
        for name, value in await run_in_threadpool(watch.look):
            yield event(name, value)
        await asyncio.sleep(poll_s)


def event(name: str, value: Mapping[str, Any]) -> str:
    """Return one event: its name, and its data as JSON, which has no line breaks; what is no number there is null."""
    plain = {key: None if isinstance(each, float) and not math.isfinite(each) else each for key, each in value.items()}
    return f"event: {name}\ndata: {json.dumps(plain)}\n\n"
