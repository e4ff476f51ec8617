"""The contract in Starlette, asynchronous."""

import redis.asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from apps.options import Options, Value


def create(options: Options) -> Starlette:
    """Return the ASGI app: GET /index answers without I/O, GET /user with what Redis holds."""

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

    return Starlette(debug=options.debug, routes=[Route("/index", index), Route("/user", user)])


def from_env() -> Starlette:
    """Return the app as the environment wants it; what uvicorn calls in each of its processes."""
    return create(Options.from_env())
