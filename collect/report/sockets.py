"""The server's sockets as they were seen in a trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def trial_sockets(entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what is known of the server's sockets in one trial of the manifest."""
    found: Mapping[str, Any] | None = entry.get("sockets") or (entry.get("server", {}).get("app") or {}).get("sockets")
    return found


def flattened(sockets: Mapping[str, Any]) -> dict[str, Any]:
    """Return a socket's options by one name each: "accepted nodelay"."""
    flat: dict[str, Any] = {}
    for part, options in sockets.items():
        if isinstance(options, Mapping):
            flat |= {f"{part} {name}": value for name, value in options.items()}
        else:
            flat[part] = options
    return flat
