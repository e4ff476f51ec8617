"""What the role and the trial say: where Redis is, who holds up its answers, and by how much."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

from .errors import RelayError

PATH = Path("/etc/bench/relay.json")
RUN_DIR = Path("/run/bench/relay")
STATUS = RUN_DIR / "status.json"
ENVIRONMENT = Path("/run/bench/relay.env")
RELAY, NETEM = WAYS = ("relay", "netem")
HOST = "127.0.0.1"
MOST_MS = 1000.0
NETEM_MOST_MS = 50.0
"""It holds up what the collector asks of Redis, too, which would come too late for its sample."""


@dataclass(frozen=True)
class Config:
    """What the role wrote: ``by`` relay or netem, and why; the ports of Redis and of the relay on the loopback."""

    by: str
    why: str
    port: int
    redis_port: int
    password_file: str

    @property
    def asked_port(self) -> int:
        """The port at which the apps ask: the relay's, or with netem Redis' own."""
        return self.port if self.by == RELAY else self.redis_port


def load(path: Path = PATH) -> Config:
    """Read the configuration. Raises RelayError."""
    try:
        config = Config(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError) as error:
        raise RelayError(
            f"{path} cannot be read, {error}", "provision the host for a plan that needs the relay"
        ) from None
    if config.by not in WAYS:
        raise RelayError(f"{path}: by is {config.by!r}", f"use {' or '.join(WAYS)}")
    return config


def delay_ms(environment: Mapping[str, str] = os.environ) -> float:
    """Return by how much this trial's answers are held up. Raises RelayError."""
    text = environment.get("RELAY_DELAY_MS", "")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= MOST_MS:
        raise RelayError(f"RELAY_DELAY_MS is {text!r}", f"use a number from 0 to {MOST_MS:g}")
    return value


def too_long_for_netem(delay_ms: float) -> str:
    """Return why netem is not to hold up answers for so long, nothing where it may."""
    if delay_ms <= NETEM_MOST_MS:
        return ""
    return f"it would hold up what the collector asks, too, and {delay_ms:g} ms are more than {NETEM_MOST_MS:g}"
