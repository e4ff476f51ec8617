"""Plans: which cells, how often, for how long; expanded to the trials of a run in their seeded order.

The order: one ``random.Random(seed)`` serves the whole plan; each block, in turn, is a shuffle of the cells as the plan
lists them (collect/order.py).
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from collect.catalog import Catalog, load_catalog, needs_database, needs_relay
from collect.cells import CEILING as CEILING
from collect.cells import CELL as CELL
from collect.cells import PROBE as PROBE
from collect.cells import Cell as Cell
from collect.cells import TrialSpec as TrialSpec
from collect.cells import window_s_of
from collect.designs.expand import expand
from collect.documents import load_document, nearest
from collect.errors import BenchError
from collect.exchange import expected
from collect.order import ADJACENT, RANDOM, shuffled, side_by_side
from collect.pairs import groups_of
from collect.paths import PLANS_DIR, shown
from collect.serving import CORES, check_pair, python_of

PORT_BASE = 20000
PORT_LIMIT = 32768  # Linux hands out ephemeral ports from here on
TRIAL_OVERHEAD_S = (
    2.5  # restart of the server, check of its answer, fetching of what was recorded, wait for a whole second
)

CEILING_VARIANTS = ("responder-keepalive", "responder-close")
CEILING_WORKLOAD = "none"
PROBE_WINDOW_MAX_S = 20.0
PROBES_PER_CELL = 8
"""At most: four measurements of the cell itself, two of each of two interventions."""
ENOUGH = "enough"
NEEDS_DATABASE, NEEDS_MODERN_PYTHON, NEEDS_RELAY, NEEDS_CPU_QUOTA = "database", "python-modern", "relay", "cpu-quota"
"""What hosts are provisioned with only where a plan needs it."""

OWN_CELLS = ("ladder", "factorial")
"""Kinds of design that make their own cells."""

_PARTS = {"variant": "variants", "workload": "workloads", "generator": "generators", "profile": "profiles"}
_OPTIONAL = ("ceiling_window_s", "probe", "probe_window_s", "windows_s", "order", "precision")


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
    ceiling_window_s: float = 0
    probe: bool = False
    probe_window_s: float | None = None
    windows_s: Mapping[str, float] = field(default_factory=dict)
    """By variant: how long its cells are measured, where that is not ``window_s``."""
    design: Mapping[str, Any] | None = None
    """What the cells are to show together, as plain data; its ``kind`` says what else is in it (collect/designs)."""
    order: str = RANDOM
    """Of the cells in a block: at random, or those that are compared side by side (adjacent)."""
    precision: float | None = None
    """Half-width of each log ratio's 95 % interval at which measuring ends; ``blocks`` are the most then."""
    time_limit_s: float | None = None
    """With a precision: seconds of measuring after which it ends, precise or not."""

    def trials(self, port_base: int = PORT_BASE) -> list[TrialSpec]:
        """Return every trial in the order in which it is to be done; each has a port of its own above ``port_base``.

        First the ceilings (block 0), then the blocks. Probes depend on verdicts and are added later.
        """
        generator = random.Random(self.seed)  # noqa: S311 (an order, no secret)
        ceilings = self.ceilings()
        total = len(ceilings) + self.blocks * len(self.cells)
        specs: list[TrialSpec] = []
        for position, cell in enumerate(ceilings, start=1):
            specs.append(self.spec(cell, 0, position, len(specs) + 1, total, port_base, kind=CEILING))
        groups = groups_of(self.cells, self.catalog, self.design) if self.order == ADJACENT else []
        for block in range(1, self.blocks + 1):
            cells = side_by_side(groups, generator) if groups else shuffled(self.cells, generator)
            for position, cell in enumerate(cells, start=1):
                specs.append(self.spec(cell, block, position, len(specs) + 1, total, port_base))
        return specs

    def ceilings(self) -> list[Cell]:
        """Return the cells that measure what each generator of the plan can reach; none where it wants none.

        None for a profile with a busy loop, either: what is reached beside it is no ceiling.
        """
        if not self.ceiling_window_s:
            return []
        calm = [cell for cell in self.cells if not self.catalog.profiles[cell.profile].get("burn")]
        loads = dict.fromkeys((cell.generator, cell.users, cell.profile) for cell in calm)
        return [Cell(variant, CEILING_WORKLOAD, *load) for load in loads for variant in CEILING_VARIANTS]

    def estimate_s(self, trials: Iterable[TrialSpec] | None = None, *, probes: bool = True) -> float:
        """Return how long all trials (or these) take with hosts that are up, in seconds.

        With ``probes``, and if the plan has them, those of every cell are added to it: a guess, as they depend on
        verdicts.
        """
        specs = self.trials() if trials is None else trials
        total_s = sum(spec.ramp_s + spec.warmup_s + spec.window_s + TRIAL_OVERHEAD_S for spec in specs)
        if probes and self.probe:
            each_s = self.ramp_s + self.warmup_s + self.short_window_s + TRIAL_OVERHEAD_S
            total_s += len(self.cells) * PROBES_PER_CELL * each_s
        return total_s

    @property
    def needs(self) -> tuple[str, ...]:
        """What of the hosts not every plan needs."""
        workloads = (self.catalog.workloads[cell.workload] for cell in self.cells)
        pythons = {python_of(self.catalog.variants[cell.variant]) for cell in self.cells}
        database = (NEEDS_DATABASE,) if any(map(needs_database, workloads)) else ()
        relay = (NEEDS_RELAY,) if self.redis_delays_ms else ()
        modern = (NEEDS_MODERN_PYTHON,) if "modern" in pythons else ()
        quota = any(self.catalog.profiles[cell.profile].get("cpu_quota") for cell in self.cells)
        return database + modern + relay + ((NEEDS_CPU_QUOTA,) if quota else ())

    @property
    def redis_delays_ms(self) -> list[float]:
        """By how much its workloads have Redis' answers held up, ascending; empty where nothing stands before Redis."""
        workloads = (self.catalog.workloads[cell.workload] for cell in self.cells)
        return sorted({float(workload["redis_delay_ms"]) for workload in workloads if needs_relay(workload)})

    @property
    def short_window_s(self) -> float:
        """How long a probe's window is in seconds, where its resource does not run out over time."""
        return self.probe_window_s or min(self.window_s, PROBE_WINDOW_MAX_S)

    def to_json(self) -> dict[str, Any]:
        """Return the plan without its catalog as plain data."""
        data = {
            key: getattr(self, key)
            for key in (
                "name",
                "description",
                "blocks",
                "seed",
                "ramp_s",
                "warmup_s",
                "window_s",
                "ceiling_window_s",
                "probe",
                "probe_window_s",
                "order",
                "precision",
                "time_limit_s",
                "windows_s",
            )
        }
        design = {"design": self.design} if self.design else {}
        return data | design | {"cells": [asdict(cell) for cell in self.cells]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], catalog: Catalog) -> Plan:
        """Take back what ``to_json`` gave."""
        return cls(**{**data, "cells": tuple(Cell(**cell) for cell in data["cells"])}, catalog=catalog)

    def spec(
        self, cell: Cell, block: int, position: int, ordinal: int, total: int, port_base: int, *, kind: str = CELL,
        window_s: float | None = None, entries: Mapping[str, Mapping[str, Any]] | None = None,
        probe_of: str | None = None, intervention: str | None = None,
    ) -> TrialSpec:  # fmt: skip
        """Return a trial of a cell. ``entries`` (by part: variant, profile ...) go before the catalog's."""
        known = {
            part: dict((entries or {}).get(part) or getattr(self.catalog, group)[getattr(cell, part)])
            for part, group in _PARTS.items()
        }
        own_s = window_s_of(cell.variant, self.window_s, self.windows_s)
        planned_s = self.ceiling_window_s if kind == CEILING else own_s
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
            window_s=window_s or planned_s,
            expect=expected(known["variant"], known["workload"]),
            kind=kind,
            probe_of=probe_of,
            intervention=intervention,
            **known,
        )


