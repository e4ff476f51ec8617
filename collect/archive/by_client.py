"""The part of each client in a trial: for the manifest, where a row has the sums."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from collect.archive.hosts import host_figures, plain
from collect.archive.raw import RawTrial
from collect.archive.window import Window, in_window
from collect.verdicts.by_client import client_words
from collect.verdicts.ceilings import Ceilings


def by_client(raw: RawTrial, window: Window, row: Mapping[str, Any], ceilings: Ceilings) -> dict[str, dict[str, Any]]:
    """Return, by client, its processes of the generator, and of the window its requests, their cost, what limited it.

    ``row`` is the trial's own. ``begin_s`` are the seconds from the load's begin to the client's first request.
    """
    first, last = float(raw.server.t[window.first]), float(raw.server.t[window.last])
    words, inside = client_words(raw, window, row, ceilings), in_window(raw, window)
    workers = raw.requests.workers
    found = {}
    for series in raw.clients:
        own = [number for number, name in enumerate(workers) if raw.homes[name] == series.host]
        mine = np.isin(raw.requests.worker, own)
        requests = int((mine & inside).sum())
        used = host_figures("client", [series], first, last, ("generator",))
        users = [_users(raw, number) for number in own]
        cores = plain(used["generator_cpu_cores"])
        cost_ms = 1000 * cores * window.length_s / requests if cores is not None and requests else None
        found[series.host] = {
            "processes": list(raw.record["clients"][series.host].get("instances") or (workers[n] for n in own)),
            "users": None if None in users else sum(each or 0 for each in users),
            "requests": requests,
            "failures": requests - int((mine & inside & raw.requests.good).sum()),
            "begin_s": float(raw.requests.start[mine].min()) - raw.marks["load_start"] if mine.any() else None,
            "cpus": plain(used["client_cpus"]),
            "cpu_cores": plain(used["client_cpu_cores"]),
            "generator_cpu_cores": cores,
            "generator_cpu_ms_each": cost_ms,
            "limited_by": words[series.host],
        }
    return found


def _users(raw: RawTrial, worker: int) -> int | None:
    return raw.requests.users[worker] if raw.requests.users else None
