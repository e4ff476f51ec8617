"""Verdicts for runs that were sealed without any."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collect.errors import BenchError
from collect.paths import shown
from collect.plan import CELL
from collect.verdicts.cells import cell_verdicts
from collect.verdicts.findings import columns_of

Row = dict[str, Any]


def judged_rows(folder: Path, manifest: Mapping[str, Any]) -> list[Row]:
    """Return the trials of a run of schema 1 with today's columns, each judged from its row alone.

    BenchError when its file is missing or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from collect.verdicts.row import judge_row

    try:
        rows: list[Row] = pq.read_table(folder / "trials.parquet").to_pylist()
    except (OSError, pa.ArrowException) as error:
        remedy = f"see `collect verify {folder.name}`"
        raise BenchError("the trials cannot be read", shown(folder / "trials.parquet"), remedy) from error
    facts = _client_facts(manifest)
    return [
        row | columns_of(judge_row(row, facts)) | {"kind": CELL, "probe_of": None, "intervention": None, "warnings": []}
        for row in rows
    ]


def judged_table(folder: Path, manifest: Mapping[str, Any]) -> Any:
    """Return the same as an arrow table of today's schema; what such a run did not keep is null."""
    import pyarrow as pa

    from collect.archive.tables import schema

    return pa.Table.from_pylist(judged_rows(folder, manifest), schema=schema("trials"))


def from_schema_1(manifest: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a manifest of schema 1 as one of schema 2."""
    rows: dict[str, Row] = {}
    with contextlib.suppress(BenchError):  # what the manifest says holds without them
        rows = {row["trial_id"]: row for row in judged_rows(folder, manifest)}
    added: Row = {
        "kind": CELL,
        "probe_of": None,
        "intervention": None,
        "warnings": [],
        "conditions": {},
        "tuning": {},
        "sockets": None,
    }
    trials = [
        {**trial, **added, "limited_by": rows.get(trial["trial_id"], {}).get("findings", [])}
        for trial in manifest.get("trials", [])
    ]
    return {
        **manifest,
        "schema_version": 2,
        "ceilings": {"generators": []},
        "probes": [],
        "cells": cell_verdicts(list(rows.values()), []),
        "trials": trials,
    }


def _client_facts(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the facts of the first client: a host that made load in a trial, or any but the server."""
    hosts = manifest.get("hosts") or {}
    for trial in manifest.get("trials") or ():
        for name in trial.get("clocks") or ():
            if name in hosts and name != (trial.get("server") or {}).get("name"):
                facts: Mapping[str, Any] = hosts[name]
                return facts
    return {}
