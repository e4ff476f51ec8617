"""The catalog: what there is to measure (variants, workloads), how (generators, profiles) and the article's figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collect.documents import check_document, load_document, nearest
from collect.errors import BenchError
from collect.paths import CATALOG_DIR, shown

FILES = ("frameworks", "variants", "workloads", "generators", "profiles", "article")


@dataclass(frozen=True)
class Catalog:
    """The entries by name; each entry as its file in playbooks/catalog/ says."""

    frameworks: Mapping[str, Mapping[str, Any]]
    variants: Mapping[str, Mapping[str, Any]]
    workloads: Mapping[str, Mapping[str, Any]]
    generators: Mapping[str, Mapping[str, Any]]
    profiles: Mapping[str, Mapping[str, Any]]
    article: Mapping[str, Mapping[str, float]]

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return {name: getattr(self, name) for name in FILES}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Catalog:
        """Take back what ``to_json`` gave."""
        return cls(**{name: data[name] for name in FILES})


def load_catalog(
    folder: Path = CATALOG_DIR, changes: Mapping[str, Mapping[str, Any]] | None = None, path: Path | None = None
) -> Catalog:
    """Read and check the catalog's files; BenchError names the file and the key that is wrong.

    ``changes`` are entries, by file and name, that a plan at ``path`` brings along; they go before those of the files.
    """
    data: dict[str, Any] = {}
    for name in FILES:
        data[name] = load_document(folder / f"{name}.yml", "catalog", within=name)
    where = path or folder
    for name, entries in (changes or {}).items():
        if name not in FILES:
            raise BenchError(f'unknown key "{name}"', f"{shown(where)}: catalog", nearest(name, FILES))
        check_document(entries, where, "catalog", within=name)
        data[name] = {**data[name], **entries}
    for name, variant in data["variants"].items():
        if variant["framework"] not in data["frameworks"]:
            place = f"{shown(folder / 'variants.yml')}: {name}.framework"
            raise BenchError(
                f'unknown framework "{variant["framework"]}"', place, nearest(variant["framework"], data["frameworks"])
            )
    return Catalog(**data)
