"""How the apps reach Redis: the same arguments for the synchronous client and the asynchronous one."""

from typing import Any, Dict, Type

import redis
from redis.backoff import NoBackoff

from apps.options import Options


def arguments(options: Options, retry: Type[Any]) -> Dict[str, Any]:
    """Return what a client is made with; ``retry`` is the client's own class for that."""
    given = {
        "host": options.redis_host,
        "port": options.redis_port,
        "password": options.redis_password,
        "decode_responses": True,
    }
    if int(redis.__version__.split(".")[0]) >= 6:
        # Newer ones greet with HELLO 3, which Redis 5.0.7 refuses, and ask a Redis that is down ten times more, for up
        # to 5 s; the article's asked once.
        given.update(protocol=2, retry=retry(NoBackoff(), 0))
    return given


def kept(options: Options, retry: Type[Any]) -> Dict[str, Any]:
    """Return what a client that is kept is made with: it asks once more where its connection turns out to be dead.

    The asynchronous client does not see before it asks that Redis has been restarted meanwhile, and would fail once for
    each connection in its pool.
    """
    return {**arguments(options, retry), "retry": retry(NoBackoff(), 1), "retry_on_error": [redis.ConnectionError]}
