"""By how much Redis' answers were held up in a trial, where something stood between the app and Redis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collect.archive.raw import RawTrial


def held_up(raw: RawTrial) -> dict[str, float | None]:
    """Return the columns ``redis_delay_``, all None where nothing held answers up.

    ``redis_waits`` are the answers of Redis for which an app waited, for each GET, over the whole trial: what the relay
    read of Redis by Redis' own count. Only the relay counts answers; netem does not.
    """
    relay: Mapping[str, Any] = raw.record["server"].get("relay") or {}
    held: Mapping[str, float] = relay.get("held_ms") or {}
    before, after = ((raw.record["server"].get(part) or {}).get("redis_gets") for part in ("app", "after"))
    gets = after - before if before is not None and after is not None else 0
    answers = relay.get("answers")
    return {
        "redis_delay_ms": relay.get("asked_ms"),
        "redis_delay_p50_ms": held.get("p50_ms"),
        "redis_delay_p99_ms": held.get("p99_ms"),
        "redis_waits": answers / gets if answers is not None and gets > 0 else None,
    }
