"""Plans that are measured in no time, because nothing is."""

from __future__ import annotations

from collect.plan import Cell, Plan, load_plan


def small_plan(blocks: int = 3, window_s: float = 3, workloads: tuple[str, ...] = ("redis",)) -> Plan:
    """Return a plan of the article's two variants with short windows."""
    variants = ("flask-werkzeug", "starlette-uvicorn")
    cells = tuple(
        Cell(variant, workload, "locust-http", 10, "article") for variant in variants for workload in workloads
    )
    return Plan("small", "", blocks, 1, 1, 1, window_s, cells, load_plan("quick").catalog)
