"""Whether two runs measured a cell under the same conditions, by their manifests (collect/data/comparable.yml)."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collect.catalog import needs_database
from collect.cells import window_s_of
from collect.compare.heads import Head
from collect.documents import load_yaml, nearest
from collect.errors import BenchError
from collect.paths import DATA_DIR
from collect.plan import Cell
from collect.serving import python_of

GROUPS = {"variant": "variants", "workload": "workloads", "generator": "generators", "profile": "profiles"}
NOT_OF_VARIANTS = ("article",)
"""Keys of a variant that say whose figures it is held against, and change nothing of what is served."""
SERVER, CLIENTS = "server", "clients"
MOST_SHOWN = 40
"""Characters of a value in one line."""

Traits = dict[tuple[str, str], Any]
"""By the name in comparable.yml and where it stands: the value."""


@dataclass(frozen=True)
class Difference:
    """One thing in which two runs differ."""

    name: str
    """As --despite takes it."""
    where: str
    """Which fact, key or file, and of which host."""
    first: Any
    second: Any

    def in_words(self) -> str:
        """Return it as a user reads it."""
        title, where = table()[self.name]["title"], f" ({self.where})" if self.where else ""
        return f"{title}{where}: {' / '.join(_apart(_text(self.first), _text(self.second)))}"


@functools.cache
def table(path: Path = DATA_DIR / "comparable.yml") -> Mapping[str, Mapping[str, Any]]:
    """Return what must agree. A test holds the file against its schema: that takes longer than most comparisons."""
    entries: Mapping[str, Mapping[str, Any]] = load_yaml(path)
    return entries


def check_names(despite: Iterable[str]) -> frozenset[str]:
    """Return the names of what may differ; BenchError for one that is not in the table."""
    names = frozenset(despite)
    for name in sorted(names - table().keys()):
        raise BenchError(f'nothing called "{name}" has to agree', "--despite", nearest(name, table()))
    return names


def traits(head: Head, cell: Cell) -> Traits:
    """Return all that matters of a run for one of its cells."""
    entries = {part: head.catalog[group].get(getattr(cell, part), {}) for part, group in GROUPS.items()}
    places = _places(entries)
    found: Traits = {("clients", ""): len(head.clients)}
    for name, asked in table().items():
        if asked.get("only") and asked["only"] not in places:
            continue
        for key in asked.get("locks", ()):
            found[name, key] = head.locks.get(key)
        for key in asked.get("plan", ()):
            found[name, key] = _planned(head, key, cell)
        if part := asked.get("entry"):
            found |= {(name, key): value for key, value in _entry(head, part, entries[part]).items()}
        for host, facts in _hosts(head, asked.get("of"), cell.profile, entries["profile"]):
            for fact in asked.get("facts", ()):
                found |= {(name, f"{where} of {host}"): value for where, value in _fact(facts, fact).items()}
    return {place: value for place, value in found.items() if value is not None}


def differences(first: Traits, second: Traits, despite: Iterable[str] = ()) -> list[Difference]:
    """Return what of it differs, but for the names in ``despite``; what both lack is alike."""
    names = list(table())
    places = sorted(first.keys() | second.keys(), key=lambda place: (names.index(place[0]), place[1]))
    return [
        Difference(name, where, first.get((name, where)), second.get((name, where)))
        for name, where in places
        if name not in despite and first.get((name, where)) != second.get((name, where))
    ]


def alike(first: Traits, second: Traits, despite: Iterable[str] = ()) -> bool:
    """Say whether nothing that matters differs, but for the names in ``despite``."""
    return not differences(first, second, despite)


def only_one_has(found: Difference, first: Head, second: Head) -> bool:
    """Say whether a difference is of a client that one of two runs has not; their number tells that, too."""
    number = found.where.rpartition(" of client ")[2]
    return number.isdecimal() and int(number) > min(len(first.clients), len(second.clients))


def in_words(found: Iterable[Difference], most: int = 3) -> str:
    """Return differences in one line, the first few in full."""
    listed = list(found)
    said = [difference.in_words() for difference in listed[:most]]
    more = len(listed) - most
    return "; ".join(said) + (f"; and {more} more" if more > 0 else "")


def _planned(head: Head, key: str, cell: Cell) -> Any:
    """Return what the plan says of a cell; its window is that of its variant, where that has one of its own."""
    value: Any = head.plan.get(key)
    return window_s_of(cell.variant, value, head.plan.get("windows_s")) if key == "window_s" else value


def _places(entries: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return what of the ``only`` of the table is true of a cell."""
    workload = entries["workload"]
    places = {python_of(entries["variant"]), entries["generator"].get("tool", "locust")}
    if workload.get("redis_gets") or (workload.get("work") or {}).get("redis_mib"):
        places.add("redis")
    if needs_database(workload):
        places.add("database")
    return places


def _entry(head: Head, part: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a catalog entry, of a variant with the style of its framework."""
    if part != "variant":
        return dict(entry)
    framework = head.catalog["frameworks"].get(entry.get("framework"), {})
    return {key: value for key, value in entry.items() if key not in NOT_OF_VARIANTS} | {
        "style": framework.get("style")
    }


def _hosts(
    head: Head, of: str | None, name: str, profile: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return the hosts by what they are for, each with its facts; settings as the profile of this name leaves them."""
    if of != CLIENTS:
        yield SERVER, _tuned(head.hosts.get(head.server or "", {}), name)
    if of != SERVER:
        for number, host in enumerate(head.clients, start=1):
            facts = _tuned(head.hosts.get(host, {}), name)
            settings = {**(facts.get("sysctl") or {}), **(profile.get("client_sysctls") or {})}
            yield f"client {number}", {**facts, "sysctl": settings}


def _tuned(facts: Mapping[str, Any], profile: str) -> Mapping[str, Any]:
    """Return a host's facts with what is tuned for the trials of a profile, nothing where those are not."""
    told = facts.get("tuning") or {}
    listed = {key: value for key, value in told.items() if key != "profiles"}
    return {**facts, "tuning": listed if profile in told.get("profiles", ()) else {}}


def _fact(facts: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return a fact by its dotted path; of a mapping each key by itself."""
    value: Any = facts
    for key in path.split("."):
        value = (value or {}).get(key)
    if isinstance(value, Mapping):
        return {f"{path}.{key}": each for key, each in value.items()}
    return {path: value}


def _text(value: Any) -> str:
    return "none" if value is None else str(value)


def _apart(first: str, second: str) -> tuple[str, str]:
    """Return two unlike texts cut to what fits a line and shows where they part."""
    if max(len(first), len(second)) <= MOST_SHOWN:
        return first, second
    same = next((at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), 0)
    begin = max(0, same - MOST_SHOWN // 4)
    return _cut(first, begin), _cut(second, begin)


def _cut(text: str, begin: int) -> str:
    end = begin + MOST_SHOWN
    return ("..." if begin else "") + text[begin:end] + ("..." if len(text) > end else "")
