"""The generator's processes in a trial: whether each made its part of the load from the first request to the last."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from collect.archive.raw import RawTrial, client_of, dealt_of

SILENT_S = 2.0
"""A worker that sends nothing for so long, and for longer than any request takes, while others do, was lost."""
MARGIN_S = 0.5
"""Others must have been answered this far within such a silence: all may have stood still together."""


def lost_workers(raw: RawTrial) -> Iterator[str]:
    """Name the workers that left no requests, or made none for a while in which others did; not a single process."""
    processes = int(raw.spec.generator["processes"])
    if processes > 1:
        clients, dealt = list(raw.record["clients"]), dealt_of(raw.record)
        for name in (f"worker-{number}" for number in range(1, processes + 1)):
            if name not in raw.requests.workers:
                yield f"{name} on {client_of(name, clients, dealt)} left no requests"
    if len(raw.requests.workers) > 1:
        yield from _silent(raw)


def _silent(raw: RawTrial) -> Iterator[str]:
    requests, begin, end = raw.requests, raw.marks["ramp_end"], raw.marks["load_end"]
    if not len(requests.start):
        return
    patience_s = SILENT_S + float(requests.latency.max())
    ends = requests.end
    for number, name in enumerate(requests.workers):
        if requests.users and requests.users[number] == 0:
            continue  # there are fewer users than workers
        mine = requests.worker == number
        # From the end of all requests so far to the start of the next one; requests are sorted by start.
        quiet_from = np.maximum.accumulate(np.concatenate([[begin], ends[mine]]))
        quiet_to = np.concatenate([requests.start[mine], [end]])
        longest = int(np.argmax(quiet_to - quiet_from))
        first, last = quiet_from[longest], quiet_to[longest]
        others = (ends > first + MARGIN_S) & (ends < last - MARGIN_S) & ~mine
        if last - first > patience_s and others.any():
            yield f"{name} on {raw.homes[name]} sent nothing for {last - first:.1f} s while others did"
