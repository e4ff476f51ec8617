"""An archive of many runs, made from a few real ones: each with trials, requests and sums of its own that agree.

What is new in a run are its id, its moment, its commit, and its requests with the figures that follow from them: drawn
from those of the real trial with noise, as many as are wanted. Of the runs of few requests that are made from the same
one, several have the same draw, as drawing is slow; the noise on their CPU is their own. Samples and
what a manifest says of hosts and verdicts are the real run's. Locust's own files and logs are left out.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from collect.archive.cut import PERCENTILES
from collect.archive.space import bytes_of
from collect.archive.sums import NAME as SUMS
from collect.archive.sums import files_below, sum_lines
from collect.archive.tables import Writer, schema, trials_table
from collect.archive.validity import INVALID
from collect.archive.window import PHASES
from collect.errors import BenchError
from collect.plan import CELL, Cell
from collect.statistics.percentiles import percentile

TRIALS = 20
"""Of each run."""
LAST = datetime(2026, 10, 1, tzinfo=UTC)
EVERY = timedelta(minutes=50)
"""So that 10,000 runs are about a year's."""
RUNS_A_COMMIT = 50
RUN_DEVIATION, TRIAL_DEVIATION = 0.02, 0.03
"""Of the logarithm of a rate."""
DRAWS = 16
"""Of requests, from each real run."""
NOBODY = b"00000101T000000Z-nobody"
"""A run's id, in tables that are made once for several."""
RESERVE_BYTES = 5 * 2**30
"""What is left free on the disk in any case."""
AT_A_TIME = 20
"""Runs, between two looks at the disk."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """A run that is to be made."""

    number: int
    run_id: str
    begun: datetime
    requests: int
    """Of each trial, about."""
    draw: int
    template: Path


@dataclass(frozen=True)
class Slot:
    """A trial of the real run, for a trial that is to be made."""

    row: Row
    entry: Mapping[str, Any]
    samples: Any
    start_us: Any
    latency_us: Any
    good: Any
    outcomes: Sequence[str]
    outcome: Any
    block: int
    position: int

    @property
    def trial_id(self) -> str:
        """The id of the trial that is to be made."""
        return f"b{self.block:02d}-p{self.position:02d}-{self.row['cell']}"


@dataclass(frozen=True)
class Draw:
    """The requests of a run that is to be made."""

    content: bytes
    """Of requests.parquet."""
    figures: Sequence[Row]
    """Of each trial's row, what follows from them."""


