"""What a profile's CPU quota means for the units of a trial (see collect/load/quota.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

APP, REDIS = "bench-app.service", "bench-redis.service"


def cpu_quota_of(spec: Mapping[str, Any], side: str) -> dict[str, Any] | None:
    """Return the share of its CPUs that a side (server or client) gets, None for all of them.

    ``processes`` are the units that keep fewer cores busy than a host may have, and how many: an interpreter runs on
    one at a time, as Redis does, and wrk has a thread for each user. The database has one for each connection.
    """
    share = spec["profile"].get("cpu_quota", {}).get(side)
    if share is None:
        return None
    if side == "server":
        return {"share": share, "processes": {APP: int(spec["variant"]["processes"]), REDIS: 1}}
    count = int(spec["generator"]["processes"])
    threads = int(spec["cell"]["users"]) if spec["generator"].get("tool") == "wrk" else 1
    instances = ["primary", *(f"worker-{n}" for n in range(1, count + 1) if count > 1)]
    return {"share": share, "processes": {f"bench-load@{instance}.service": threads for instance in instances}}
