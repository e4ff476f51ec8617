"""A trial's raw files, as the hosts wrote them, read into memory with all times on the server host's clock."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collect.archive.clocks import Clock
from collect.errors import BenchError
from collect.plan import TrialSpec

Floats = NDArray[np.float64]
Sample = Mapping[str, Any]
OK = "ok"
ROW = np.dtype("<f8")
DAMAGED = "the trial is to be measured again: go on with -e resume="


@dataclass(frozen=True)
class Requests:
    """One entry per request, sorted by start; times in seconds."""

    start: Floats
    latency: Floats
    outcome: NDArray[np.int16]
    worker: NDArray[np.int16]
    outcomes: tuple[str, ...]
    workers: tuple[str, ...]
    lost_rows: int
    """Requests that a generator process counted but did not leave in its file."""
    users: tuple[int | None, ...] = ()
    """How many users each of the workers had at its end; None where its summary does not say."""

    @property
    def end(self) -> Floats:
        """When each request was answered or failed."""
        end: Floats = self.start + self.latency
        return end

    @property
    def good(self) -> NDArray[np.bool_]:
        """Which requests were answered rightly."""
        good: NDArray[np.bool_] = self.outcome == self.outcomes.index(OK)
        return good


@dataclass(frozen=True)
class Series:
    """The samples of one host, oldest first. ``tick`` is the scheduled time, ``t`` when it was taken."""

    host: str
    tick: Floats
    t: Floats
    samples: tuple[Sample, ...]

    def each(self, pick: Callable[[Sample], float | None]) -> Floats:
        """Return one value per sample; NaN where there is none."""
        values = (_pick(pick, sample) for sample in self.samples)
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

    @functools.cached_property
    def interval_s(self) -> float:
        """Seconds between two ticks when none is missed."""
        return float(self.samples[0]["interval"]) if self.samples else 1.0


@dataclass(frozen=True)
class RawTrial:
    """A trial as it was recorded, with all times on the server host's clock."""

    spec: TrialSpec
    record: Mapping[str, Any]
    server: Series
    clients: tuple[Series, ...]
    requests: Requests
    marks: Mapping[str, float]
    """``load_start``, ``ramp_end``, ``window_start``, ``window_end``, ``load_end``."""
    clocks: Mapping[str, Clock]

    @property
    def clock_uncertainty_s(self) -> float:
        """How far a client's times may be off against the server's."""
        server = self.clocks[self.server.host].uncertainty_s
        return max(server + self.clocks[client.host].uncertainty_s for client in self.clients)

    @functools.cached_property
    def homes(self) -> Mapping[str, str]:
        """The client of each generator process that left requests."""
        clients, dealt = list(self.record["clients"]), dealt_of(self.record)
        return {worker: client_of(worker, clients, dealt) for worker in self.requests.workers}


def read_trial(folder: Path, spec: TrialSpec, record: Mapping[str, Any]) -> RawTrial:
    """Read the raw files of a trial; BenchError when one is missing or damaged, or the load failed."""
    result = record["result"]
    if result["state"] != "done":
        raise BenchError(str(result.get("error") or "the load failed"), spec.trial_id, DAMAGED)
    name = record["server"]["name"]
    clocks = {name: Clock.of(record["server"].get("clocks", ()))}
    clocks |= {host: Clock.of(client.get("clocks", ())) for host, client in record["clients"].items()}
    primary = clocks[next(iter(record["clients"]))]
    marks = ("load_start", "ramp_end", "window_start", "window_end", "load_end")
    return RawTrial(
        spec=spec,
        record=record,
        server=read_series(folder, name, clocks[name], clocks[name]),
        clients=tuple(read_series(folder, host, clocks[host], clocks[name]) for host in record["clients"]),
        requests=read_requests(folder, record, clocks, clocks[name]),
        marks={mark: float(primary.to(clocks[name], result[f"{mark}_unix_s"])) for mark in marks},
        clocks=clocks,
    )