def load_plan(
    plan: str | Path, catalog: Catalog | None = None, *, client_cores: int = 1, server_cores: int = 1, clients: int = 1
) -> Plan:
    """Read and check a plan, given by the name of one in playbooks/plans/ or by a path.

    ``client_cores`` are those of all ``clients`` together; they say how many processes of a generator are enough.
    ``server_cores`` are those of the server's CPU set: the processes of a variant that has one per core.
    BenchError names the file and key that is wrong and what to do about it.
    """
    path = _find(str(plan))
    document = load_document(path, "plan")
    catalog = catalog or load_catalog(changes=document.get("catalog"), path=path)
    # One core of a single client is left to the master, the collector and the kernel; of several each makes load.
    generators = _with_processes(catalog.generators, ENOUGH, max(1, client_cores - (clients == 1)))
    catalog = replace(catalog, generators=generators, variants=_with_processes(catalog.variants, CORES, server_cores))
    listed, catalog, design = _designed(document, catalog, path)
    cells = _expanded(listed, catalog, path)
    for name in document.get("windows_s", {}):
        if name not in (known := {cell.variant for cell in cells}):
            raise BenchError(f'no cell of a variant "{name}"', f"{shown(path)}: windows_s", nearest(name, known))
    return Plan(
        name=path.stem,
        description=document.get("description", ""),
        cells=cells,
        design=design,
        catalog=catalog,
        **{key: document[key] for key in ("blocks", "seed", "ramp_s", "warmup_s", "window_s")},
        **{key: document[key] for key in _OPTIONAL if key in document},
        time_limit_s=60 * document["time_limit_min"] if "time_limit_min" in document else None,
    )


