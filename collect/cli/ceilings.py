"""What the role ceilings hands over: checked, and in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REDIS = {"gets_per_s": float, "clients": int, "command": str}
NETWORK = {
    "up_mbit_per_s": float,
    "down_mbit_per_s": float,
    "up_packets_per_s": float,
    "down_packets_per_s": float,
    "command": list,
}
"""Up is from the (first) client to the server."""


def taken(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of what the hosts said: the figures, or why they are missing. Never fails."""
    return {"redis": _taken(said.get("redis"), REDIS), "network": _taken(said.get("network"), NETWORK)}


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
    return "  ceilings: " + "; ".join(parts)
