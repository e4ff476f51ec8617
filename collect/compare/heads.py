"""What a comparison needs of a run's manifest, read without the thousands of lines about its trials.

A manifest is mostly its trials' entries, and those stand last. So the first keys of the file are read one by one up to
them, and a thousand runs take a second or two instead of a minute.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from collect.archive.names import SCHEMA_VERSION
from collect.archive.store import Archive, Manifest
from collect.errors import BenchError
from collect.paths import shown
from collect.plan import Cell

HEAD_BYTES = 2**18
WANTED = ("run_id", "created_at", "schema_version", "plan", "catalog", "git", "locks", "hosts", "trials")

_BETWEEN = re.compile(r"[\s,:]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Head:
    """What a run says of itself before it tells of its trials."""

    run_id: str
    created_at: str
    plan: Mapping[str, Any]
    catalog: Mapping[str, Any]
    locks: Mapping[str, Any]
    hosts: Mapping[str, Mapping[str, Any]]
    server: str | None
    """Name of the server host; None where no trial tells it."""
    clients: tuple[str, ...]
    commit: str | None
    dirty: bool | None
    """Whether the checkout had changes."""

    @functools.cached_property
    def cells(self) -> dict[str, Cell]:
        """Return the plan's cells by name."""
        cells = [Cell(**cell) for cell in self.plan["cells"]]
        return {cell.name: cell for cell in cells}

    @property
    def code(self) -> str:
        """The commit in short, with a + where there were changes."""
        return f"{(self.commit or 'unknown')[:8]}{'+' if self.dirty else ''}"


def read_head(archive: Archive, run_id: str) -> Head:
    """Return the head of a sealed run; BenchError as Archive.manifest has it."""
    try:
        return head_of(read_keys(archive, run_id))
    except (LookupError, TypeError, AttributeError) as error:
        where = shown(archive.folder(run_id) / "manifest.json")
        raise BenchError("the manifest cannot be read", where, f"see `collect verify {run_id}`") from error


def read_keys(archive: Archive, run_id: str) -> Manifest:
    """Return what stands in a sealed run's manifest before its trials, and the first of these; else the whole of it.

    BenchError as Archive.manifest has it.
    """
    keys: dict[str, Any] | None = None
    try:
        with (archive.folder(run_id) / "manifest.json").open("rb") as file:
            keys = first_keys(file.read(HEAD_BYTES).decode(errors="ignore"))
    except OSError:
        pass  # said below, in the archive's words
    return archive.manifest(run_id) if keys is None or keys["schema_version"] != SCHEMA_VERSION else keys


def read_heads(archive: Archive) -> tuple[list[Head], list[BenchError]]:
    """Return the heads of all sealed runs that can be read, oldest first, and why the others cannot."""
    heads: list[Head] = []
    refused: list[BenchError] = []
    for run_id in archive.run_ids():
        try:
            heads.append(read_head(archive, run_id))
        except BenchError as error:
            refused.append(error)
    return heads, refused


def head_of(manifest: Manifest) -> Head:
    """Return the head of a whole manifest."""
    trial: Mapping[str, Any] = next(iter(manifest["trials"]), {})
    server = (trial.get("server") or {}).get("name")
    clients = tuple(sorted(name for name in trial.get("clocks") or () if name != server))
    return Head(
        **{key: manifest[key] for key in ("run_id", "created_at", "plan", "catalog", "locks", "hosts")},
        server=server,
        clients=clients,
        commit=manifest["git"]["commit"],
        dirty=manifest["git"]["dirty"],
    )


def first_keys(text: str) -> dict[str, Any] | None:
    """Return the keys of the JSON object that ``text`` begins, up to the first of its trials.

    None where it ends before, and where a wanted key comes after the trials: then the whole has to be read.
    """
    keys: dict[str, Any] = {}
    try:
        at = text.index("{") + 1
        while True:
            key, at = _DECODER.raw_decode(text, _next(text, at))
            at = _next(text, at)
            if key == "trials":
                at = _next(text, at + 1)  # behind the bracket
                keys[key] = []
                if text[at] != "]":
                    first, at = _DECODER.raw_decode(text, at)
                    keys[key] = [first]
                    if at == len(text):
                        return None  # a number at the end may be cut
                break
            keys[key], at = _DECODER.raw_decode(text, at)
    except (ValueError, IndexError, TypeError):
        return None
    return keys if all(key in keys for key in WANTED) else None


def _next(text: str, at: int) -> int:
    """Return where the next word of JSON begins."""
    found = _BETWEEN.match(text, at)
    assert found  # it fits nothing, too
    return found.end()
