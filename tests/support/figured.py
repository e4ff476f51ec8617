"""The figures of runs that never happened, without their files: rates as a test wants them, block by block."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from collect.catalog import load_catalog
from collect.plan import Cell
from collect.report.figures import RunFigures, figures_of
from tests.support.judged import EVIDENCE

Rate = Callable[[Cell, int], float]
"""By cell and block, in requests per second."""


def figured(
    cells: Sequence[Cell],
    rate: Rate,
    *,
    blocks: int = 8,
    words: Mapping[str, str] | str = "server-app",
    cpu_s: Rate | None = None,
    workloads: Mapping[str, Mapping[str, Any]] | None = None,
    invalid: Iterable[tuple[str, int]] = (),
    **manifest: Any,
) -> RunFigures:
    """Return the figures of a run of these cells.

    ``words`` say what limits them, by profile or all alike; ``cpu_s`` what a request costs the app; ``invalid`` are
    trials that cannot be used, by cell and block.
    """
    known = _catalog()
    catalog = {**known, "workloads": {**known["workloads"], **(workloads or {})}}
    spoilt = set(invalid)
    rows: list[dict[str, Any]] = []
    for block in range(1, blocks + 1):
        for position, cell in enumerate(cells, start=1):
            word = words if isinstance(words, str) else words[cell.profile]
            rps = rate(cell, block)
            cost = cpu_s(cell, block) if cpu_s else 0.9 / rps
            rows.append(
                {
                    "trial_id": f"b{block}-p{position}-{cell.name}", "ordinal": len(rows) + 1, "block": block,
                    "cell": cell.name, "variant": cell.variant, "workload": cell.workload, "users": cell.users,
                    "generator": cell.generator, "profile": cell.profile, "kind": "cell", "rps": rps,
                    "requests": int(rps * 6), "failures": 0, "app_cpu_cores": cost * rps, "server_cpu_cores": 1.0,
                    "app_pss_mib": 30.0, "ramp_s": 0.0, "warmup_s": 0.5, "window_s": 6.0,
                    "validity": "invalid" if (cell.name, block) in spoilt else "valid", "reasons": [],
                    "limited_by": [word], "limited_by_confidence": ["high"], "limited_by_evidence": [EVIDENCE[word]],
                }
            )  # fmt: skip
    plan = {
        "name": "table", "blocks": blocks, "window_s": 6.0, "cells": [vars(cell) for cell in cells],
        **manifest.pop("plan", {}),
    }  # fmt: skip
    whole = {
        "run_id": "20261126T000000Z-000000", "created_at": "2026-11-26T00:00:00+00:00", "plan": plan,
        "catalog": catalog, "trials": [], "hosts": {}, "probes": [], **manifest,
    }  # fmt: skip
    return figures_of(whole["run_id"], whole, rows)


@functools.cache
def _catalog() -> dict[str, Any]:
    return load_catalog().to_json()
