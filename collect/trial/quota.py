"""What a profile's CPU quota means for the units of a trial (see collect/load/quota.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collect.trial.workers import deal

APP, REDIS = "bench-app.service", "bench-redis.service"


def cpu_quota_of(spec: Mapping[str, Any], side: str, instances: Sequence[str] | None = None) -> dict[str, Any] | None:
    """Return the share of its CPUs that a side (server or client) gets, None for all of them.

    ``processes`` are the units that keep fewer cores busy than a host may have, and how many: an interpreter runs on
    one at a time, as Redis does, and wrk has a thread for each user. The database has one for each connection.
    ``instances`` are the generator's processes on the client that is meant, without them those of all clients.
    """
    share = spec["profile"].get("cpu_quota", {}).get(side)
    if share is None:
        return None
    if side == "server":
        return {"share": share, "processes": {APP: int(spec["variant"]["processes"]), REDIS: 1}}
    if instances is None:
        [instances] = deal(int(spec["generator"]["processes"]), {"": 1}).values()
    threads = int(spec["cell"]["users"]) if spec["generator"].get("tool") == "wrk" else 1
    return {"share": share, "processes": {f"bench-load@{instance}.service": threads for instance in instances}}
