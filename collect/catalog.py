"""The catalog: what there is to measure (variants, workloads), how (generators, profiles) and the article's figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from collect.documents import check_document, load_document, nearest
from collect.errors import BenchError
from collect.paths import CATALOG_DIR, shown
from collect.serving import check_variant, check_workload

FILES = ("frameworks", "variants", "workloads", "generators", "profiles", "article", "factors")
ALIKE = ("variants", "workloads")
"""Files whose entries may be like others."""
DEEP = "factors"
"""The file whose entries stand below a key of their kind."""
NOT_TAKEN_OVER = ("like", "article")
"""Keys that stay with the entry that has them: what is like the article's variant is not the article's."""

Entries = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Catalog:
    """The entries by name; each entry as its file in playbooks/catalog/ says."""

    frameworks: Mapping[str, Mapping[str, Any]]
    variants: Mapping[str, Mapping[str, Any]]
    workloads: Mapping[str, Mapping[str, Any]]
    generators: Mapping[str, Mapping[str, Any]]
    profiles: Mapping[str, Mapping[str, Any]]
    article: Mapping[str, Mapping[str, Any]]
    factors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The sides of a design and its factors; none in entries older than they are."""

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return {name: getattr(self, name) for name in FILES}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Catalog:
        """Take back what ``to_json`` gave."""
        return cls(**{name: data[name] for name in FILES if name in data})


def needs_database(workload: Mapping[str, Any]) -> bool:
    """Say whether requests of a workload make use of the database."""
    wanted = (workload.get("db_selects"), workload.get("db_inserts"), workload.get("work", {}).get("db_khashes"))
    return any(wanted)


def needs_relay(workload: Mapping[str, Any]) -> bool:
    """Say whether Redis' answers are held up for a workload; by nothing at all counts, too."""
    return workload.get("redis_delay_ms") is not None


def load_catalog(
    folder: Path = CATALOG_DIR, changes: Mapping[str, Entries] | None = None, path: Path | None = None
) -> Catalog:
    """Read and check the catalog's files; BenchError names the file and the key that is wrong.

    ``changes`` are entries, by file and name, that a plan at ``path`` brings along; they go before those of the files.
    An entry that is ``like`` another has that one's keys where it has none of its own.
    """
    data: dict[str, Any] = {}
    for name in FILES:
        data[name] = load_document(folder / f"{name}.yml", "catalog", within=name)
    where = path or folder
    for name, entries in (changes or {}).items():
        if name not in FILES:
            raise BenchError(f'unknown key "{name}"', f"{shown(where)}: catalog", nearest(name, FILES))
        check_document(entries, where, "catalog", within=name)
        data[name] = _deep(data[name], entries) if name == DEEP else {**data[name], **entries}

    def place(file: str, entry: str, key: str) -> str:
        brought = entry in (changes or {}).get(file, {})
        whole = f"{shown(where)}: catalog.{file}." if brought else f"{shown(folder / f'{file}.yml')}: "
        return f"{whole}{entry}.{key}"

    for file in ALIKE:
        data[file] = {name: _whole(name, data[file], partial(place, file)) for name in data[file]}
    for name, variant in data["variants"].items():
        if variant["framework"] not in data["frameworks"]:
            raise BenchError(
                f'unknown framework "{variant["framework"]}"',
                place("variants", name, "framework"),
                nearest(variant["framework"], data["frameworks"]),
            )
        check_variant(name, variant, partial(place, "variants", name))
    for name, workload in data["workloads"].items():
        check_workload(name, workload, partial(place, "workloads", name))
    return Catalog(**data)


def _deep(entries: Entries, changes: Entries) -> dict[str, Any]:
    return {kind: {**entries.get(kind, {}), **changes.get(kind, {})} for kind in {**entries, **changes}}


def _whole(name: str, entries: Entries, place: Callable[[str, str], str]) -> dict[str, Any]:
    """Return an entry with all that it takes over from the one that it is like, and so on."""
    chain = [name]
    while other := entries[chain[-1]].get("like"):
        if other not in entries:
            raise BenchError(f'there is no "{other}" to be like', place(chain[-1], "like"), nearest(other, entries))
        if other in chain:
            said = " like ".join([*chain, other])
            raise BenchError(f"{said} goes round in a circle", place(chain[-1], "like"), "name one that is not like it")
        chain.append(other)
    whole: dict[str, Any] = {}
    for each in reversed(chain):
        whole = {**{key: value for key, value in whole.items() if key not in NOT_TAKEN_OVER}, **entries[each]}
    return {key: value for key, value in whole.items() if key != "like"}
