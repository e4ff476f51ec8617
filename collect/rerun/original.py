"""The run that is to be measured again, its plan checked as one that a user writes: it may come from anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collect.archive.kept import as_sealed
from collect.archive.store import Archive, Manifest
from collect.catalog import Catalog
from collect.compare.heads import Head, head_of
from collect.compare.metadata import GROUPS, check_names, traits
from collect.documents import check_document, nearest
from collect.errors import BenchError
from collect.paths import shown
from collect.plan import Plan
from collect.rerun.code import worktree
from collect.rerun.repeats import ODD
from collect.serving import check_pair, check_variant, check_workload

INVENTORY, VARIABLES = "inventory", "variables"
"""What else may differ, beside the names of collect/data/comparable.yml."""
OF_A_PLAN = (
    "description", "blocks", "seed", "ramp_s", "warmup_s", "window_s", "windows_s", "ceiling_window_s", "probe",
    "probe_window_s", "order", "precision", "cells",
)  # fmt: skip
"""Keys of a plan on record that a plan's file has, too."""
DESIGNS = ("ladder", "factorial", "map", "hypotheses")


@dataclass(frozen=True)
class Original:
    """A sealed run that is to be measured again."""

    manifest: Manifest
    head: Head
    plan: Plan

    @property
    def run_id(self) -> str:
        """Its name in the archive."""
        return self.head.run_id


def original(archive: Archive, run: str, inventory: str | None = None, despite: Iterable[str] = ()) -> Original:
    """Return the run that is meant, as Archive.resolve has it.

    BenchError where there is no such sealed run, it is not as it was sealed, its schema is newer, it is of another
    inventory, or its plan is none that this checkout can measure.
    """
    run_id = archive.resolve(run)
    manifest, where = archive.manifest(run_id), shown(archive.folder(run_id))
    if not as_sealed(archive.folder(run_id)):
        raise BenchError("manifest or trials are not as they were sealed", where, f"see `collect verify {run_id}`")
    try:
        found = Original(manifest, head_of(manifest), plan_of(manifest))
        _check_rest(found)
        of = str(manifest["inventory"])
    except ODD as error:
        raise BenchError("the manifest cannot be read", where, f"see `collect verify {run_id}`") from error
    if inventory is not None and inventory != of and INVENTORY not in despite:
        remedy = f"use -i inventory/{of}, or where these are the same hosts, -e rerun_despite={INVENTORY}"
        raise BenchError(f"the run is of the inventory {of}, not {inventory}", run_id, remedy)
    return found


def allowed(despite: Iterable[str]) -> frozenset[str]:
    """Return the names of what may differ; BenchError for one that is not known."""
    names = frozenset(despite)
    own = names & {INVENTORY, VARIABLES}
    try:
        return own | check_names(names - own)
    except BenchError as error:
        raise BenchError(error.what, "rerun_despite", error.remedy) from error


def plan_of(manifest: Manifest) -> Plan:
    """Return the plan of a run; BenchError where this checkout cannot measure it. Raises one of ``ODD``, too."""
    try:
        check_document(_document(manifest["plan"]), Path("plan"), "plan")
        plan = Plan.from_json(manifest["plan"], Catalog.from_json(manifest["catalog"]))
        _check_entries(plan)
        plan.trials()
    except BenchError as error:
        problem = f"this checkout cannot measure the run's plan: {error.what}, {error.where}"
        remedy = f"measure it with the code of then: {worktree(manifest['git']['commit'])}"
        raise BenchError(problem, manifest["run_id"], remedy) from error
    return plan


def _check_rest(found: Original) -> None:
    """Raise one of ``ODD`` where what else is asked of the manifest is not what it should be."""
    for cell in found.plan.cells:
        traits(found.head, cell)
    texts = [found.head.commit or "", *found.head.locks.values()]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError(texts)
    int(found.manifest["port_base"])


def _document(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plan as its file would be, without a design, whose cells stand there."""
    said = {key: plan[key] for key in OF_A_PLAN if plan.get(key) is not None}
    if plan.get("time_limit_s") is not None:
        said["time_limit_min"] = plan["time_limit_s"] / 60
    return said


def _check_entries(plan: Plan) -> None:
    """Raise BenchError unless all entries that the plan takes from its catalog are such as this checkout knows."""
    kind = (plan.design or {}).get("kind")
    if plan.design and kind not in DESIGNS:
        raise BenchError(f"there is no design {kind!r}", "plan: design", nearest(str(kind), DESIGNS))
    if not all(isinstance(cell.users, int) for cell in plan.cells):
        raise BenchError("a cell has no number of users", "plan: cells", "get the run from where it was measured")
    cells, catalog = [*plan.cells, *plan.ceilings()], plan.catalog
    for part, group in GROUPS.items():
        known = getattr(catalog, group)
        names = dict.fromkeys(getattr(cell, part) for cell in cells)
        for name in names:
            if name not in known:
                raise BenchError(f'there is no {part} "{name}"', f"catalog: {group}", nearest(name, known))
        check_document({name: known[name] for name in names}, Path("catalog"), "catalog", within=group)
    variants = {cell.variant: catalog.variants[cell.variant] for cell in cells}
    generators = {cell.generator: catalog.generators[cell.generator] for cell in cells}
    for name, entry in (*variants.items(), *generators.items()):
        if not isinstance(entry["processes"], int):
            raise BenchError(f"{name} has no number of processes", "catalog", "get the run from where it was measured")
    _check_variants(plan, variants)


def _check_variants(plan: Plan, variants: Mapping[str, Any]) -> None:
    cells, catalog = [*plan.cells, *plan.ceilings()], plan.catalog
    frameworks = {entry["framework"]: catalog.frameworks[entry["framework"]] for entry in variants.values()}
    check_document(frameworks, Path("catalog"), "catalog", within="frameworks")
    for name, entry in variants.items():
        check_variant(name, entry, lambda key: f"catalog: {key}")
    for name in dict.fromkeys(cell.workload for cell in cells):
        check_workload(name, catalog.workloads[name], lambda key: f"catalog: {key}")
    for cell in plan.cells:
        check_pair(
            cell.variant, variants[cell.variant], cell.workload, catalog.workloads[cell.workload], f"cell {cell.name}"
        )
