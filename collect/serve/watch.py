"""The run under way, as what is new of it each time one looks."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collect.archive.names import SUFFIX, partial_ids
from collect.archive.store import Archive
from collect.errors import BenchError
from collect.live.lines import FINISHED, LIVE, Line, is_second
from collect.live.read import follow, progress

Event = tuple[str, Mapping[str, Any]]

NONE, RUN, SECOND, BEAT, ENDED = "none", "run", "second", "beat", "ended"
"""No run is under way; one is; a second of a trial; nothing new; it has ended. And FINISHED: a trial that is done."""
SILENT_S = 10.0
"""After so long without a line a run that has newer ones is looked at instead."""
BEAT_S = 5.0
RECENT = 180
"""Seconds of the trial under way that a newcomer is told."""


@dataclass(frozen=True)
class Begun:
    """What a newcomer is told of a run under way."""

    said: Mapping[str, Any]
    """run_id; plan, how many trials it has (of) and how many are done, None where that cannot be read; heard_s."""
    lines: tuple[Line, ...] = ()
    """The trials that are done, then the last seconds of the one under way."""
    to_byte: int = 0
    """Where to read on."""


class Watch:
    """Looks at the run that was heard of last; one for each who watches."""

    def __init__(self, archive: Archive) -> None:
        """Begin without knowing of any."""
        self._archive = archive
        self._run_id: str | None = None
        self._read = 0
        self._heard = self._beat = 0.0
        self._told_none = False

    def look(self) -> list[Event]:
        """Return what is new since the last look, oldest first."""
        now = time.monotonic()
        found = self._lines(self._run_id, now) if self._run_id else []
        with contextlib.suppress(OSError):
            found += self._changed(now)  # else at the next look
        if found:
            self._beat = now
        elif now - self._beat >= BEAT_S:
            self._beat = now
            found.append((BEAT, {"run_id": self._run_id, "heard_s": heard_s(self._archive, self._run_id)}))
        return found

    def _lines(self, run_id: str, now: float) -> list[Event]:
        try:
            lines, self._read = follow(_partial(self._archive, run_id) / LIVE, self._read)
        except OSError:
            return []
        self._heard = now if lines else self._heard
        return list(_events(lines))

    def _changed(self, now: float) -> list[Event]:
        """Return that the run has ended, and that there is another or none."""
        found: list[Event] = []
        last = self._run_id
        if last is not None and (self._archive.folder(last).is_dir() or not _partial(self._archive, last).is_dir()):
            found.append((ENDED, {"run_id": last, "sealed": self._archive.folder(last).is_dir()}))
            # That there is none after it need not be said.
            self._run_id, self._told_none = None, True
        if self._run_id is not None and now - self._heard <= SILENT_S:
            return found
        newest = under_way(self._archive)
        if newest is None and not self._told_none:
            self._told_none = True
            found.append((NONE, {}))
        if newest is not None and newest != self._run_id:
            begun = begin(self._archive, newest)
            self._run_id, self._read, self._heard, self._told_none = newest, begun.to_byte, now, False
            found += [(RUN, begun.said), *_events(begun.lines)]
        return found


def under_way(archive: Archive) -> str | None:
    """Return the run under way that was heard of last, interrupted ones included; None where there is none."""
    known = partial_ids(archive.path)
    return max(known, key=lambda run_id: (_touched(archive, run_id), run_id), default=None)


def begin(archive: Archive, run_id: str) -> Begun:
    """Return what is known of a run under way so far."""
    said: dict[str, Any] = {"run_id": run_id, "plan": None, "of": None, "done": None}
    said["heard_s"] = heard_s(archive, run_id)
    try:
        found = progress(archive, run_id)
    except (BenchError, OSError, KeyError, TypeError, ValueError):
        # It may just be sealed, or be of another version: then nothing is known of it but that it is there.
        return Begun(said)
    said |= {"plan": found.plan, "of": found.total, "done": found.finished}
    return Begun(said, (*found.trials, *found.seconds[-RECENT:]), found.to_byte)


def heard_s(archive: Archive, run_id: str | None) -> float | None:
    """Return how many seconds ago a run under way was last heard of; None where it never was."""
    touched = _touched(archive, run_id) if run_id else 0.0
    return round(max(0.0, time.time() - touched), 1) if touched else None


def _events(lines: Iterable[Line]) -> Iterable[Event]:
    for line in lines:
        if is_second(line):
            yield SECOND, line
        elif line["kind"] == FINISHED:
            yield FINISHED, line


def _partial(archive: Archive, run_id: str) -> Path:
    return archive.path / f"{run_id}{SUFFIX}"


def _touched(archive: Archive, run_id: str) -> float:
    """Return when a run's live file was last written, in unix seconds; 0 where it has none."""
    try:
        told: os.stat_result = (_partial(archive, run_id) / LIVE).stat()
    except OSError:
        return 0.0
    return told.st_mtime
