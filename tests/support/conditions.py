"""What the profile ``controlled`` changes of a client, as tests ask for it."""

from __future__ import annotations

from tests.support.checkout import Checkout

NAMES = ("ip_local_port_range", "tcp_tw_reuse", "ip_local_reserved_ports")
DEFAULTS = ["32768 60999", "2", ""]
CONTROLLED = ["1024 65535", "1", "5557"]


def settings(checkout: Checkout) -> list[str]:
    """Return the client's settings of these names."""
    names = " ".join(NAMES)
    said = checkout.on("client1", f"cd /proc/sys/net/ipv4; for name in {names}; do xargs < $name; done")
    return said.removesuffix("\n").split("\n")
