"""Reading live.jsonl while it grows, and how far a run under way is."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collect.errors import BenchError
from collect.live.lines import FINISHED, Line, begins, decode, is_second, number
from collect.live.lines import LIVE as LIVE

if TYPE_CHECKING:
    from collect.archive.store import Archive

CHUNK_BYTES = 1 << 26
"""Read at once at most: the lines of a day and a half, of some 400 bytes each."""
SILENT_S = 30.0
"""A run that has told nothing for so long is taken for interrupted; from trial to trial it takes a few seconds."""


def follow(path: Path, from_byte: int) -> tuple[list[dict[str, Any]], int]:
    """Return the whole lines from a byte on, and the byte to go on from; nothing new where there is no such file.

    What is no line of ours is skipped. A file that is shorter than ``from_byte`` was begun anew, and is read as such.
    At most 64 MiB are read at once. Raises OSError where the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = from_byte if 0 <= from_byte <= os.fstat(file.fileno()).st_size else 0
            file.seek(start)
            chunk = file.read(CHUNK_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return [], from_byte
    end = chunk.rfind(b"\n") + 1
    if not end and len(chunk) == CHUNK_BYTES:
        end = len(chunk)  # no line of ours is so long
    lines = (decode(raw) for raw in chunk[:end].split(b"\n") if raw)
    return [line for line in lines if line is not None], start + end


@dataclass(frozen=True)
class Progress:
    """How far a run under way is."""

    run_id: str
    plan: str
    inventory: str
    created_at: str
    finished: int
    total: int
    """Trials on record, and all that are known by now; probes are chosen when the cells are done."""
    at_most: bool
    """Whether the run may end before ``total`` trials, since a precision is reached."""
    failed: int
    """Attempts that failed, all sessions together."""
    seconds: tuple[Line, ...]
    """Those of the trial that was told of last, oldest first."""
    trials: tuple[Line, ...]
    """The trials on record of which live.jsonl tells, each once, oldest first."""
    at: float | None
    """Unix s of the last line; None where nothing was told."""
    left_s: float | None
    """Seconds that it has left now; None where nothing was told, or it is silent."""
    silent: bool
    """Whether nothing was told for so long that nobody seems to measure."""
    to_byte: int
    """Where to go on with ``follow``."""

    @property
    def now(self) -> Line | None:
        """The last second that was told of."""
        return self.seconds[-1] if self.seconds else None


def progress(archive: Archive, run_id: str, now_s: float | None = None) -> Progress:
    """Return how far a run under way is; ``now_s`` in unix seconds.

    BenchError where no such run is under way: it is sealed, or there is none of this id.
    """
    from collect.archive.looked import last_block
    from collect.archive.names import RUN_ID
    from collect.archive.partial import find_partial

    if not RUN_ID.fullmatch(run_id):
        raise BenchError("not the id of a run", run_id[:40], "see `collect run status` for those under way")
    run = find_partial(archive.path, run_id)
    told = _Told()
    told.read(run.path / LIVE)
    total, remaining = len(run.trials()), len(run.remaining())
    now_s = time.time() if now_s is None else now_s
    silent = told.at is None or now_s - told.at > SILENT_S
    left_s = None if silent or told.left_s is None else max(0.0, told.left_s - (now_s - told.left_at))
    return Progress(
        run_id=run.run_id,
        plan=run.plan.name,
        inventory=str(run.facts["inventory"]),
        created_at=str(run.facts["created_at"]),
        finished=total - remaining,
        total=total,
        at_most=run.plan.precision is not None and last_block(run.facts) is None,
        failed=len(list((run.path / "failed").glob("*"))),
        seconds=tuple(told.seconds),
        trials=tuple(told.trials.values()),
        at=told.at,
        left_s=left_s,
        silent=silent,
        to_byte=told.to_byte,
    )


class _Told:
    """What a live.jsonl has told so far."""

    def __init__(self) -> None:
        self.seconds: list[Line] = []
        self.trials: dict[str, Line] = {}
        self.at: float | None = None
        self.left_s: float | None = None
        self.left_at = 0.0
        self.to_byte = 0

    def read(self, path: Path) -> None:
        """Read on to the file's end."""
        while True:
            lines, to_byte = follow(path, self.to_byte)
            if to_byte == self.to_byte:
                return
            self.to_byte = to_byte
            for line in lines:
                self._take(line)

    def _take(self, line: Line) -> None:
        at = number(line, "at")
        self.at = self.at if at is None else at
        if is_second(line):
            if begins(self.seconds, line):
                self.seconds = []
            self.seconds.append(line)
            left_s = number(line, "left_s")
            if left_s is not None and self.at is not None:
                self.left_s, self.left_at = left_s, self.at
        elif line["kind"] == FINISHED:
            self.trials.pop(line["trial_id"], None)  # measured again: it stands where it was finished last
            self.trials[line["trial_id"]] = line
