"""From a plan's ``design`` to cells: each setting on each side, with the variants that it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from collect.catalog import Catalog
from collect.cells import Cell
from collect.designs.factorial import Fraction, fraction
from collect.designs.model import ARTICLE, EQUAL, LADDER, SIDES, Design, Factor, Row, Setting, ladder_settings
from collect.documents import check_document, nearest
from collect.errors import BenchError
from collect.paths import shown
from collect.serving import check_variant

CELL_KEYS = ("generator", "profile")
"""What a factor may set beside the keys of a variant."""


@dataclass(frozen=True)
class Expanded:
    """A design with what it is measured by."""

    design: Design
    cells: tuple[Cell, ...]
    catalog: Catalog
    """With the variants of the design."""


def expand(wanted: Mapping[str, Any], catalog: Catalog, path: Path) -> Expanded:
    """Return the design that a plan at ``path`` wants; BenchError for one that cannot tell its factors apart."""
    return _Expansion(wanted, catalog, path).made()


class _Expansion:
    def __init__(self, wanted: Mapping[str, Any], catalog: Catalog, path: Path) -> None:
        self._wanted, self._catalog, self._path = wanted, catalog, path
        self._where = f"{shown(path)}: design"
        self._known: Mapping[str, Mapping[str, Any]] = catalog.factors.get("factors", {})
        self._sides: Mapping[str, Mapping[str, str]] = catalog.factors.get("sides", {})
        self._names: Sequence[str] = wanted["factors"]
        self._variants: dict[str, dict[str, Any]] = {}
        self._cells: dict[Cell, None] = {}

    def made(self) -> Expanded:
        if self._wanted["workload"] not in self._catalog.workloads:
            remedy = nearest(self._wanted["workload"], self._catalog.workloads)
            raise BenchError(f'unknown workload "{self._wanted["workload"]}"', f"{self._where}.workload", remedy)
        self._check_sides()
        factors = tuple(self._factors())
        self._check_apart()
        more: dict[str, Any] = {}
        if self._wanted["kind"] == LADDER:
            settings = ladder_settings(self._names)
        else:
            made = self._fraction()
            settings = made.settings()
            more = {"full": made.full, "generators": made.generators, "resolution": made.resolution}
        rows = tuple(Row(setting, {side: self._cell(side, setting) for side in SIDES}) for setting in settings)
        design = Design(self._wanted["kind"], self._wanted["workload"], self._wanted["users"], factors, rows, **more)
        catalog = replace(self._catalog, variants={**self._catalog.variants, **self._variants})
        return Expanded(design, tuple(self._cells), catalog)

    def _check_sides(self) -> None:
        for side in SIDES:
            for key, group in (("variant", "variants"), ("generator", "generators"), ("profile", "profiles")):
                known, name = getattr(self._catalog, group), self._sides[side][key]
                if name not in known:
                    raise BenchError(f'unknown {key} "{name}"', f"factors: sides.{side}.{key}", nearest(name, known))

    def _fraction(self) -> Fraction:
        wanted = self._wanted
        return fraction(self._names, wanted.get("full", ()), self._where, wanted.get("generators"))

    def _factors(self) -> Iterator[Factor]:
        where = f"{self._where}.factors"
        for index, name in enumerate(self._names):
            if name not in self._known:
                raise BenchError(f'unknown factor "{name}"', where, nearest(name, self._known))
            if name in self._names[:index]:
                raise BenchError(f"the design is singular: the factor {name} is there twice", where, "name it once")
            entry = self._known[name]
            on = tuple(side for side in SIDES if entry[ARTICLE][side] != entry[EQUAL][side])
            if not on:
                why = f"the factor {name} has one level: article and equal are alike on both sides"
                raise BenchError(why, where, "leave it out, or give it two levels in the catalog's factors")
            yield Factor(name, entry["title"], entry[ARTICLE]["title"], entry[EQUAL]["title"], on)

    def _check_apart(self) -> None:
        """See that no two factors set the same key: one of them would then have no say."""
        for side in SIDES:
            owner: dict[str, str] = {}
            for name in self._names:
                for key in self._keys(name, side):
                    other = owner.setdefault(key, name)
                    if other != name:
                        why = f"the design is singular: {other} and {name} both set {key} on the {side} side"
                        raise BenchError(why, f"{self._where}.factors", "leave one of them out")

    def _keys(self, name: str, side: str) -> list[str]:
        entry = self._known[name]
        return list(dict.fromkeys([*entry[ARTICLE][side], *entry[EQUAL][side]]))

    def _cell(self, side: str, setting: Setting) -> str:
        """Return the name of a side's cell at a setting; what no factor of the design sets is the article's."""
        base, sets = self._sides[side], self._sets(side, setting)
        parts = {key: sets.pop(key, base[key]) for key in CELL_KEYS}
        for key, group in (("generator", "generators"), ("profile", "profiles")):
            known = getattr(self._catalog, group)
            if parts[key] not in known:
                raise BenchError(f'unknown {key} "{parts[key]}"', "factors", nearest(str(parts[key]), known))
        variant = self._variant(side, setting, sets)
        cell = Cell(variant, self._wanted["workload"], parts["generator"], self._wanted["users"], parts["profile"])
        self._cells[cell] = None
        return cell.name

    def _sets(self, side: str, setting: Setting) -> dict[str, Any]:
        base = self._catalog.variants[self._sides[side]["variant"]]
        sets: dict[str, Any] = {}
        for name, entry in self._known.items():
            if name in self._names:
                sets.update(entry[EQUAL if name in setting else ARTICLE][side])
            elif ARTICLE in base:  # what its server does by itself, another one may do otherwise
                own = (*base, *CELL_KEYS, *sets)
                sets.update({key: value for key, value in entry[ARTICLE][side].items() if key not in own})
        return sets

    def _variant(self, side: str, setting: Setting, sets: Mapping[str, Any]) -> str:
        """Return the name of a variant that is the side's but for what the setting sets; it is made if need be."""
        base = self._sides[side]["variant"]
        own = [name for name in self._names if self._sets_variant(name, side)]
        equal = [name for name in own if name in setting]
        if not equal:
            return base
        whole = self._catalog.variants[base]
        words = [] if equal == own else [name.replace("_", "-") for name in equal]
        name = "-".join([whole["framework"], EQUAL, *words])
        entry = {key: value for key, value in whole.items() if key not in ("article", *sets)} | dict(sets)
        if {**self._catalog.variants, **self._variants}.get(name, entry) != entry:
            raise BenchError(f"there is another variant {name}", self._where, "give that one another name")
        check_document({name: entry}, self._path, "catalog", within="variants")
        check_variant(name, entry, lambda key: f"{self._where}, variant {name}: {key}")
        self._variants[name] = entry
        return name

    def _sets_variant(self, name: str, side: str) -> bool:
        """Say whether a factor changes the variant of a side."""
        article, equal = (
            {key: value for key, value in self._known[name][level][side].items() if key not in CELL_KEYS}
            for level in (ARTICLE, EQUAL)
        )
        return article != equal
