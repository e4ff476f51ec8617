"""The figures of runs of plan map whose truth is known: what Little's law and the CPU allow, and a little noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from collect.plan import Cell, Plan, load_plan
from collect.report.figures import RunFigures, figures_of
from tests.support.judged import EVIDENCE

RUN_ID = "20261126T000000Z-00000a"
THREADS = 10
CPU_MS = {"flask-gthread-new": 2.0, "flask-gthread-pool": 1.2, "starlette-loop-new": 1.6, "starlette-loop-pool": 1.0}
WAITS = {"new": 2, "pool": 1}
RELAY = {
    "by": "relay", "why": "Error: Specified qdisc kind is unknown", "port": 6380,
    "direct": {"p50_ms": 0.05, "p95_ms": 0.07, "p99_ms": 0.09, "max_ms": 0.2, "samples": 200},
    "delays": [
        {"asked_ms": ms, "p50_ms": ms + 0.15, "p95_ms": ms + 0.2, "p99_ms": ms + 0.4, "max_ms": ms + 1, "samples": 200}
        for ms in (0.0, 5.0, 100.0)
    ],
    "through": {"gets_per_s": 20_000.0, "clients": 100, "command": "redis-benchmark"},
}  # fmt: skip
CEILINGS: dict[str, Any] = {
    "redis": {"gets_per_s": 60_000.0, "clients": 100, "command": "redis-benchmark"},
    "network": {"missing": "not measured"},
    "relay": RELAY,
    "generators": [],
}
Truth = Callable[[Cell, float], float]
"""Requests a second by cell and delay in ms."""


def small_map(blocks: int = 3, users: tuple[int, ...] = (1, 100), delays: tuple[int, ...] = (0, 5, 100)) -> Plan:
    """Return a plan like map, of these places."""
    cells = tuple(
        Cell(variant, f"redis-{delay}ms", "locust-fast", count, "controlled")
        for count in users
        for delay in delays
        for variant in CPU_MS
    )
    return replace(load_plan("map"), cells=cells, blocks=blocks, ceiling_window_s=0)


def allowed(cell: Cell, delay_ms: float) -> float:
    """Return what is allowed, by the laws that the report names."""
    cpu_s = CPU_MS[cell.variant] / 1000
    wait_s = WAITS[cell.variant.rpartition("-")[2]] * delay_ms / 1000
    under_way = min(cell.users, THREADS) if cell.variant.startswith("flask") else cell.users
    return min(1 / cpu_s, under_way / (wait_s + cpu_s))


def mapped(
    plan: Plan,
    truth: Truth = allowed,
    words: Mapping[str, str] | None = None,
    noise: float = 0.02,
    ceilings: Mapping[str, Any] | None = None,
) -> RunFigures:
    """Return the figures of a run of the plan, without its files; ``words`` by cell, "" for the others."""
    words, rows = words or {}, []
    for spec in plan.trials():
        cell, delay_ms = spec.cell, float(spec.workload["redis_delay_ms"])
        true, rng = truth(cell, delay_ms), np.random.default_rng([spec.ordinal, 7])
        rps = float(true * np.exp(noise * rng.normal()))
        word = words.get(cell.name, words.get("", "server-cpu"))
        rows.append(
            {
                "trial_id": spec.trial_id, "ordinal": spec.ordinal, "block": spec.block, "position": spec.position,
                "cell": cell.name, "variant": cell.variant, "workload": cell.workload, "users": cell.users,
                "generator": cell.generator, "profile": cell.profile, "kind": "cell", "rps": rps,
                "requests": int(rps * 2), "failures": 0, "window_s": 2.0, "validity": "valid", "reasons": [],
                "server_cpus": 1.0, "server_cpu_cores": min(1.0, CPU_MS[cell.variant] / 1000 * true),
                "app_cpu_cores": 0.5, "relay_cpu_cores": 1e-4 * true, "redis_delay_ms": delay_ms,
                "redis_delay_p50_ms": delay_ms, "redis_waits": float(WAITS[spec.variant["client"]]),
                "limited_by": [word], "limited_by_confidence": ["high"], "limited_by_evidence": [EVIDENCE[word]],
            }
        )  # fmt: skip
    manifest = {
        "run_id": RUN_ID, "created_at": "2026-11-26T00:00:00+00:00", "plan": plan.to_json(), "hosts": {},
        "catalog": plan.catalog.to_json(), "trials": [], "probes": [],
        "ceilings": CEILINGS if ceilings is None else ceilings,
    }  # fmt: skip
    return figures_of(RUN_ID, manifest, rows)
