"""Sealed runs whose verdicts, ceilings and probes are as a test wants them, written over what the archive computed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from collect.archive.store import Archive
from collect.archive.sums import write_sums
from collect.plan import Plan, load_plan
from tests.support.synthetic import write_run

EVIDENCE = {
    "server-app": "the app's busiest thread used 0.98 of one core",
    "server-cpu": "the server's set of 1 CPU was in use to 99 %",
    "redis": "Redis' thread used 0.99 of one core",
    "database": "the database's process (mariadbd) at 93 % of the server's CPU set",
    "generator": "a generator process used 0.99 of one core",
    "client-cpu": "the client's set of 1 CPU was in use to 99 %",
    "client-ports": "27,900 of 28,232 ports were in TIME_WAIT towards the server",
    "network": "the link carried 97 % of its rate",
    "concurrency": "nothing was saturated; 10 users at 25 ms explain the rate",
    "unsteady": "the rate fell from 780 to 95 in the middle of the window",
}
ARTICLE_WAY = {
    "flask-werkzeug.redis.locust-http.10.article": "client-ports",
    "starlette-uvicorn.redis.locust-http.10.article": "generator",
    "flask-werkzeug.redis.locust-fast.10.controlled": "server-app",
    "starlette-uvicorn.redis.locust-fast.10.controlled": "server-app",
}
"""What may limit the cells of plan quick."""


def judged(folder: Path, words: Mapping[str, str | list[str]], plan: Plan | None = None, **manifest: Any) -> Archive:
    """Write a sealed run, of plan quick with short windows unless told otherwise.

    ``words`` say what limits each cell (a list: block by block), ``manifest`` more of its keys. Cells
    that are not named are not judged. The manifest's ``cells`` are left out unless given.
    """
    run = write_run(folder, plan or replace(load_plan("quick"), window_s=3))
    entry = run.seal()
    rewrite(entry, words)
    change(entry, **{"cells": None, "probes": None, **manifest})
    return Archive(folder)


def rewrite(entry: Path, words: Mapping[str, str | list[str]], **columns: Any) -> None:
    """Write verdicts and other columns over a sealed entry's trials."""
    path = entry / "trials.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    for row in rows:
        given = words.get(row["cell"])
        word = given[row["block"] - 1] if isinstance(given, list) else given
        row["limited_by"] = [word] if word else []
        row["limited_by_confidence"] = ["high"] if word else []
        row["limited_by_evidence"] = [EVIDENCE[word]] if word else []
        row["kind"] = row.get("kind") or ("ceiling" if row["block"] == 0 else "cell")
        row.update({name: value(row) if callable(value) else value for name, value in columns.items()})
    schema = table.schema
    for name in rows[0]:
        if name not in schema.names:
            schema = schema.append(pa.field(name, pa.array([row[name] for row in rows]).type))
    path.chmod(0o644)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    write_sums(entry)


def change(entry: Path, **keys: Any) -> None:
    """Write keys over a sealed entry's manifest; None removes one."""
    path = entry / "manifest.json"
    manifest = json.loads(path.read_text()) | keys
    path.chmod(0o644)
    path.write_text(json.dumps({key: value for key, value in manifest.items() if value is not None}))
    write_sums(entry)
