"""A design: the settings of its factors, and the cells that stand for them on both sides.

The log ratio at a setting S is L(S) = log RPS(async, S) - log RPS(sync, S). L of the empty setting is the ratio as the
article measured it, L of all factors that of async itself, on equal terms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

SYNC, ASYNC = SIDES = ("sync", "async")
ARTICLE, EQUAL = "article", "equal"
"""The two levels of a factor: as the article measured, on equal terms."""
LADDER, FACTORIAL = "ladder", "factorial"

Setting = frozenset[str]
"""The factors that are on equal terms."""


@dataclass(frozen=True)
class Factor:
    """One thing in which the article's two sides differ, or which its client did to both."""

    name: str
    title: str
    article: str
    """Its levels in words."""
    equal: str
    on: tuple[str, ...]
    """The sides on which its levels differ; on the other one it changes nothing."""


@dataclass(frozen=True)
class Row:
    """A setting and its cell on each side; a cell may stand for several settings."""

    equal: Setting
    cells: Mapping[str, str]
    """Name of the cell by side."""


@dataclass(frozen=True)
class Design:
    """A ladder or a factorial."""

    kind: str
    workload: str
    users: int
    factors: tuple[Factor, ...]
    """In the plan's order, which is that of the ladder."""
    rows: tuple[Row, ...]
    full: tuple[str, ...] = ()
    """Of a factorial: the factors that are crossed fully."""
    generators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of a factorial: the factors that are at the product of three or more others."""
    resolution: int | None = None
    """Of a fraction."""

    @property
    def names(self) -> tuple[str, ...]:
        """The factors' names."""
        return tuple(factor.name for factor in self.factors)

    @property
    def orders(self) -> dict[str, tuple[str, ...]]:
        """The two orders of a ladder."""
        return {"forward": self.names, "backward": self.names[::-1]}

    @property
    def all(self) -> Setting:
        """The setting on equal terms."""
        return frozenset(self.names)

    def factor(self, name: str) -> Factor:
        """Return a factor by its name."""
        return next(factor for factor in self.factors if factor.name == name)

    def row(self, setting: Setting) -> Row:
        """Return the row of a setting that the design has."""
        return next(row for row in self.rows if row.equal == setting)

    def cells(self, side: str) -> list[str]:
        """Return the names of a side's cells, each once."""
        return list(dict.fromkeys(row.cells[side] for row in self.rows))

    def to_json(self) -> dict[str, Any]:
        """Return the design as plain data; settings are lists in the factors' order."""
        order = self.names.index
        data = {
            "kind": self.kind,
            "workload": self.workload,
            "users": self.users,
            "factors": [asdict(factor) | {"on": list(factor.on)} for factor in self.factors],
            "rows": [{"equal": sorted(row.equal, key=order), "cells": dict(row.cells)} for row in self.rows],
        }
        if self.kind == LADDER:
            return data | {"orders": {name: list(factors) for name, factors in self.orders.items()}}
        generators = {name: list(parents) for name, parents in self.generators.items()}
        return data | {"full": list(self.full), "generators": generators, "resolution": self.resolution}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Design:
        """Take back what ``to_json`` gave."""
        return cls(
            kind=data["kind"],
            workload=data["workload"],
            users=data["users"],
            factors=tuple(Factor(**{**factor, "on": tuple(factor["on"])}) for factor in data["factors"]),
            rows=tuple(Row(frozenset(row["equal"]), row["cells"]) for row in data["rows"]),
            full=tuple(data.get("full", ())),
            generators={name: tuple(parents) for name, parents in data.get("generators", {}).items()},
            resolution=data.get("resolution"),
        )


def ladder_settings(names: Sequence[str]) -> list[Setting]:
    """Return the settings that both orders of a ladder pass, each once: first those of the first order."""
    found: dict[Setting, None] = {}
    for order in (names, names[::-1]):
        for count in range(len(names) + 1):
            found[frozenset(order[:count])] = None
    return list(found)


def design_of(plan: Mapping[str, Any]) -> Design | None:
    """Return the design of a run's plan (as its manifest has it); None for other plans and other kinds of design."""
    design = plan.get("design")
    return Design.from_json(design) if design and design["kind"] in (LADDER, FACTORIAL) else None


def complete_blocks(design: Design, logs: Mapping[str, Mapping[int, float]]) -> list[int]:
    """Return the blocks in which each cell of the design has a usable trial."""
    cells: Sequence[str] = [*design.cells(SYNC), *design.cells(ASYNC)]
    return sorted(set.intersection(*(set(logs.get(cell, {})) for cell in cells)))
