"""A made-up trial whose load comes from several clients, each with a clock, CPUs and neighbours of its own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from collect.plan import TrialSpec
from collect.trial.workers import PRIMARY
from tests.support.synthetic import EPOCH, FACTS, OUTCOMES, Setting, Truth, write_trial

CONTAINER: dict[str, Any] = {
    **FACTS,
    "cpu_set": [1], "kernel_build": "#1 SMP", "boot_time": 1_799_000_000.0,
    "virtualisation": {"vm": "none", "container": "systemd-nspawn"},
}  # fmt: skip
"""What a container on CPU 1 of a machine says of itself."""


@dataclass(frozen=True)
class Client:
    """One client host."""

    workers: int = 1
    generator_cores: float = 0.3
    foreign_cores: float = 0.01
    offset_s: float = 0.0
    cpus: int = 1
    silent_s: tuple[float, float] | None = None
    """From when to when, in seconds of the window, its workers are not on record."""
    request_bytes: int = 600


def write_several(
    folder: Path, spec: TrialSpec, setting: Setting, clients: Mapping[str, Client], load_start: float = EPOCH
) -> tuple[TrialSpec, dict[str, Any], Truth]:
    """Write a trial's raw files, the requests of ``setting`` dealt out over the clients' workers in turn.

    Return its spec with as many processes, the record, and the truth. The master is on the first client.
    """
    count = sum(client.workers for client in clients.values())
    spec = replace(spec, generator={**spec.generator, "processes": count})
    record, truth = write_trial(folder, spec, setting, load_start)
    rows = np.fromfile(folder / "requests-primary.f64", dtype="<f8").reshape(-1, 3)
    for name in ("requests-primary.f64", "summary-primary.json", "samples-client1.jsonl"):
        (folder / name).unlink()
    window_start = record["result"]["window_start_unix_s"]
    record["clients"], number = {}, 0
    for place, (host, client) in enumerate(clients.items()):
        part = replace(
            setting, rps=max(1.0, setting.rps * client.workers / count), generator_cores=client.generator_cores,
            foreign_cores=client.foreign_cores, client_offset_s=client.offset_s, request_bytes=client.request_bytes,
            cpus={**setting.cpus, "client1": client.cpus},
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as alone:
            told, _ = write_trial(Path(alone), spec, part, load_start)
            (folder / f"samples-{host}.jsonl").write_text(Path(alone, "samples-client1.jsonl").read_text())
        names = [f"worker-{number + own + 1}" for own in range(client.workers)]
        for own, name in enumerate(names):
            mine = rows[number + own :: count]
            if client.silent_s is not None:
                first, last = (window_start + edge for edge in client.silent_s)
                mine = mine[(mine[:, 0] + mine[:, 1] < first) | (mine[:, 0] >= last)]
            (mine + np.array([client.offset_s, 0.0, 0.0])).astype("<f8").tofile(folder / f"requests-{name}.f64")
            users = len(range(number + own, spec.cell.users, count))
            summary = {"instance": name, "users": users, "rows": len(mine), "outcomes": OUTCOMES}
            (folder / f"summary-{name}.json").write_text(json.dumps(summary))
        number += client.workers
        instances = [PRIMARY] * (place == 0) + names
        record["clients"][host] = {**told["clients"]["client1"], "instances": instances}
        if place == 0:
            record["result"] = {**told["result"], "workers": count}
    return spec, record, truth
