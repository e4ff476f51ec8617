"""The first page: the archive's runs, the newest first, and what to choose them by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from collect.archive.filters import VALIDITIES, Filters, fitting
from collect.archive.index import Entry
from collect.archive.labels import labels
from collect.archive.names import partial_ids
from collect.serve.asked import asked, asked_page
from collect.serve.render import page
from collect.serve.served import Served, served

ON_A_PAGE = 100


@dataclass(frozen=True)
class Field:
    """One thing that runs are chosen by."""

    name: str
    """As Filters and the address have it."""
    label: str
    hint: str
    offered: Sequence[str] = ()
    """What can be chosen from; anything may be written all the same, unless it is ``closed``."""
    closed: bool = False


@dataclass(frozen=True)
class Listed:
    """A run in the list."""

    entry: Entry
    machines: Sequence[str]
    """The hosts' CPU models, each once."""
    comparable: str
    """How many of its ratios count, "" where it has none."""
    tags: Sequence[str]
    notes: Sequence[str]


def listing_page(request: Request) -> Response:
    """Return the runs that fit the filters in the address, a hundred at a time."""
    serving = served(request)
    every = serving.entries()
    chosen: dict[str, Any] = {name: value for name in _names() if (value := asked(request, name))}
    found = fitting(serving.archive, every, Filters(**chosen)) if chosen else list(every)
    pages = max(1, -(-len(found) // ON_A_PAGE))
    number = asked_page(request, pages)
    newest = found[::-1][(number - 1) * ON_A_PAGE : number * ON_A_PAGE]
    return page(
        "archive",
        "Archive",
        fields=_fields(every),
        chosen=chosen,
        runs=[_listed(serving, entry) for entry in newest],
        fitting=len(found),
        every=len(every),
        number=number,
        pages=pages,
        under_way=partial_ids(serving.archive.path),
    )


def _names() -> list[str]:
    return [field.name for field in _fields(())]


def _fields(entries: Sequence[Entry]) -> list[Field]:
    """Return what runs are chosen by; what is offered is what the entries have."""
    return [
        Field("since", "Since", "2026-11-26"),
        Field("until", "Until", "2026-11-26"),
        Field("plan", "Plan", "quick", _each(entry.plan for entry in entries)),
        Field("inventory", "Inventory", "local", _each(entry.inventory for entry in entries)),
        Field("cpu_model", "CPU", "i7-8700", _each(model for entry in entries for model in entry.cpu_models.values())),
        Field("cell", "Cell", "starlette*redis*", _each(cell for entry in entries for cell in entry.cells)),
        Field("validity", "Validity", "", VALIDITIES, closed=True),
        Field("commit", "Commit", "9b842c8"),
        Field("tag", "Tag", "baseline"),
    ]


def _each(values: Any) -> list[str]:
    return sorted({value for value in values if value})


def _listed(serving: Served, entry: Entry) -> Listed:
    said = labels(serving.archive, entry.run_id)
    ratios = entry.ratios or ()
    counted = sum(bool(ratio["comparable"]) for ratio in ratios)
    return Listed(
        entry,
        _each(entry.cpu_models.values()),
        f"{counted} of {len(ratios)}" if ratios else "",
        said.tags,
        [note.text for note in said.notes],
    )
