"""The contract in Starlette, asynchronous."""

import asyncio
from typing import Any, Callable

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from apps.counter import counted_asgi
from apps.options import Options, Value
from apps.redis_async import Redis
from apps.table import BAD_STUDENT, as_json, as_text, name_in, students
from apps.work import burn


class Contract:
    """What each route does."""

    def __init__(self, options: Options) -> None:
        """Connect to nothing yet."""
        self._options, self._answers = options, options.answers
        self._redis = Redis(options)
        self._students = students(options, "apps.students_async")

    def _answer(self, value: Value) -> Response:
        if self._options.response == "json":
            return JSONResponse({value.key: value.value})
        return HTMLResponse(value.value)

    async def index(self, _: Request) -> Response:
        """Answer at once."""
        return self._answer(self._answers.none)

    async def user(self, _: Request) -> Response:
        """Answer with what Redis holds."""
        key = self._answers.redis.key
        return self._answer(Value(key, await self._redis.get(key)))

    async def file(self, _: Request) -> Response:
        """Answer with what the file holds."""
        text = await anyio.Path(str(self._options.file)).read_text()
        return self._answer(Value(self._answers.file.key, text))

    async def users(self, _: Request) -> Response:
        """Answer with the whole table."""
        rows = await self._students().list()
        if self._options.response == "json":
            return JSONResponse({self._answers.students.key: as_json(rows)})
        return HTMLResponse(as_text(rows))

    async def insert(self, request: Request) -> Response:
        """Add the name that was sent to the table."""
        try:
            name = name_in(await request.json())
        except ValueError:
            name = ""
        if not name:
            raise HTTPException(400, BAD_STUDENT)
        await self._students().insert(name)
        return self._answer(self._answers.inserted)

    async def work(self, _: Request) -> Response:
        """Answer after the work that is wanted."""
        work = self._options.work
        burn(work.cpu_ms)
        await asyncio.sleep(work.wait_ms / 1000)
        if work.redis_mib:
            await self._redis.count_bits(work.redis_mib)
        if work.db_khashes:
            await self._students().hash(work.db_khashes)
        return self._answer(self._answers.work)


def create(options: Options) -> Starlette:
    """Return the ASGI app."""
    contract = Contract(options)
    routes = [
        Route("/index", contract.index),
        Route("/user", contract.user),
        Route("/user", contract.insert, methods=["POST"]),
        Route("/file", contract.file),
        Route("/users", contract.users),
        Route("/work", contract.work),
    ]
    return Starlette(debug=options.debug, routes=routes)


def from_env() -> Callable[..., Any]:
    """Return the app as the environment wants it; what the server calls in each of its processes."""
    options = Options.from_env()
    return counted_asgi(create(options), options.runtime_dir, options.busy_us)
