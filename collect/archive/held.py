"""By how much Redis' answers were held up in a trial, where something stood between the app and Redis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collect.archive.raw import RawTrial


NEW = "new"
"""A client of Redis, and so a connection, for each request."""


def held_up(raw: RawTrial) -> dict[str, float | None]:
    """Return the columns ``redis_delay_``, all None where nothing held answers up.

    ``redis_waits`` are the answers of Redis for which a request waits: those on a connection of its own, as the relay has
    counted them on those that were closed under load; 1 where connections are kept. Netem counts nothing.
    """
    relay: Mapping[str, Any] = raw.record["server"].get("relay") or {}
    held: Mapping[str, float] = relay.get("held_ms") or {}
    left, answers = relay.get("left"), relay.get("left_answers")
    waits = answers / left if left and answers is not None else None
    return {
        "redis_delay_ms": relay.get("asked_ms"),
        "redis_delay_p50_ms": held.get("p50_ms"),
        "redis_delay_p99_ms": held.get("p99_ms"),
        "redis_waits": waits if raw.spec.variant["client"] == NEW or left is None else 1.0,
    }
