"""Sealed runs of whatever cells a test wants, with their verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from collect.archive.store import Archive
from collect.plan import Cell, load_plan
from tests.support.judged import judged, rewrite


def cells(workloads: tuple[str, ...], variants: tuple[str, ...], profiles: tuple[str, ...]) -> tuple[Cell, ...]:
    """Return the cells of all of these, each profile with its own generator."""
    generators = {"article": "locust-http", "controlled": "locust-fast"}
    return tuple(
        Cell(variant, workload, generators[profile], 10, profile)
        for workload in workloads
        for variant in variants
        for profile in profiles
    )


def measured(
    folder: Path, some: tuple[Cell, ...], words: Mapping[str, Any], blocks: int = 3, **columns: Any
) -> Archive:
    """Return a run of these cells; ``words`` by cell, "" for all that are not named."""
    plan = replace(load_plan("quick"), cells=some, window_s=3, ceiling_window_s=0, blocks=blocks)
    said = {cell.name: words.get(cell.name, words.get("", "server-app")) for cell in some}
    archive = judged(folder, said, plan)
    rewrite(archive.folder(archive.resolve("latest")), said, **columns)
    return archive
