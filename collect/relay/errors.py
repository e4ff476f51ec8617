"""The one kind of error that whoever set the host up can put right."""

from __future__ import annotations

import os


class RelayError(Exception):
    """Shown as one line, never with a traceback."""

    def __init__(self, what: str, remedy: str) -> None:
        """Take what is wrong and what to do about it; where is this host."""
        super().__init__(f"error: {what} ({os.uname().nodename}): {remedy}")
        self.what = what
