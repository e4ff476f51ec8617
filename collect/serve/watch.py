"""The run under way, as what is new of it each time one looks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from collect.archive.partial import SUFFIX, PartialRun, partial_ids
from collect.archive.store import Archive
from collect.errors import BenchError
from collect.live.read import LIVE, follow

Event = tuple[str, Mapping[str, Any]]

NONE, RUN, SECOND, FINISHED, BEAT, ENDED = "none", "run", "second", "finished", "beat", "ended"
"""No run is under way; one is; a second of a trial; a trial that is done; nothing new; the run is not under way now."""
SILENT_S = 10.0
"""After so long without a line another run that has newer ones is looked at instead."""
BEAT_S = 5.0
RECENT = 180
"""Seconds of the trial under way that a newcomer is told."""


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
        events = self._changed(now)
        if self._run_id is not None:
            events += self._lines(self._run_id, now)
        if events:
            self._beat = now
        elif now - self._beat >= BEAT_S:
            self._beat = now
            events.append((BEAT, {"run_id": self._run_id, "heard_s": heard_s(self._archive, self._run_id)}))
        return events

    def _changed(self, now: float) -> list[Event]:
        """Return that a run has ended, and that there is another or none."""
        events: list[Event] = []
        last = self._run_id
        if last is not None and not _partial(self._archive, last).is_dir():
            events.append((ENDED, {"run_id": last, "sealed": self._archive.folder(last).is_dir()}))
            self._run_id, self._told_none = None, False
        if self._run_id is None or now - self._heard > SILENT_S:
            newest = under_way(self._archive)
            if newest is None and not self._told_none:
                events.append((NONE, {}))
                self._told_none = True
            if newest is not None and newest != self._run_id:
                self._run_id, self._read, self._told_none, self._heard = newest, 0, False, now
                events.append((RUN, about(self._archive, newest)))
        return events

    def _lines(self, run_id: str, now: float) -> list[Event]:
        newcomer = self._read == 0
        lines, self._read = follow(_partial(self._archive, run_id) / LIVE, self._read)
        if lines:
            self._heard = now
        told = recent(lines) if newcomer else lines
        return [(FINISHED if line.get("kind") == FINISHED else SECOND, line) for line in told]


def recent(lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return what a newcomer is told of a run so far: every finished trial, and the last seconds of the last trial."""
    seconds = [line for line in lines if line.get("kind") != FINISHED]
    last = seconds[-1].get("trial_id") if seconds else None
    kept = {id(line) for line in seconds[-RECENT:] if line.get("trial_id") == last}
    return [line for line in lines if line.get("kind") == FINISHED or id(line) in kept]


def under_way(archive: Archive) -> str | None:
    """Return the run under way that was heard of last, interrupted ones included; None where there is none."""
    known = partial_ids(archive.path)
    return max(known, key=lambda run_id: (_touched(archive, run_id), run_id), default=None)


def about(archive: Archive, run_id: str) -> dict[str, Any]:
    """Return what a run under way is: its plan, how many trials it has, how many are done, when it was last heard of."""
    said: dict[str, Any] = {"run_id": run_id, "heard_s": heard_s(archive, run_id)}
    try:
        run = PartialRun(_partial(archive, run_id))
        trials = run.trials()
        done = sum(run.finished(spec) for spec in trials)
    except (BenchError, KeyError, TypeError, ValueError):
        # It may just be sealed, or be of another version: then nothing is known of it but that it is there.
        return said | {"plan": None, "of": None, "done": None}
    return said | {"plan": run.plan.name, "of": len(trials), "done": done}


def heard_s(archive: Archive, run_id: str | None) -> float | None:
    """Return how many seconds ago a run under way was last heard of; None where it never was."""
    touched = _touched(archive, run_id) if run_id else 0.0
    return round(max(0.0, time.time() - touched), 1) if touched else None


def _partial(archive: Archive, run_id: str) -> Path:
    return archive.path / f"{run_id}{SUFFIX}"


def _touched(archive: Archive, run_id: str) -> float:
    """Return when a run's live file was last written, in unix seconds; 0 where it has none."""
    try:
        return (_partial(archive, run_id) / LIVE).stat().st_mtime
    except OSError:
        return 0.0
