"""What the primary tells: a line a second in live.jsonl, and result.json at the end."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

DONE, FAILED = "done", "failed"
WRONG_ANSWER, LOAD_FAILED, STOPPED = 3, 4, 128 + 15
"""Exit codes: nothing was loaded; the load broke off; SIGTERM."""

STOPPED_BY_SIGNAL = "stopped by signal"


@dataclass
class Result:
    """How the load went. Times are seconds since the epoch on this host's clock, None where it did not get so far."""

    state: str = FAILED
    error: str | None = None
    load_start_unix_s: float | None = None
    ramp_end_unix_s: float | None = None
    window_start_unix_s: float | None = None
    window_end_unix_s: float | None = None
    load_end_unix_s: float | None = None
    check_requests: int = 0
    """Requests of the check before the load; the server and Redis may have seen them."""
    users: int = 0
    """Users that ran, and so the most requests that can have been in flight when the load ended."""
    workers: int = 0
    """Processes that sent load."""


class Output:
    """The primary's two files. Raises OSError where they cannot be written."""

    def __init__(self, out_dir: Path) -> None:
        """Start live.jsonl anew."""
        self._result_path = out_dir / "result.json"
        self._live = os.open(out_dir / "live.jsonl", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)

    def live(self, line: Mapping[str, object]) -> None:
        """Say one line, whole in one write."""
        os.write(self._live, json.dumps(line, separators=(",", ":")).encode() + b"\n")

    def end(self, result: Result, line: Mapping[str, object]) -> None:
        """Write the result, then say it as the last line."""
        written = asdict(result)
        partial = self._result_path.with_suffix(".tmp")
        partial.write_text(json.dumps(written) + "\n")
        partial.replace(self._result_path)
        self.live({**line, "result": written})


def leave(exit_code: int) -> NoReturn:
    """End the process at once, without what Locust and Python do at their end; what was said is written before."""
    sys.stdout.flush()
    sys.stderr.flush()  # Python 3.8 keeps it back where it is no terminal
    os._exit(exit_code)
