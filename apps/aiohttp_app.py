"""The contract in aiohttp, asynchronous."""

import asyncio
import json
from typing import Any, Awaitable, Callable, Optional

import aiofiles
from aiohttp import web

from apps.counter import counter
from apps.options import Options, Value
from apps.redis_async import Redis
from apps.table import BAD_STUDENT, as_json, as_text, name_in, students
from apps.work import burn, slowed


class Contract:
    """What each route does."""

    def __init__(self, options: Options) -> None:
        """Connect to nothing yet."""
        self._options, self._answers = options, options.answers
        self._redis = Redis(options)
        self._students = students(options, "apps.students_async")

    def _answer(self, value: Value) -> web.Response:
        if self._options.response == "json":
            return json_response({value.key: value.value})
        return web.Response(text=value.value, content_type="text/html")

    async def index(self, _: web.Request) -> web.Response:
        """Answer at once."""
        return self._answer(self._answers.none)

    async def user(self, _: web.Request) -> web.Response:
        """Answer with what Redis holds."""
        key = self._answers.redis.key
        return self._answer(Value(key, await self._redis.get(key)))

    async def file(self, _: web.Request) -> web.Response:
        """Answer with what the file holds."""
        async with aiofiles.open(str(self._options.file)) as opened:
            return self._answer(Value(self._answers.file.key, await opened.read()))

    async def users(self, _: web.Request) -> web.Response:
        """Answer with the whole table."""
        rows = await self._students().list()
        if self._options.response == "json":
            return json_response({self._answers.students.key: as_json(rows)})
        return web.Response(text=as_text(rows), content_type="text/html")

    async def insert(self, request: web.Request) -> web.Response:
        """Add the name that was sent to the table."""
        try:
            name = name_in(await request.json())
        except ValueError:
            name = ""
        if not name:
            raise web.HTTPBadRequest(text=BAD_STUDENT)
        await self._students().insert(name)
        return self._answer(self._answers.inserted)

    async def work(self, _: web.Request) -> web.Response:
        """Answer after the work that is wanted."""
        work = self._options.work
        burn(work.cpu_ms)
        await asyncio.sleep(work.wait_ms / 1000)
        if work.redis_mib:
            await self._redis.count_bits(work.redis_mib)
        if work.db_khashes:
            await self._students().hash(work.db_khashes)
        return self._answer(self._answers.work)


def json_response(said: Any) -> web.Response:
    """Return an answer in JSON. Not aiohttp's own, which names a charset that the other frameworks leave away."""
    return web.Response(body=json.dumps(said).encode(), content_type="application/json")


def counted(folder: Optional[str], busy_us: int = 0) -> Any:
    """Return a middleware that counts and slows each request, even what is not found; no coroutine of its own."""
    count = slowed(counter(folder), busy_us)

    @web.middleware
    def counting(request: web.Request, handler: Callable[[web.Request], Awaitable[web.Response]]) -> Any:
        count()
        return handler(request)

    return counting


def create(options: Options) -> web.Application:
    """Return the app. Its only debug mode is that of the loop, which whoever runs it switches on."""
    contract = Contract(options)
    app = web.Application(middlewares=[counted(options.runtime_dir, options.busy_us)])
    app.router.add_get("/index", contract.index)
    app.router.add_get("/user", contract.user)
    app.router.add_post("/user", contract.insert)
    app.router.add_get("/file", contract.file)
    app.router.add_get("/users", contract.users)
    app.router.add_get("/work", contract.work)
    return app
