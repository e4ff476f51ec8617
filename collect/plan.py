"""Plans: which cells, how often, for how long; expanded to the trials of a run in their seeded order.

The order: one ``random.Random(seed)`` serves the whole plan; each block, in turn, is a Fisher-Yates shuffle of the
cells as the plan lists them, from the last position down, the partner chosen as ``int(random() * (i + 1))``. Python
promises that ``random()`` yields the same sequence for a seed in every version (library reference, "Notes on
Reproducibility"); it promises no such thing of ``shuffle``. So a seed means one order for good.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from collect.catalog import Catalog, load_catalog
from collect.documents import load_document
from collect.errors import BenchError
from collect.paths import PLANS_DIR, shown

PORT_BASE = 20000
PORT_LIMIT = 32768  # Linux hands out ephemeral ports from here on
TRIAL_OVERHEAD_S = (
    2.5  # restart of the server, check of its answer, fetching of what was recorded, wait for a whole second
)

_PARTS = {"variant": "variants", "workload": "workloads", "generator": "generators", "profile": "profiles"}


@dataclass(frozen=True)
class Cell:
    """One combination that is measured."""

    variant: str
    workload: str
    generator: str
    users: int
    profile: str

    @property
    def name(self) -> str:
        """The cell in one word, e.g. ``flask-werkzeug.redis.locust-http.10.article``."""
        return f"{self.variant}.{self.workload}.{self.generator}.{self.users}.{self.profile}"


@dataclass(frozen=True)
class TrialSpec:
    """All that is to be known to do one trial; ordinal, block and position count from 1, durations are seconds."""

    trial_id: str
    ordinal: int
    total: int
    block: int
    position: int
    cell: Cell
    port: int
    ramp_s: float
    warmup_s: float
    window_s: float
    variant: Mapping[str, Any]
    workload: Mapping[str, Any]
    generator: Mapping[str, Any]
    profile: Mapping[str, Any]
    expect: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return the spec as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrialSpec:
        """Take back what ``to_json`` gave."""
        return cls(**{**data, "cell": Cell(**data["cell"])})


@dataclass(frozen=True)
class Plan:
    """A checked plan, its cells expanded, with the catalog it refers to."""

    name: str
    description: str
    blocks: int
    seed: int
    ramp_s: float
    warmup_s: float
    window_s: float
    cells: tuple[Cell, ...]
    catalog: Catalog = field(repr=False)

    def trials(self, port_base: int = PORT_BASE) -> list[TrialSpec]:
        """Return every trial in the order in which it is to be done; each has a port of its own above ``port_base``."""
        total = self.blocks * len(self.cells)
        generator = random.Random(self.seed)  # noqa: S311 (an order, no secret)
        specs: list[TrialSpec] = []
        for block in range(1, self.blocks + 1):
            for position, cell in enumerate(_shuffled(self.cells, generator), start=1):
                specs.append(self._spec(cell, block, position, len(specs) + 1, total, port_base))
        return specs

    def estimate_s(self, trials: int | None = None) -> float:
        """Return how long the plan (or that many of its trials) takes with hosts that are up, in seconds."""
        count = self.blocks * len(self.cells) if trials is None else trials
        return count * (self.ramp_s + self.warmup_s + self.window_s + TRIAL_OVERHEAD_S)

    def to_json(self) -> dict[str, Any]:
        """Return the plan without its catalog as plain data."""
        data = {
            key: getattr(self, key)
            for key in ("name", "description", "blocks", "seed", "ramp_s", "warmup_s", "window_s")
        }
        return data | {"cells": [asdict(cell) for cell in self.cells]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], catalog: Catalog) -> Plan:
        """Take back what ``to_json`` gave."""
        return cls(**{**data, "cells": tuple(Cell(**cell) for cell in data["cells"])}, catalog=catalog)

    def _spec(self, cell: Cell, block: int, position: int, ordinal: int, total: int, port_base: int) -> TrialSpec:
        entries = {part: dict(getattr(self.catalog, group)[getattr(cell, part)]) for part, group in _PARTS.items()}
        return TrialSpec(
            trial_id=f"b{block:02d}-p{position:02d}-{cell.name}",
            ordinal=ordinal,
            total=total,
            block=block,
            position=position,
            cell=cell,
            port=port_base + ordinal,
            ramp_s=self.ramp_s,
            warmup_s=self.warmup_s,
            window_s=self.window_s,
            expect=_expected(entries["variant"], entries["workload"]),
            **entries,
        )


def load_plan(plan: str | Path, catalog: Catalog | None = None) -> Plan:
    """Read and check a plan, given by the name of one in playbooks/plans/ or by a path.

    BenchError names the file and key that is wrong and what to do about it.
    """
    path = _find(str(plan))
    document = load_document(path, "plan")
    for key in ("ramp_s", "warmup_s", "window_s"):
        if not math.isfinite(document[key]):
            raise BenchError(f"{document[key]} is out of range", f"{shown(path)}: {key}", "give a number of seconds")
    catalog = catalog or load_catalog()
    return Plan(
        name=path.stem,
        description=document.get("description", ""),
        cells=_expanded(document["cells"], catalog, path),
        catalog=catalog,
        **{key: document[key] for key in ("blocks", "seed", "ramp_s", "warmup_s", "window_s")},
    )


def plan_names(folder: Path = PLANS_DIR) -> list[str]:
    """Return the names of the plans that come with the checkout."""
    return sorted(path.stem for path in folder.glob("*.yml"))


def check_ports(plan: Plan, port_base: int) -> None:
    """Raise BenchError unless every trial finds a port between ``port_base`` and the ephemeral ones."""
    last = port_base + plan.blocks * len(plan.cells)
    if port_base < 1024 or last >= PORT_LIMIT:
        remedy = f"choose a base from 1024 to {PORT_LIMIT - 1 - plan.blocks * len(plan.cells)}, or fewer trials"
        raise BenchError(
            f"the trials' ports {port_base + 1} to {last} leave 1024 to {PORT_LIMIT - 1}", "app_port_base", remedy
        )


def _find(plan: str) -> Path:
    path = Path(plan)
    if path.suffix in {".yml", ".yaml"} or len(path.parts) > 1:
        if path.is_file():
            return path
    elif (named := PLANS_DIR / f"{plan}.yml").is_file():
        return named
    elif path.is_file():
        return path
    raise BenchError(
        f'there is no plan "{plan}"', shown(PLANS_DIR), f"use one of {', '.join(plan_names())}, or a path to one"
    )


def _expanded(cells: list[Mapping[str, Any]], catalog: Catalog, path: Path) -> tuple[Cell, ...]:
    """Expand the lists in the cells to their products, in the order written; names must be known, cells unlike."""
    seen: dict[Cell, int] = {}
    for index, cell in enumerate(cells):
        for part, group in _PARTS.items():
            for name in _listed(cell[part]):
                if name not in getattr(catalog, group):
                    where = f"{shown(path)}: cells[{index}].{part}"
                    known = ", ".join(sorted(getattr(catalog, group)))
                    raise BenchError(f'unknown {part} "{name}"', where, f"use one of {known}")
        keys = ("variant", "workload", "generator", "users", "profile")
        for values in itertools.product(*(_listed(cell[key]) for key in keys)):
            expanded = Cell(*values)
            if expanded in seen:
                where = f"{shown(path)}: cells[{index}]"
                raise BenchError(
                    f"the cell {expanded.name} is there twice", where, f"remove it here or in cells[{seen[expanded]}]"
                )
            seen[expanded] = index
    return tuple(seen)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _shuffled(cells: tuple[Cell, ...], generator: random.Random) -> list[Cell]:
    order = list(cells)
    for i in range(len(order) - 1, 0, -1):
        j = int(generator.random() * (i + 1))
        order[i], order[j] = order[j], order[i]
    return order


def _expected(variant: Mapping[str, Any], workload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the one right answer: status, media type and body (a text, or the JSON object)."""
    if variant["response"] == "json":
        return {"status": 200, "type": "application/json", "body": {workload["key"]: workload["value"]}}
    return {"status": 200, "type": "text/html", "body": workload["value"]}
