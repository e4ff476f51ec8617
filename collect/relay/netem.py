"""Redis' answers held up by the kernel: netem on the loopback, for what comes from Redis' port alone.

``python3 -m relay.netem --most-ms 20`` finds out, in a network namespace of its own, whether the kernel can, for a
plan whose longest delay is that; prints JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from typing import Any

from . import config
from .errors import RelayError

TRIED_MS = 5.0
TRIES = 9
OFF_MS, OFF_SHARE = 0.5, 0.05
"""A round trip may be off by the larger of these, else netem is not what it says."""
PACKETS = 100_000
"""What its queue holds; its default of 1,000 drops packets of a thousand users."""
ECHO_PORT = 6379
KINDS = ("u32", "netem", "prio")
"""What the kernel must have; a filter has a "prio" of its own."""
HANDLE, DELAYED = "be1a:", "be1b:"
"""Hexadecimal numbers of the queues made here: what has another is not ours to take away (bench-relay.service, too)."""
NO_QUEUE = "noqueue"


def commands(port: int, delay_ms: float) -> list[list[str]]:
    """Return the commands that hold up what comes from a port of a loopback without queues; all else goes at once."""
    everything_else = ["priomap", *["0"] * 16]
    held_up = f"{HANDLE}2"
    return [
        ["tc", "qdisc", "add", "dev", "lo", "root", "handle", HANDLE, "prio", "bands", "2", *everything_else],
        [
            *("tc", "qdisc", "add", "dev", "lo", "parent", held_up, "handle", DELAYED),
            *("netem", "delay", f"{delay_ms * 1000:.0f}us", "limit", str(PACKETS)),
        ],
        [
            *("tc", "filter", "add", "dev", "lo", "parent", HANDLE, "protocol", "ip", "prio", "1", "u32"),
            *("match", "ip", "protocol", "6", "0xff", "match", "ip", "sport", str(port), "0xffff", "flowid", held_up),
        ],
    ]


def hold_up(port: int, delay_ms: float) -> None:
    """Hold up what comes from a port of the loopback.

    Raises RelayError with tc's words, or where the loopback has a queue that was not made here.
    """
    let_go()
    why_not = taken()
    if why_not:
        raise RelayError(why_not, "remove that, or set relay_by to relay")
    for command in commands(port, delay_ms):
        done = run(*command)
        if done.returncode:
            said = (done.stderr.decode(errors="replace").strip().splitlines() or ["it gives no reason"])[-1]
            kind = next(name for name in KINDS if name in command)
            raise RelayError(f"{kind}: {said}", "set relay_by to relay")


def let_go() -> None:
    """Put the loopback back to its queue of none, if it has the one that is made here; any other stays."""
    run("tc", "qdisc", "del", "dev", "lo", "root", "handle", HANDLE)


def taken() -> str:
    """Return why the loopback cannot have our queue: it has another. Nothing where it can. Raises RelayError."""
    told = run("tc", "qdisc", "show", "dev", "lo").stdout.decode(errors="replace").splitlines()
    roots = [words[1:3] for words in map(str.split, told) if "root" in words]
    others = [" ".join(words) for words in roots if words[0] != NO_QUEUE and words[1] != HANDLE]
    return f"the loopback has a queue already, {others[0]}" if others else ""


def run(*command: str) -> subprocess.CompletedProcess[bytes]:
    """Run tc to its end. Raises RelayError where there is none."""
    try:
        return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    except OSError as error:
        raise RelayError(f"tc: {error.strerror}", "install iproute2 there, or set relay_by to relay") from None


def round_trips_ms(port: int, count: int = TRIES) -> list[float]:
    """Return how long it takes to connect to a port of the loopback: a SYN, and an answer that is held up."""
    took = []
    for _ in range(count):
        began = time.monotonic()
        with socket.create_connection((config.HOST, port), 5):
            took.append((time.monotonic() - began) * 1000)
    return took


def is_right(found_ms: float, delay_ms: float) -> bool:
    """Say whether a round trip took what was asked for."""
    return abs(found_ms - delay_ms) <= max(OFF_MS, OFF_SHARE * delay_ms)


def check(port: int, delay_ms: float) -> float:
    """Return the median round trip in ms. Raises RelayError where it is not what was asked for."""
    try:
        found_ms = statistics.median(round_trips_ms(port))
    except OSError as error:
        what = f"Redis does not answer on port {port}, {error.strerror or error}"
        raise RelayError(what, "restart bench-redis.service") from None
    if not is_right(found_ms, delay_ms):
        raise RelayError(f"netem is to take {delay_ms:g} ms and takes {found_ms:.3f} ms", "set relay_by to relay")
    return found_ms


def tried() -> dict[str, Any]:
    """Return whether netem holds up answers as it should, and why not; in whatever network namespace this runs.

    ``why`` has no figure of this one try: it is written down, and a second try must find the same.
    """
    asked = f"the {TRIED_MS:g} ms that it is asked for"
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True, capture_output=True)
        with socket.create_server((config.HOST, ECHO_PORT)):
            hold_up(ECHO_PORT, TRIED_MS)
            found_ms = statistics.median(round_trips_ms(ECHO_PORT))
    except (OSError, subprocess.SubprocessError) as error:
        return {"works": False, "why": str(error)}
    except RelayError as error:
        return {"works": False, "why": error.what}
    works = is_right(found_ms, TRIED_MS)
    why = f"netem takes {asked}" if works else f"netem does not take {asked}"
    return {"works": works, "why": why, "found_ms": found_ms}


def tried_elsewhere(most_ms: float) -> dict[str, Any]:
    """Return the same from a network namespace made for that, unless something here stands against it already."""
    try:
        why_not = config.too_long_for_netem(most_ms) or taken()
    except RelayError as error:
        why_not = error.what
    if why_not:
        return {"works": False, "why": why_not}
    own = ["unshare", "--net", sys.executable, "-m", "relay.netem", "--here"]
    done = subprocess.run(own, capture_output=True, stdin=subprocess.DEVNULL, check=False, env=dict(os.environ))
    with contextlib.suppress(ValueError):
        found: dict[str, Any] = json.loads(done.stdout)
        return found
    return {"works": False, "why": "there is no network namespace to try it in"}


def main() -> int:
    """Try in a namespace of its own, so that nothing of this host is touched."""
    parser = argparse.ArgumentParser(prog="relay.netem", description=__doc__)
    parser.add_argument("--most-ms", type=float, default=0.0, help="the longest delay that it is to take")
    parser.add_argument("--here", action="store_true", help="in the namespace that this runs in")
    options = parser.parse_args()
    found = tried() if options.here else tried_elsewhere(options.most_ms)
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
