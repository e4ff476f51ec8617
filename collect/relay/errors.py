"""The one kind of error that whoever set the host up can put right, and how the commands here tell it."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Callable


class RelayError(Exception):
    """Shown as one line, never with a traceback."""

    def __init__(self, what: str, remedy: str) -> None:
        """Take what is wrong and what to do about it; where is this host."""
        super().__init__(f"error: {what} ({os.uname().nodename}): {remedy}")
        self.what = what


def say(do: Callable[[], dict[str, Any]]) -> int:
    """Do it and print what comes of it as JSON, or what went wrong as one line; return the exit code."""
    try:
        said = do()
    except RelayError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(json.dumps(said) + "\n")
    return 0
