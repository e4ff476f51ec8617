"""The contract in Starlette, asynchronous."""

import asyncio
from typing import Any, Callable

import redis.asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from apps.counter import counted_asgi
from apps.options import Options, Value
from apps.work import burn, count_bits_async


def create(options: Options) -> Starlette:
    """Return the ASGI app: GET /index answers without I/O, GET /user with what Redis holds, GET /work after work."""

    def new_client() -> redis.asyncio.StrictRedis:
        return redis.asyncio.StrictRedis(
            host=options.redis_host, port=options.redis_port, password=options.redis_password, decode_responses=True
        )

    kept = new_client()  # connects when it is first used

    def answer(value: Value) -> Response:
        if options.response == "json":
            return JSONResponse({value.key: value.value})
        return HTMLResponse(value.value)

    async def index(_: Request) -> Response:
        return answer(options.none)

    async def user(_: Request) -> Response:
        client = kept if options.client == "pool" else new_client()
        try:
            value = await client.get(options.redis.key)
        finally:
            if client is not kept:
                await client.close()
        if value is None:
            raise LookupError(f"Redis has no key '{options.redis.key}'")
        return answer(Value(options.redis.key, str(value)))

    async def work(_: Request) -> Response:
        burn(options.work.cpu_ms)
        await asyncio.sleep(options.work.wait_ms / 1000)
        if options.work.redis_mib:
            client = kept if options.client == "pool" else new_client()
            await count_bits_async(client, options.work.redis_mib, close=client is not kept)
        return answer(options.work_answer)

    routes = [Route("/index", index), Route("/user", user), Route("/work", work)]
    return Starlette(debug=options.debug, routes=routes)


def from_env() -> Callable[..., Any]:
    """Return the app as the environment wants it; what uvicorn calls in each of its processes."""
    options = Options.from_env()
    return counted_asgi(create(options), options.runtime_dir)
