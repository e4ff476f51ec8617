"""What the hosts of one side used between two moments of a trial, together.

Hosts may be containers on one machine that have the same CPUs, as clients made on a small machine do. What these CPUs
did is then counted once, and what runs on any of the hosts is theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from collect.archive.raw import Sample, Series
from collect.archive.window import between, growth, missed_ticks
from collect.cpu_sets import Facts, by_cpu_set

IDLE = ("idle", "iowait", "steal")
MIB = float(2**20)


def host_figures(
    side: str, hosts: Sequence[Series], first: float, last: float, units: Iterable[str],
    facts: Mapping[str, Facts] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return CPU, memory and network of one side between two moments, summed over its hosts; NaN for what is unknown.

    ``facts`` (by host) say which of them share their CPUs; without them none do.
    """
    # Of hosts with the same CPUs one tells what these did.
    tellers = {group[0] for group in by_cpu_set((series.host for series in hosts), facts or {})}
    told = [series for series in hosts if series.host in tellers]

    def rate(pick: Callable[[Sample], float], series: Sequence[Series] = told) -> float:
        return total(growth(each, pick, first, last) for each in series) / (last - first)

    cpus = total(
        float(series.samples[0]["host"].get("cpus") or np.nan) if series.samples else np.nan for series in told
    )
    row: dict[str, Any] = {
        f"{side}_cpus": cpus,
        # From the idle time, which the kernel measures, not from the busy states, which it samples at its ticks.
        f"{side}_cpu_cores": np.maximum(0.0, cpus - rate(lambda s: sum(s["host"]["cpu"][state] for state in IDLE))),
        f"{side}_irq_cpu_cores": rate(lambda s: s["host"]["cpu"]["irq"] + s["host"]["cpu"]["softirq"]),
        f"{side}_steal_cores": rate(lambda s: s["host"]["cpu"]["steal"]),
        f"{side}_iowait_cores": rate(lambda s: s["host"]["cpu"]["iowait"]),
    }
    accounted = rate(lambda s: sum(unit_cpu(unit)(s) for unit in s["units"]), hosts)
    row[f"{side}_foreign_cpu_cores"] = row[f"{side}_cpu_cores"] - accounted
    for unit in units:
        prefix = f"{side}_{unit}" if unit in ("collector", "other") else unit
        row[f"{prefix}_cpu_cores"] = rate(unit_cpu(unit), hosts)
        for kind in ("rss", "pss"):
            seen = [most(s["units"].get(unit, {}).get(kind) for s in between(h, first, last)) for h in hosts]
            row[f"{prefix}_{kind}_mib"] = total(np.nan if value is None else value / MIB for value in seen)
    row[f"{side}_mem_used_max_mib"] = total(
        (most(s["host"].get("mem_used") for s in between(h, first, last)) or np.nan) / MIB for h in hosts
    )
    row[f"{side}_retrans_segs"] = total(
        growth(h, lambda s: s["host"]["tcp_ext"]["retrans_segs"], first, last) for h in hosts
    )
    for kind in ("rx_bytes", "tx_bytes", "rx_packets", "tx_packets"):
        row[f"{side}_{kind}"] = total(growth(h, net(kind), first, last) for h in hosts)
    row[f"{side}_missed_ticks"] = sum(missed_ticks(series, first, last) for series in hosts)
    return row


def net(kind: str) -> Callable[[Sample], float]:
    """Return what picks a counter summed over the host's interfaces; the loopback carries what the app asks for."""
    return lambda s: float(sum(counters[kind] for name, counters in s["host"]["net"].items() if name != "lo"))


def unit_cpu(unit: str) -> Callable[[Sample], float]:
    """Return what picks the CPU seconds of a unit so far."""
    return lambda s: float(s["units"][unit]["cpu_user"] + s["units"][unit]["cpu_system"])


def most(values: Iterable[float | None]) -> float | None:
    """Return the largest value that is known."""
    known = [value for value in values if value is not None]
    return max(known) if known else None


def total(values: Iterable[float]) -> float:
    """Return the sum."""
    return float(sum(values))


def plain(value: Any) -> Any:
    """Return None for NaN, and numbers as Python has them."""
    if isinstance(value, float | np.floating):
        return None if np.isnan(value) else float(value)
    return value
