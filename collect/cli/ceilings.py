"""What the role ceilings is to measure, and what it hands over: checked, and in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from collect.archive.partial import PartialRun

REDIS = {"gets_per_s": float, "clients": int, "command": str}
NETWORK = {
    "up_mbit_per_s": float,
    "down_mbit_per_s": float,
    "up_packets_per_s": float,
    "down_packets_per_s": float,
    "command": list,
}
"""Up is from the (first) client to the server."""
RELAY = {"by": str, "why": str, "direct": dict, "delays": list}
"""What holds up Redis' answers: who, round trips without it (``p50_ms`` ...) and by each delay (``asked_ms``, too)."""


def taken(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of what the hosts said: the figures, or why they are missing. Never fails."""
    kept = {"redis": _taken(said.get("redis"), REDIS), "network": _taken(said.get("network"), NETWORK)}
    return kept | ({"relay": _relay(said["relay"])} if "relay" in said else {})


def _relay(said: Any) -> dict[str, Any]:
    """Return what was measured of what holds up Redis' answers; ``through`` is Redis asked that way, undelayed."""
    if not isinstance(said, Mapping):
        return {"missing": "nothing was said"}
    printed = said.get("delays") or {}
    try:
        kept = _taken(json.loads(printed["stdout"]), RELAY)
    except (KeyError, TypeError, ValueError):
        words = str(printed.get("stderr") or printed.get("msg") or "it was not measured").strip().splitlines()
        return {"missing": words[-1].removeprefix("error: ")}
    return kept | {"through": _taken(said.get("through"), REDIS)}


def _taken(said: Any, figures: Mapping[str, type]) -> dict[str, Any]:
    if not isinstance(said, Mapping):
        return {"missing": "nothing was said"}
    try:
        return {name: kind(said[name]) for name, kind in figures.items()}
    except (KeyError, TypeError, ValueError):
        reason = str(said.get("missing") or said.get("msg") or "it was not measured")
        return {"missing": " ".join(reason.split())}


def in_words(measured: Mapping[str, Any]) -> str:
    """Return the ceilings, or why they are missing, in one line."""
    redis, network = measured["redis"], measured["network"]
    parts = [
        f"Redis not measured: {redis['missing']}" if "missing" in redis else f"Redis {redis['gets_per_s']:,.0f} GET/s",
        f"network not measured: {network['missing']}"
        if "missing" in network
        else f"network {network['up_mbit_per_s']:,.0f} Mbit/s and {network['up_packets_per_s']:,.0f} packets/s up,"
        f" {network['down_mbit_per_s']:,.0f} and {network['down_packets_per_s']:,.0f} down",
    ]
    if "relay" in measured:
        parts.append(_relay_in_words(measured["relay"]))
    return "  ceilings: " + "; ".join(parts)


def _relay_in_words(relay: Mapping[str, Any]) -> str:
    if "missing" in relay:
        return f"delays not measured: {relay['missing']}"
    direct_ms = relay["direct"]["p50_ms"]
    told = [f"{each['asked_ms']:g} ms takes {each['p50_ms'] - direct_ms:.2f}" for each in relay["delays"]]
    through = relay["through"]
    rate = "not measured" if "missing" in through else f"{through['gets_per_s']:,.0f} GET/s"
    return f"Redis held up by {relay['by']}: {', '.join(told)} ms more; {rate} through it"


def wanted(partial: PartialRun) -> dict[str, Any]:
    """Return whether Redis and the network are still to be measured, and how Redis is to be asked."""
    plan = partial.plan
    reading = [entry for entry in plan.catalog.workloads.values() if entry["redis_gets"]]
    used = [plan.catalog.workloads[cell.workload] for cell in plan.cells]
    keys = [entry["key"] for entry in (*used, *reading) if entry["redis_gets"]]
    return {
        "wanted": bool(plan.ceiling_window_s and keys) and "redis" not in partial.facts.get("ceilings", {}),
        "users": max(cell.users for cell in plan.cells),
        "key": keys[0] if keys else "",
        "delays_ms": plan.redis_delays_ms,
    }
