"""Which process of the generator runs on which client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from collect.cpu_sets import Facts

PRIMARY = "primary"


def deal(processes: int, cpus: Mapping[str, int]) -> dict[str, list[str]]:
    """Return the processes that each client runs; ``cpus`` are those of each client's set, the first client first.

    One process is the primary alone, on the first client. More are a master (the primary, which sends no load itself)
    on the first client, and so many workers: each goes to the client that then has the fewest for a CPU, of alike ones
    to the one with more CPUs, else the first. So as many workers as there are CPUs are one for each of them.
    """
    dealt: dict[str, list[str]] = {host: [] for host in cpus}
    dealt[next(iter(cpus))].append(PRIMARY)
    if processes == 1:
        return dealt
    workers = dict.fromkeys(cpus, 0)
    for number in range(1, processes + 1):
        host = min(cpus, key=lambda name: ((workers[name] + 1) / max(1, cpus[name]), -cpus[name]))
        workers[host] += 1
        dealt[host].append(f"worker-{number}")
    return dealt


def client_cpus(facts: Mapping[str, Facts], clients: Sequence[str]) -> dict[str, int]:
    """Return how many CPUs the set of each client has, by the ``facts`` of the hosts; 1 where they do not say."""
    sets = {name: (facts.get(name) or {}).get("cpu_set") for name in clients}
    return {name: len(cpus) if isinstance(cpus, list) and cpus else 1 for name, cpus in sets.items()}
