"""Redis for the asynchronous apps."""

from typing import Any

import redis.asyncio
from redis.asyncio.retry import Retry

from apps.options import Options
from apps.redis_client import arguments, kept
from apps.work import count_bits_async


class Redis:
    """Asks by a client of its own per request, closed after it, or by one that is kept."""

    def __init__(self, options: Options) -> None:
        """Make the client that is kept; it connects when it is first used."""
        self._arguments = arguments(options, Retry)
        self._kept = redis.asyncio.StrictRedis(**kept(options, Retry))
        self._pooled = options.client == "pool"

    def _client(self) -> Any:
        return self._kept if self._pooled else redis.asyncio.StrictRedis(**self._arguments)

    async def get(self, key: str) -> str:
        """Return what is stored under a key. Raises LookupError where there is nothing."""
        client = self._client()
        try:
            value = await client.get(key)
        finally:
            if client is not self._kept:
                await close(client)
        if value is None:
            raise LookupError(f"Redis has no key '{key}'")
        return str(value)

    async def count_bits(self, redis_mib: float) -> None:
        """Have Redis count the bits of a string of so many MiB."""
        client = self._client()
        try:
            await count_bits_async(client, redis_mib)
        finally:
            if client is not self._kept:
                await close(client)


close = getattr(redis.asyncio.StrictRedis, "aclose", redis.asyncio.StrictRedis.close)
"""Newer clients warn of the old name with each call."""
