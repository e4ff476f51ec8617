"""The table of students by tortoise-orm over aiomysql: one pool of connections per process."""

import asyncio
import inspect
from typing import Any, List, Optional

from tortoise import Tortoise, fields
from tortoise.models import Model

from apps.options import Database
from apps.table import CONNECT_TIMEOUT_S, HASHES, NAME_LENGTH, TABLE, Row


class Student(Model):
    """A row."""

    id = fields.IntField(pk=True)
    name = fields.CharField(max_length=NAME_LENGTH)

    class Meta:
        """Where the rows are."""

        table = TABLE


class Students:
    """The table. Each method raises tortoise's errors where the database does not do it."""

    def __init__(self, database: Database) -> None:
        """Connect to nothing yet."""
        self._database = database
        self._connection: Any = None
        self._told = False  # tortoise, where the rows are; newer ones may be told only once
        self._connecting: Optional[asyncio.Lock] = None  # made where the loop runs: Python 3.8's belong to one

    async def list(self) -> List[Row]:
        """Return id and name of all, by id."""
        await self._connected()
        return [(student.id, student.name) for student in await Student.all().order_by("id")]

    async def insert(self, name: str) -> None:
        """Add one more."""
        await self._connected()
        await Student.create(name=name)

    async def hash(self, khashes: float) -> None:
        """Have the database compute so many thousand hashes."""
        connection = await self._connected()
        await connection.execute_query(HASHES.format("%s"), [round(khashes * 1000)])

    async def _connected(self) -> Any:
        """Return the connection, made by the first that asks: each of several at once would make a pool of its own."""
        if self._connection is None:
            if self._connecting is None:
                self._connecting = asyncio.Lock()
            async with self._connecting:
                if self._connection is None:
                    self._connection = await self._connect()
        return self._connection

    async def _connect(self) -> Any:
        if not self._told:
            await self._tell()
            self._told = True
        connection = Student._meta.db
        await connection.create_connection(with_db=True)
        return connection

    async def _tell(self) -> None:
        credentials = {
            "host": self._database.host,
            "port": self._database.port,
            "user": self._database.user,
            "password": self._database.password,
            "database": self._database.name,
            "connect_timeout": CONNECT_TIMEOUT_S,
        }
        config = {
            # tortoise's own pool of connections, at its defaults: 1 kept, 5 at most.
            "connections": {"default": {"engine": "tortoise.backends.mysql", "credentials": credentials}},
            "apps": {"models": {"models": [__name__], "default_connection": "default"}},
        }
        # Newer ones would have the connection known only to the task that began it: one request.
        known_to_all = "_enable_global_fallback"
        newer = known_to_all in inspect.signature(Tortoise.init).parameters
        await Tortoise.init(config=config, **({known_to_all: True} if newer else {}))
