"""How a generator's ceiling grows with the client hosts: one, two and three, against a server that costs nothing.

Usage: .venv/bin/python -m benchmarks.more_clients [--archive DIR] [--blocks N] [--page]       (as root)
       .venv/bin/python -m benchmarks.more_clients --judge-only [--page] ENTRY ...

All hosts are made on this machine, where clients would share what cores are left and gain nothing from one another. So
each is given a part of a core by a quota (a profile's ``cpu_quota``), as if three slow machines made the load; all of
them together have less than the core. Beyond that the cost of a request counts: it says what clients with a core each
would reach. Each number of clients is one run, sealed into the archive that is named (.state/more_clients); what is
sealed already is not measured again. It takes about ten minutes. With --page the tables go into docs/accuracy.md.
Exit code 1 where three clients do not reach twice as much as one.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.measuring import Measuring
from benchmarks.page import give, machine, table
from collect.archive.validity import INVALID
from collect.paths import CHECKOUT
from collect.plan import CELL

CLIENTS = (1, 2, 3)
SHARE = 0.3
"""Of a core, for each client: three of them fit into the one core that a machine of two leaves to clients."""
USERS = 30
BEYOND = (1, 2, 3, 4, 8, 16)
LEAST_GAIN = 2.0
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Reached:
    """What a number of workers on a number of clients reached, over the trials that can be used."""

    clients: int
    workers: int
    rps: tuple[float, ...]
    cost_ms: float
    """CPU of the whole generator per request, the master's in it."""
    worker_ms: float | None
    """CPU of a worker per request; None where it cannot be told from the master's."""
    master_cores: float | None
    """CPU of the master; None where there is none, or it cannot be told from its neighbour's."""
    limited_by: str
    invalid: int

    @property
    def mean(self) -> float:
        """The mean rate, 0 where no trial can be used."""
        return statistics.fmean(self.rps) if self.rps else 0.0


def plan_of(clients: int, blocks: int) -> dict[str, Any]:
    """Return the plan for a number of clients, as plain data; of one client also with more workers than it has CPUs."""
    workers = CLIENTS if clients == 1 else (clients,)
    fast = {"tool": "locust", "user_class": "FastHttpUser"}
    slow = {
        "client_sysctls": {"net.ipv4.tcp_tw_reuse": "1", "net.ipv4.ip_local_port_range": "1024 65535"},
        "cpu_quota": {"client": SHARE},
    }
    return {
        "description": f"what a generator reaches on {clients} client hosts, each with {SHARE:g} of a core",
        "blocks": blocks,
        "seed": 20230616,
        "ramp_s": 0,
        "warmup_s": 1,
        "window_s": 10,
        "catalog": {
            "generators": {f"fast-{count}": {**fast, "processes": count} for count in workers},
            "profiles": {"part-of-a-core": slow},
        },
        "cells": [
            {
                "variant": "responder-keepalive",
                "workload": "none",
                "generator": [f"fast-{count}" for count in workers],
                "users": USERS,
                "profile": "part-of-a-core",
            }
        ],
    }


def reached(entry: Path) -> list[Reached]:
    """Return what the cells of a sealed run reached, fewest workers first."""
    manifest = json.loads((entry / "manifest.json").read_bytes())
    rows = {row["trial_id"]: row for row in pq.read_table(entry / "trials.parquet").to_pylist()}
    cells: dict[str, list[Document]] = {}
    for trial in manifest["trials"]:
        if trial["kind"] == CELL:
            cells.setdefault(trial["cell"], []).append(trial)
    return sorted((_reached(trials, rows) for trials in cells.values()), key=lambda each: each.workers)


def _reached(trials: Sequence[Document], rows: Mapping[str, Document]) -> Reached:
    usable = [trial for trial in trials if trial["validity"] != INVALID]
    parts = [list(trial["clients"].values()) for trial in usable]
    lengths_s = [float(rows[trial["trial_id"]]["window_s"]) for trial in usable]
    requests = sum(part["requests"] for each in parts for part in each)
    spent_s = sum(
        part["generator_cpu_cores"] * length_s
        for each, length_s in zip(parts, lengths_s, strict=True)
        for part in each
    )  # fmt: skip
    workers = int(trials[0]["load"]["workers"])
    others = [part["generator_cpu_ms_each"] for each in parts for part in each[1:] if part["requests"]]
    worker_ms = statistics.fmean(others) if others else None
    cost_ms = 1000 * spent_s / requests if requests else 0.0
    master_cores = None
    if worker_ms is not None:
        master_cores = statistics.fmean(
            max(0.0, each[0]["generator_cpu_cores"] - worker_ms * each[0]["requests"] / length_s / 1000)
            for each, length_s in zip(parts, lengths_s, strict=True)
        )
    elif workers == 1:
        worker_ms = cost_ms
    firsts = Counter(_named(trial["limited_by"][0]) for trial in usable if trial["limited_by"])
    return Reached(
        clients=len(trials[0]["clients"]),
        workers=workers,
        rps=tuple(float(rows[trial["trial_id"]]["rps"]) for trial in usable),
        cost_ms=cost_ms,
        worker_ms=worker_ms,
        master_cores=master_cores,
        limited_by=", ".join(f"{name} ({count})" for name, count in firsts.most_common()),
        invalid=len(trials) - len(usable),
    )