def recipes(count: int, requests: int, last: int, last_requests: int, templates: Sequence[Path]) -> list[Recipe]:
    """Return runs, the oldest first; the ``last`` of them have ``last_requests`` a trial."""
    made = []
    for number in range(count):
        begun = LAST - EVERY * (count - 1 - number)
        tail = hashlib.sha256(str(number).encode()).hexdigest()[:6]
        wanted, draw = (
            (requests, number // len(templates) % DRAWS) if number < count - last else (last_requests, number)
        )
        real = templates[number % len(templates)]
        made.append(Recipe(number, f"{begun:%Y%m%dT%H%M%SZ}-{tail}", begun, wanted, draw, real))
    return made


def make(archive: Path, wanted: Sequence[Recipe], most_bytes: int, workers: int | None = None) -> Iterator[int]:
    """Make the runs that are not there; yield after every few how many are.

    BenchError where they would take more of the disk than they may.
    """
    archive.mkdir(parents=True, exist_ok=True)
    missing = [recipe for recipe in wanted if not (archive / recipe.run_id / SUMS).is_file()]
    there = len(wanted) - len(missing)
    used, left = bytes_of(archive), sum(recipe.requests for recipe in missing)
    made_bytes = made_requests = 0
    with ProcessPoolExecutor(workers or len(os.sched_getaffinity(0)), mp_context=get_context("spawn")) as pool:
        for at in range(0, len(missing), AT_A_TIME):
            part = missing[at : at + AT_A_TIME]
            made_bytes += sum(pool.map(make_run, [archive] * len(part), part))
            made_requests += sum(recipe.requests for recipe in part)
            # More than it will be where those to come have more requests: a run takes room for other things, too.
            ahead = made_bytes * (left - made_requests) / made_requests
            if used + made_bytes + ahead > most_bytes:
                problem = f"the runs would take {(used + made_bytes + ahead) / 2**30:.1f} GiB"
                raise BenchError(problem, str(archive), "make fewer, or of fewer requests, or allow more")
            if ahead + RESERVE_BYTES > shutil.disk_usage(archive).free:
                raise BenchError("the disk would be full", str(archive), "make fewer, or elsewhere")
            yield there + at + len(part)


def make_run(archive: Path, recipe: Recipe) -> int:
    """Make one run; return how many bytes it has."""
    rng = np.random.default_rng(recipe.number)
    manifest, slots = template(recipe.template)
    building = archive / f".building-{recipe.run_id}"
    if building.exists():
        shutil.rmtree(building)
    building.mkdir()
    drawn = requests(recipe.template, recipe.draw, recipe.requests)
    for name, content in (("samples", samples(recipe.template)), ("requests", drawn.content)):
        (building / f"{name}.parquet").write_bytes(content.replace(NOBODY, recipe.run_id.encode()))
    rows, entries = [], []
    for ordinal, (slot, figures) in enumerate(zip(slots, drawn.figures, strict=True), start=1):
        named = {"run_id": recipe.run_id, "trial_id": slot.trial_id}
        begin = recipe.begun + timedelta(seconds=ordinal * (slot.row["window_s"] + 5))
        moments = {
            "started_at": begin.isoformat(),
            "window_start_at": (begin + timedelta(seconds=slot.row["ramp_s"] + slot.row["warmup_s"])).isoformat(),
        }
        place = {"ordinal": ordinal, "block": slot.block, "position": slot.position}
        rows.append(_noisy(rng, slot.row) | named | moments | place | figures)
        entries.append({**slot.entry, "trial_id": slot.trial_id})
    writer = Writer(building / "trials.parquet", "trials")
    writer.write(trials_table(rows))
    writer.close()
    (building / "manifest.json").write_text(json.dumps(_manifest(manifest, recipe, entries, slots)))
    (building / SUMS).write_text("".join(sum_lines(building, files_below(building)).values()))
    building.rename(archive / recipe.run_id)
    return bytes_of(archive / recipe.run_id)


@functools.lru_cache(8)
def samples(entry: Path) -> bytes:
    """Return samples.parquet of a run made from a real one, with ``NOBODY`` for its id."""
    tables = [
        _named(
            slot.samples,
            schema("samples"),
            {"run_id": NOBODY.decode(), "trial_id": slot.trial_id, "block": slot.block},
        )
        for slot in template(entry)[1]
    ]
    return _written("samples", tables)


@functools.lru_cache(8 * DRAWS)
def requests(entry: Path, draw: int, count: int) -> Draw:
    """Return requests drawn from those of a real run, about ``count`` a trial, with ``NOBODY`` for the run's id."""
    rng = np.random.default_rng([draw, count, *entry.name.encode()])
    level = float(np.exp(rng.normal(0, RUN_DEVIATION)))
    tables, figures = [], []
    for slot in template(entry)[1]:
        most = int(count * level * np.exp(rng.normal(0, TRIAL_DEVIATION)))
        table, row = _requests(rng, slot, max(1, most))
        tables.append(_named(table, schema("requests"), {"run_id": NOBODY.decode(), "trial_id": slot.trial_id}))
        figures.append(row)
    return Draw(_written("requests", tables), figures)


def _written(file: str, tables: Sequence[Any]) -> bytes:
    """Return a parquet file of the archive, which has the run's id as it is: so short a text is not compressed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{file}.parquet"
        writer = Writer(path, file)
        for table in tables:
            writer.write(table)
        writer.close()
        content = path.read_bytes()
        other = content.replace(NOBODY, NOBODY[::-1])
        path.write_bytes(other)
        found = pq.read_table(path, columns=["run_id"])["run_id"].unique().to_pylist()
    assert found == [NOBODY[::-1].decode()], "the run's id does not stand in the file as it is"
    return content


@functools.lru_cache(8)
def template(entry: Path) -> tuple[Mapping[str, Any], list[Slot]]:
    """Return a real run's manifest and the trials that every run made from it has; BenchError where it has none."""
    manifest = json.loads((entry / "manifest.json").read_bytes())
    rows = pq.read_table(entry / "trials.parquet").to_pylist()
    good = [row for row in rows if (row.get("kind") or CELL) == CELL and row["validity"] != INVALID and row["requests"]]
    if not good:
        raise BenchError("the run has no trial that can be used", str(entry), "name another")
    chosen = [good[at % len(good)] for at in range(TRIALS)]
    samples, requests = (_aligned(pq.read_table(entry / f"{name}.parquet"), name) for name in ("samples", "requests"))
    of_samples, of_requests = (table["trial_id"].cast(pa.string()) for table in (samples, requests))
    entries = {trial["trial_id"]: trial for trial in manifest["trials"]}
    blocks: dict[str, int] = {}
    positions: dict[int, int] = {}
    slots = []
    for row in chosen:
        block = blocks[row["cell"]] = blocks.get(row["cell"], 0) + 1
        position = positions[block] = positions.get(block, 0) + 1
        mine = requests.filter(pc.equal(of_requests, row["trial_id"]))
        outcome = mine["outcome"].cast(pa.string()).combine_chunks().dictionary_encode()
        names = outcome.dictionary.to_pylist()
        codes = outcome.indices.to_numpy(zero_copy_only=False)
        slots.append(
            Slot(
                row,
                entries[row["trial_id"]],
                samples.filter(pc.equal(of_samples, row["trial_id"])),
                mine["start_us"].to_numpy(),
                mine["latency_us"].to_numpy(),
                np.array([name == "ok" for name in names])[codes],
                names,
                codes,
                block,
                position,
            )
        )
    return manifest, slots


def _requests(rng: np.random.Generator, slot: Slot, count: int) -> tuple[Any, Row]:
    """Return about as many requests of a trial as are wanted, and the figures of its row that follow from them."""
    known = len(slot.start_us)
    # Between real ones, not at them: moments that repeat would take fewer bytes than those of real requests do.
    places = np.sort(rng.uniform(0, known - 1, count))
    start = np.rint(np.interp(places, np.arange(known), slot.start_us)).astype(np.int64)
    drawn = np.rint(places).astype(np.int64)
    noise = np.exp(rng.normal(0, TRIAL_DEVIATION) + rng.normal(0, 0.01, count))
    latency = np.maximum(1, np.rint(slot.latency_us[drawn] * noise)).astype(np.int32)
    window_us, warmup_us = (round(1e6 * slot.row[name]) for name in ("window_s", "warmup_s"))
    end = start + latency
    phase = np.full(count, PHASES.index("after"), dtype=np.int16)
    phase[end <= window_us] = PHASES.index("window")
    phase[end <= 0] = PHASES.index("warmup")
    phase[end <= -warmup_us] = PHASES.index("ramp")
    inside = phase == PHASES.index("window")
    good = np.sort(latency[inside & slot.good[drawn]]).astype(np.int64)
    rps = len(good) / slot.row["window_s"]
    figures: Row = {
        "requests": int(inside.sum()),
        "failures": int(inside.sum()) - len(good),
        "rps": rps,
        **{f"rps_{side}": _scaled(slot.row.get(f"rps_{side}"), rps, slot.row["rps"]) for side in ("low", "high")},
        "latency_mean_ms": float(good.mean()) / 1000 if len(good) else None,
        "latency_max_ms": float(good[-1]) / 1000 if len(good) else None,
    }
    for name, share in PERCENTILES.items():
        figures[f"latency_{name}_ms"] = float(percentile(good, share)) / 1000 if len(good) else None
    table = pa.table(
        {
            "worker": _coded(np.zeros(count, dtype=np.int16), ["primary"]),
            "phase": _coded(phase, PHASES),
            "start_us": pa.array(start, pa.int64()),
            "latency_us": pa.array(latency, pa.int32()),
            "outcome": _coded(slot.outcome[drawn], slot.outcomes),
        }
    )
    return table, figures


def _noisy(rng: np.random.Generator, row: Row) -> Row:
    """Return a row with noise on its CPU."""
    return {
        name: value * float(np.exp(rng.normal(0, TRIAL_DEVIATION)))
        if name.endswith("_cpu_cores") and isinstance(value, float)
        else value
        for name, value in row.items()
    }


def _manifest(
    real: Mapping[str, Any], recipe: Recipe, entries: Sequence[Mapping[str, Any]], slots: Sequence[Slot]
) -> dict[str, Any]:
    cells = {slot.row["cell"] for slot in slots}
    plan = {key: value for key, value in real["plan"].items() if key != "design"}
    plan["cells"] = [cell for cell in plan["cells"] if Cell(**cell).name in cells]
    plan["blocks"] = max(slot.block for slot in slots)
    return {
        **real,
        "run_id": recipe.run_id,
        "created_at": recipe.begun.isoformat(),
        "sealed_at": (recipe.begun + EVERY / 2).isoformat(),
        "git": {"commit": f"{recipe.number // RUNS_A_COMMIT + 1:040x}", "dirty": False},
        "plan": plan,
        "failed_attempts": [],
        "probes": [],
        "precision": None,
        "repeats": None,
        "trials": list(entries),
    }


def _named(table: Any, wanted: Any, named: Mapping[str, Any]) -> Any:
    """Return a table with all columns that are wanted, some of one value throughout."""
    count = table.num_rows
    arrays = []
    for field in wanted:
        if field.name not in named:
            arrays.append(table.column(field.name))
        elif pa.types.is_dictionary(field.type):
            arrays.append(_coded(np.zeros(count, dtype=np.int16), [named[field.name]]))
        else:
            arrays.append(pa.array([named[field.name]] * count, field.type))
    return pa.Table.from_arrays(arrays, schema=wanted)


def _aligned(table: Any, name: str) -> Any:
    """Return a table of today's columns; those that it lacks are null."""
    known = set(table.column_names)
    columns = [
        _typed(table.column(field.name), field.type) if field.name in known else pa.nulls(table.num_rows, field.type)
        for field in schema(name)
    ]
    return pa.Table.from_arrays(columns, schema=schema(name))


def _typed(column: Any, kind: Any) -> Any:
    """Return a column as of a type; what was read as a dictionary has wider codes than it was written with."""
    if not pa.types.is_dictionary(kind):
        return column.cast(kind)
    encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    return pa.DictionaryArray.from_arrays(encoded.indices.cast(pa.int16()), encoded.dictionary)


def _coded(codes: Any, names: Sequence[str]) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int16()), pa.array(list(names), pa.string()))


def _scaled(value: float | None, by: float, of: float | None) -> float | None:
    return value * by / of if value is not None and of else None