def plan_names(folder: Path = PLANS_DIR) -> list[str]:
    """Return the names of the plans that come with the checkout."""
    return sorted(path.stem for path in folder.glob("*.yml"))


def check_ports(plan: Plan, port_base: int) -> None:
    """Raise BenchError unless every trial finds a port between ``port_base`` and the ephemeral ones."""
    trials = len(plan.ceilings()) + plan.blocks * len(plan.cells) + plan.probe * PROBES_PER_CELL * len(plan.cells)
    last = port_base + trials
    if port_base < 1024 or last >= PORT_LIMIT:
        remedy = f"choose a base from 1024 to {PORT_LIMIT - 1 - trials}, or fewer trials"
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


def _designed(
    document: Mapping[str, Any], catalog: Catalog, path: Path
) -> tuple[list[Mapping[str, Any]], Catalog, Mapping[str, Any] | None]:
    """Return the cells that a plan lists or that its design makes, with the catalog and the design as plain data."""
    wanted = document.get("design")
    if not wanted or wanted["kind"] not in OWN_CELLS:
        return document["cells"], catalog, wanted
    if "cells" in document:
        remedy = f"remove them: a {wanted['kind']} makes its own"
        raise BenchError("there are cells beside a design", f"{shown(path)}: cells", remedy)
    made = expand(wanted, catalog, path)
    return [asdict(cell) for cell in made.cells], made.catalog, made.design.to_json()


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
            where = f"{shown(path)}: cells[{index}]"
            variant, workload = catalog.variants[expanded.variant], catalog.workloads[expanded.workload]
            check_pair(expanded.variant, variant, expanded.workload, workload, where)
            if expanded in seen:
                raise BenchError(
                    f"the cell {expanded.name} is there twice", where, f"remove it here or in cells[{seen[expanded]}]"
                )
            seen[expanded] = index
    return tuple(seen)


def _with_processes(entries: Mapping[str, Mapping[str, Any]], word: str, number: int) -> dict[str, dict[str, Any]]:
    """Return the entries with a number of processes where there was a word for it."""
    return {
        name: {**entry, "processes": number if entry["processes"] == word else entry["processes"]}
        for name, entry in entries.items()
    }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