def read_series(folder: Path, host: str, clock: Clock, server: Clock) -> Series:
    """Read the samples of one host."""
    path = folder / f"samples-{host}.jsonl"
    samples: list[Sample] = []
    for number, line in enumerate(_bytes(path).splitlines(), start=1):
        try:
            sample = json.loads(line)
            float(sample["tick"]), float(sample["t"]), float(sample["interval"])
        except (ValueError, KeyError, TypeError) as error:
            raise BenchError("not a sample", f"{path.name}, line {number}", DAMAGED) from error
        samples.append(sample)
    samples.sort(key=lambda sample: float(sample["tick"]))
    t = np.array([sample["t"] for sample in samples], dtype=np.float64)
    tick = np.array([sample["tick"] for sample in samples], dtype=np.float64)
    return Series(host, clock.to(server, tick), clock.to(server, t), tuple(samples))


def read_requests(folder: Path, record: Mapping[str, Any], clocks: Mapping[str, Clock], server: Clock) -> Requests:
    """Read the requests of all generator processes, their times moved to the server's clock, sorted by start."""
    outcomes: list[str] = [OK]
    workers: list[str] = []
    users: list[int | None] = []
    clients, dealt = list(record["clients"]), dealt_of(record)
    lost = 0
    parts: list[tuple[Floats, Floats, NDArray[np.int16], NDArray[np.int16]]] = []
    for path in sorted(folder.glob("requests-*.f64")):
        worker = path.stem.removeprefix("requests-")
        summary = _summary(folder / f"summary-{worker}.json")
        content = _bytes(path)
        rows = np.frombuffer(content[: len(content) // 24 * 24], dtype=ROW).reshape(-1, 3)
        lost += abs(int(summary["rows"]) - len(rows)) + (len(content) % 24 > 0)
        names = [str(name) for name in summary["outcomes"]]
        outcomes += [name for name in names if name not in outcomes]
        codes = np.array([outcomes.index(name) for name in names], dtype=np.int16)
        index = rows[:, 2].astype(np.int64)
        if not np.isfinite(rows).all() or (rows[:, 1] < 0).any() or (index < 0).any() or (index >= len(codes)).any():
            raise BenchError("not a list of requests", path.name, DAMAGED)
        clock = clocks[client_of(worker, clients, dealt)]
        parts.append((
            clock.to(server, rows[:, 0]), rows[:, 1], codes[index], np.full(len(rows), len(workers), dtype=np.int16),
        ))  # fmt: skip
        workers.append(worker)
        users.append(summary.get("users"))
    if not parts:
        raise BenchError("the generator left no requests", f"{folder.name}/requests-*.f64", DAMAGED)
    start, latency, outcome, origin = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(start, kind="stable")
    return Requests(
        start[order], latency[order], outcome[order], origin[order],
        tuple(outcomes), tuple(workers), lost, tuple(users),
    )  # fmt: skip


def client_of(worker: str, clients: list[str], dealt: Mapping[str, str] | None = None) -> str:
    """Return the client host of a generator process, by ``dealt`` where that has it.

    Records that do not say it are of runs that dealt the workers out in turn, the primary on the first client.
    """
    if dealt and worker in dealt:
        return dealt[worker]
    number = worker.removeprefix("worker-")
    return clients[(int(number) - 1) % len(clients)] if number.isdigit() else clients[0]


def dealt_of(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the client of each generator process as far as a trial's record says it."""
    return {name: host for host, client in record["clients"].items() for name in client.get("instances") or ()}


def _pick(pick: Callable[[Sample], float | None], sample: Sample) -> float | None:
    try:
        return pick(sample)
    except (KeyError, TypeError):
        return None


def _summary(path: Path) -> dict[str, Any]:
    try:
        summary: dict[str, Any] = json.loads(_bytes(path))
        int(summary["rows"]), list(summary["outcomes"])
    except (ValueError, KeyError, TypeError) as error:
        raise BenchError("not the summary of a generator process", path.name, DAMAGED) from error
    return summary


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BenchError(f"cannot read a trial's file: {error.strerror}", str(path), DAMAGED) from error
