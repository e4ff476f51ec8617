"""Who held up Redis' answers in a run, and by how much in a trial, where something stood between the app and Redis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from collect.errors import BenchError

if TYPE_CHECKING:
    from collect.archive.partial import PartialRun
    from collect.archive.raw import RawTrial


NEW = "new"
"""A client of Redis, and so a connection, for each request."""


def settle(run: PartialRun, said: Mapping[str, Any]) -> None:
    """Note who holds up Redis' answers in a run (``by``), and why: among its ceilings, where it is read.

    Raises BenchError where it was another before: cells would be compared that were held up in two ways.
    """
    known: Mapping[str, Any] = run.facts.get("ceilings", {}).get("relay", {})
    before, now = known.get("by", said["by"]), said["by"]
    if before != now:
        remedy = f"set relay_by to {before}, or begin a new run"
        raise BenchError(f"Redis' answers were held up by {before} so far, now by {now}", run.run_id, remedy)
    run.update_ceilings({"relay": {"by": now, "why": said["why"]}})


def held_up(raw: RawTrial) -> dict[str, float | None]:
    """Return the columns ``redis_delay_``, all None where nothing held answers up.

    ``redis_waits`` are the answers of Redis for which a request waits: those on a connection of its own, as the relay
    has counted them on those that were closed under load; 1 where connections are kept. Netem counts nothing.
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
