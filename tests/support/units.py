"""What systemd says of the units on a host."""

from __future__ import annotations

from tests.support.checkout import Checkout


def shown(checkout: Checkout, host: str, unit: str, names: list[str]) -> dict[str, str]:
    """Return properties of a unit as systemd has them."""
    lines = checkout.on(host, f"systemctl show '{unit}' --property={','.join(names)}").splitlines()
    return dict(line.split("=", 1) for line in lines)
