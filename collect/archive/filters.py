"""Which runs are meant: by date, plan, inventory, CPU model, cell, validity, commit and tag."""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from collect.archive.entries import UNREADABLE, Entry, begun
from collect.archive.index import Index
from collect.archive.names import RUN_ID
from collect.archive.store import Archive
from collect.archive.validity import DEGRADED, INVALID, VALID
from collect.errors import BenchError

VALIDITIES = (VALID, DEGRADED, INVALID, UNREADABLE)


@dataclass(frozen=True)
class Filters:
    """What runs must be like; None for what is all the same.

    A run that cannot be read fits only dates, by the moment that its id tells, and the validity ``unreadable``.
    """

    since: str | None = None
    """A date, a moment (ISO 8601, UTC unless it says) or a run's id; it is among those that fit."""
    until: str | None = None
    """Likewise; a date with all of its day."""
    plan: str | None = None
    """A name or shell pattern; in any case, as all that follow."""
    inventory: str | None = None
    """Likewise."""
    cpu_model: str | None = None
    """A part of the name or shell pattern of a CPU that any of its hosts has."""
    cell: str | None = None
    """A part of the name or shell pattern of any of its cells."""
    validity: str | None = None
    """One of ``VALIDITIES``."""
    commit: str | None = None
    """How the commit begins."""
    tag: str | None = None
    """A whole tag, in its own case."""
    indexed: bool = True
    """Whether the index may be asked; without it every run is read, and the answer is the same."""

    def __post_init__(self) -> None:
        """Check dates and validity; BenchError says what is wrong."""
        for option, text in (("--since", self.since), ("--until", self.until)):
            if text is not None:
                _moment(text, option)
        if self.validity is not None and self.validity not in VALIDITIES:
            raise BenchError(f'"{self.validity}" is no validity', "--validity", f"use one of {', '.join(VALIDITIES)}")

    @property
    def chooses(self) -> bool:
        """Say whether any of them is given."""
        return replace(self, indexed=True) != Filters()


def select(archive: Archive, filters: Filters, index: Index | None = None) -> list[Entry]:
    """Return the entries of the runs that fit, the oldest first."""
    entries = (index or Index(archive, use=filters.indexed)).entries()
    return fitting(archive, entries, filters)


def fitting(archive: Archive, entries: Sequence[Entry], filters: Filters) -> list[Entry]:
    """Return those of some entries that fit, in their order."""
    if not filters.chooses:
        return list(entries)
    first = _moment(filters.since, "--since") if filters.since is not None else None
    end = _end(filters.until) if filters.until is not None else None
    found = [entry for entry in entries if _says(entry, filters) and _within(entry, first, end)]
    if filters.tag is None:
        return found
    from collect.archive.labels import labels

    return [entry for entry in found if filters.tag in labels(archive, entry.run_id).tags]


def _says(entry: Entry, filters: Filters) -> bool:
    """Say whether a run says of itself what is wanted."""
    if filters.validity is not None and entry.validity != filters.validity:
        return False
    asked = (
        (filters.plan, (entry.plan,), True),
        (filters.inventory, (entry.inventory,), True),
        (filters.cpu_model, entry.cpu_models.values(), False),
        (filters.cell, entry.cells, False),
    )
    if any(wanted is not None and not _any_fits(wanted, texts, whole=whole) for wanted, texts, whole in asked):
        return False
    return filters.commit is None or (entry.git_commit or "").lower().startswith(filters.commit.lower() or " ")


def _any_fits(wanted: str, texts: Iterable[str], *, whole: bool) -> bool:
    pattern = _pattern(wanted, whole)
    return any(pattern.fullmatch(text) for text in texts if text)


@functools.lru_cache(64)
def _pattern(wanted: str, whole: bool) -> re.Pattern[str]:
    """Return what a text must match: a shell pattern as a whole, other words as a whole or anywhere."""
    if any(character in wanted for character in "*?["):
        return re.compile(fnmatch.translate(wanted), re.IGNORECASE)
    anything = "" if whole else ".*"
    return re.compile(f"{anything}{re.escape(wanted)}{anything}", re.IGNORECASE | re.DOTALL)


def _within(entry: Entry, first: datetime | None, end: datetime | None) -> bool:
    """Say whether a run was begun at ``first`` or later and before ``end``."""
    if first is None and end is None:
        return True
    moment = _begun(entry)
    return moment is not None and (first is None or moment >= first) and (end is None or moment < end)


def _begun(entry: Entry) -> datetime | None:
    """Return when a run was begun, as it says or its id tells; None where neither can be read."""
    with contextlib.suppress(ValueError):
        return _aware(datetime.fromisoformat(entry.created_at))
    with contextlib.suppress(ValueError):
        return begun(entry.run_id)
    return None


def _moment(text: str, option: str) -> datetime:
    """Return the moment that a text means; BenchError for one that means none."""
    try:
        return begun(text) if RUN_ID.fullmatch(text) else _aware(datetime.fromisoformat(text))
    except ValueError as error:
        remedy = "give one such as 2026-11-26, 2026-11-26T14:00 or a run's id"
        raise BenchError(f'"{text}" is no date, no moment and no run', option, remedy) from error


def _end(text: str) -> datetime:
    """Return the first moment that is too late: after a date its day, after a moment its second."""
    moment = _moment(text, "--until")
    later = timedelta(seconds=1)
    if RUN_ID.fullmatch(text):
        later = timedelta(seconds=2)  # it says of itself a moment later that it is begun
    else:
        with contextlib.suppress(ValueError):
            date.fromisoformat(text)
            later = timedelta(days=1)
    try:
        return moment + later
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
