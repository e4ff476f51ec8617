"""``python3 -m relay``: hold up Redis' answers for one trial; the command of bench-relay.service."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from . import config, forward, netem
from .errors import RelayError


def main() -> int:
    """Relay, or let the kernel hold up answers, until a signal comes; then leave what was done in a file."""
    parser = argparse.ArgumentParser(prog="relay", description=__doc__)
    parser.add_argument("--config", type=Path, default=config.PATH)
    parser.add_argument("--status", type=Path, default=config.STATUS, help="where it leaves what it did")
    options = parser.parse_args()
    try:
        told, delay_ms = config.load(options.config), config.delay_ms()
        figures = by_netem(told, delay_ms) if told.by == config.NETEM else by_relay(told, delay_ms)
    except RelayError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    partial = options.status.with_suffix(".tmp")
    partial.write_text(json.dumps(figures))
    partial.replace(options.status)
    return 0


def by_relay(told: config.Config, delay_ms: float) -> dict[str, Any]:
    """Relay between the apps and Redis; return what was done."""
    try:
        listener = forward.listen(config.HOST, told.port)
    except OSError as error:
        remedy = "choose another by relay_port"
        raise RelayError(f"port {told.port} cannot be listened on, {error.strerror}", remedy) from None
    return forward.serve(listener, (config.HOST, told.redis_port), delay_ms / 1000, ready)


def by_netem(told: config.Config, delay_ms: float) -> dict[str, Any]:
    """Let the kernel do it, if it does it rightly, until a signal comes; return what was measured."""
    wanted = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
    try:
        netem.hold_up(told.redis_port, delay_ms)
        found_ms = netem.check(told.redis_port, delay_ms)
        ready()
        signal.sigwait(wanted)
    finally:
        netem.let_go()
    return {"held_ms": {"p50_ms": round(found_ms, 4)}}


def ready() -> None:
    """Tell systemd, if it asks, that answers are held up from now on."""
    where = os.environ.get("NOTIFY_SOCKET")
    if where:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(b"READY=1", "\0" + where[1:] if where.startswith("@") else where)


if __name__ == "__main__":
    sys.exit(main())
