"""How long each phase took the last time: what the time left of one is guessed from."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path


class Durations:
    """Seconds by the name of a play, kept in a file that nobody misses."""

    def __init__(self, path: Path) -> None:
        """Read what is known."""
        self.path = path
        try:
            self.known: dict[str, float] = json.loads(path.read_text())
        except (OSError, ValueError):
            self.known = {}

    def left(self, play: str, elapsed_s: float) -> str:
        """Return the time left of a play in words, or nothing where nothing is known."""
        left_s = self.known.get(play, 0) - elapsed_s
        return f", about {left_s:.0f} s left in this phase" if left_s > 1 else ""

    def keep(self, play: str, duration_s: float) -> None:
        """Keep how long a play took."""
        if abs(duration_s - self.known.get(play, 0)) > 1:
            self.known[play] = round(duration_s, 1)
            with contextlib.suppress(OSError):
                self.path.parent.mkdir(exist_ok=True)
                self.path.write_text(json.dumps(self.known))
