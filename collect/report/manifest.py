"""What a run's manifest alone says of its cells and ratios, for lists of many runs that read nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collect.archive.store import Manifest
from collect.catalog import Catalog
from collect.pairs import async_against_sync
from collect.plan import CELL, Cell
from collect.report.figures import usable, verdict_of
from collect.report.verdicts import CellVerdict, held_back
from collect.verdicts.findings import LOW

Trials = dict[str, list[dict[str, Any]]]


def cells_of(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """Return what limited each cell of a run."""
    return {name: _plain(verdict) for name, (verdict, _) in _verdicts(manifest).items()}


def ratios_of(manifest: Manifest) -> list[dict[str, Any]]:
    """Return each async cell against its sync cell: whether they are comparable and why not, with both verdicts."""
    catalog = Catalog.from_json(manifest["catalog"])
    verdicts = _verdicts(manifest)
    cells = [cell | {"name": name} for cell in manifest["plan"]["cells"] if (name := Cell(**cell).name) in verdicts]
    found = []
    for top in cells:
        for bottom in cells:
            alike = all(top[key] == bottom[key] for key in ("workload", "generator", "users", "profile"))
            if not alike or not async_against_sync(catalog, top["variant"], bottom["variant"]):
                continue
            reasons = []
            for cell in (bottom, top):
                verdict, some = verdicts[cell["name"]]
                if held := held_back(verdict, usable=some):
                    reasons.append(f"{cell['variant']} {held}")
            found.append(
                {
                    "top": {"cell": top["name"], **_plain(verdicts[top["name"]][0])},
                    "bottom": {"cell": bottom["name"], **_plain(verdicts[bottom["name"]][0])},
                    "comparable": not reasons,
                    "why": "; ".join(reasons) or None,
                }
            )
    return found


def _verdicts(manifest: Manifest) -> dict[str, tuple[CellVerdict, bool]]:
    """Return each cell's verdict, and whether it has a usable trial."""
    trials: Trials = {}
    for entry in manifest["trials"]:
        if (entry.get("kind") or CELL) == CELL:
            trials.setdefault(entry["cell"], []).append(_row(entry))
    return {name: (verdict_of(name, rows, manifest), bool(usable(rows))) for name, rows in trials.items()}


def _row(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest's trial as the row of it that verdicts are made from."""
    findings = entry.get("limited_by") or ()
    return {
        "cell": entry["cell"],
        "validity": entry["validity"],
        "limited_by": [finding["word"] if isinstance(finding, Mapping) else finding for finding in findings],
        "limited_by_confidence": [f["confidence"] if isinstance(f, Mapping) else LOW for f in findings],
    }


def _plain(verdict: CellVerdict) -> dict[str, Any]:
    return {"limited_by": verdict.word, "confidence": verdict.confidence, "verdict": verdict.outcome}