def _named(finding: Document) -> str:
    return f"{finding['word']} of {finding['host']}" if finding.get("host") else str(finding["word"])


def beyond(found: Sequence[Reached], workers: int) -> float | None:
    """Return the rate that so many workers would reach, each on a core of its own, the master beside the first.

    From the cost of a worker's request and of the master's work for one worker, as measured with the most clients. None
    where that was not measured, or the master would need a core and more.
    """
    known = [each for each in found if each.worker_ms and each.master_cores is not None]
    if not known:
        return None
    most = max(known, key=lambda each: each.clients)
    assert most.worker_ms is not None
    assert most.master_cores is not None
    master = most.master_cores / most.workers * workers if workers > 1 else 0.0
    return 1000 / most.worker_ms * (workers - master) if master < 1 else None


def page(found: Sequence[Reached], told: str) -> str:
    """Return the tables, and where they come from."""
    first = next(each for each in found if (each.clients, each.workers) == (1, 1))
    head = [
        "clients", "workers", "requests/s", "against one", "CPU ms per request", "of a worker alone", "master, cores",
        "trials", "limited by",
    ]  # fmt: skip
    lines = [
        [
            str(each.clients), str(each.workers), _spread(each.rps),
            f"{each.mean / first.mean:.2f}" if first.mean else "", f"{each.cost_ms:.3f}",
            "" if each.worker_ms is None else f"{each.worker_ms:.3f}",
            "" if each.master_cores is None else f"{each.master_cores:.3f}",
            f"{len(each.rps)}" + f", {each.invalid} more invalid" * bool(each.invalid), each.limited_by,
        ]
        for each in found
    ]  # fmt: skip
    text = [
        told,
        f"Each client has {SHARE:g} of a core (CPU quota); {USERS} users of FastHttpUser, connections kept, to nginx.",
        "",
        *table(head, lines, left=0),
        "",
        "What the cost of a request says of clients with a whole core each:",
        "",
        *table(
            ["workers, each on a core", "requests/s, reckoned"],
            [[str(count), _reckoned(found, count)] for count in BEYOND],
            left=0,
        ),
    ]
    return "\n".join(text)


def _spread(rates: Sequence[float]) -> str:
    return f"{statistics.fmean(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})" if rates else "none"


def _reckoned(found: Sequence[Reached], workers: int) -> str:
    rate = beyond(found, workers)
    return "the master would need more than a core" if rate is None else f"{rate:,.0f}"


def grows(found: Sequence[Reached]) -> bool:
    """Say whether the most clients reach as many times the rate of one as they must."""
    first = next(each for each in found if (each.clients, each.workers) == (1, 1))
    most = max(found, key=lambda each: each.clients)
    return most.mean >= LEAST_GAIN * first.mean > 0


def main() -> int:
    """Measure what is not sealed yet, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archive", type=Path, default=CHECKOUT / ".state" / "more_clients")
    parser.add_argument("--blocks", type=int, default=5, help="how often each is measured (%(default)s)")
    parser.add_argument("--page", action="store_true", help="write the tables into docs/accuracy.md")
    parser.add_argument("--judge-only", nargs="+", type=Path, metavar="ENTRY", help="measure nothing")
    options = parser.parse_args()
    entries: list[Path] = options.judge_only or []
    if not entries:
        options.archive.mkdir(parents=True, exist_ok=True)
        measuring = Measuring(options.archive)
        for clients in CLIENTS:
            plan = plan_of(clients, options.blocks)
            entries.append(measuring.entry(f"more-clients-{clients}", plan, {"local_clients": clients}))
        measuring.restore()
    found = [each for entry in entries for each in reached(entry)]
    manifests = [json.loads((entry / "manifest.json").read_bytes()) for entry in entries]
    give(page(found, machine(manifests)), __file__, write=options.page)
    return 0 if grows(found) else 1


if __name__ == "__main__":
    sys.exit(main())
