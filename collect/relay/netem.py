"""Redis' answers held up by the kernel: netem on the loopback, for what comes from Redis' port alone.

``python3 -m relay.netem`` finds out, in a network namespace of its own, whether this host's kernel can; prints JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from typing import Any

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


def commands(port: int, delay_ms: float) -> list[list[str]]:
    """Return the commands that hold up what comes from a port of a loopback without queues; all else goes at once."""
    everything_else = ["priomap", *["0"] * 16]
    return [
        ["tc", "qdisc", "add", "dev", "lo", "root", "handle", "1:", "prio", "bands", "2", *everything_else],
        [
            *("tc", "qdisc", "add", "dev", "lo", "parent", "1:2", "handle", "2:"),
            *("netem", "delay", f"{delay_ms * 1000:.0f}us", "limit", str(PACKETS)),
        ],
        [
            *("tc", "filter", "add", "dev", "lo", "parent", "1:", "protocol", "ip", "prio", "1", "u32"),
            *("match", "ip", "protocol", "6", "0xff", "match", "ip", "sport", str(port), "0xffff", "flowid", "1:2"),
        ],
    ]


def hold_up(port: int, delay_ms: float) -> None:
    """Hold up what comes from a port of the loopback. Raises RelayError with tc's words."""
    let_go()
    for command in commands(port, delay_ms):
        try:
            done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
        except OSError as error:
            raise RelayError(f"tc: {error.strerror}", "install iproute2 there, or set relay_by to relay") from None
        if done.returncode:
            said = (done.stderr.decode(errors="replace").strip().splitlines() or ["it gives no reason"])[-1]
            kind = next(name for name in KINDS if name in command)
            raise RelayError(f"{kind}: {said}", "set relay_by to relay")


def let_go() -> None:
    """Put the loopback back to its queue of none."""
    subprocess.run(["tc", "qdisc", "del", "dev", "lo", "root"], capture_output=True, check=False)


def round_trips_ms(port: int, count: int = TRIES) -> list[float]:
    """Return how long it takes to connect to a port of the loopback: a SYN, and an answer that is held up."""
    took = []
    for _ in range(count):
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), 5):
            took.append((time.monotonic() - began) * 1000)
    return took


def check(port: int, delay_ms: float) -> float:
    """Return the median round trip in ms. Raises RelayError where it is not what was asked for."""
    found = statistics.median(round_trips_ms(port))
    if abs(found - delay_ms) > max(OFF_MS, OFF_SHARE * delay_ms):
        raise RelayError(f"netem is to take {delay_ms:g} ms and takes {found:.3f} ms", "set relay_by to relay")
    return found


def tried() -> dict[str, Any]:
    """Return whether netem holds up answers as it should, and why not; in whatever network namespace this runs."""
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True, capture_output=True)
        with socket.create_server(("127.0.0.1", ECHO_PORT)):
            hold_up(ECHO_PORT, TRIED_MS)
            found = check(ECHO_PORT, TRIED_MS)
    except (OSError, subprocess.SubprocessError) as error:
        return {"works": False, "why": str(error)}
    except RelayError as error:
        return {"works": False, "why": error.what}
    return {"works": True, "why": f"{TRIED_MS:g} ms were asked for, {found:.3f} ms were measured"}


def main() -> int:
    """Try in a namespace of its own, so that nothing of this host is touched."""
    if "--here" in sys.argv:
        sys.stdout.write(json.dumps(tried()) + "\n")
        return 0
    own = ["unshare", "--net", sys.executable, "-m", "relay.netem", "--here"]
    found: dict[str, Any] = {"works": False, "why": "there is no network namespace to try it in"}
    done = subprocess.run(own, capture_output=True, stdin=subprocess.DEVNULL, check=False, env=dict(os.environ))
    with contextlib.suppress(ValueError):
        found = json.loads(done.stdout)
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
