"""A profile's CPU quota: what is measured on a host is at its end where it has used up what the quota grants it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from collect.archive.raw import Series
from collect.verdicts.readings import Reading, evidence
from collect.verdicts.thresholds import Limits
from collect.verdicts.usage import UNKNOWN, Seconds, Usage, cpu_count


def quota_share(host: Mapping[str, Any]) -> float:
    """Return the share of its CPUs that a host's quota granted in a trial, 1 without one; ``host`` is its record."""
    quota = (host.get("conditions") or {}).get("quota") or {}
    return float(quota.get("share", 1.0))


def slowed(use: Usage, host: Mapping[str, Any]) -> Usage:
    """Return the use of a core by a process or thread, with the part of it that the host's quota granted."""
    return replace(use, quota=quota_share(host))


def together(seconds: Seconds, series: Series, units: Iterable[str]) -> Usage:
    """Return the cores that some units of a host used together; those that did not run are none."""
    known = [use for unit in units if (use := seconds.unit(series, unit)).known]
    if not known:
        return UNKNOWN
    each = np.sum([np.nan_to_num(use.seconds) for use in known], axis=0)
    return Usage(sum(use.mean for use in known), each, series.host)


def within_quota(
    whole: Reading, use: Usage, series: Series, host: Mapping[str, Any], limits: Limits, *, where: str = ""
) -> Reading:
    """Return what a CPU set says once its quota is counted: ``use`` is that of all which the quota is for, in cores.

    ``where`` names the host in words, where there are several.
    """
    share, cpus = quota_share(host), cpu_count(series)
    if share >= 1 or not cpus or not use.known:
        return whole
    cores = share * cpus
    part = use.over(cores)
    shown = evidence(
        "what is measured",
        part,
        limits,
        ceiling=cores,
        unit="cores",
        shown=f"what is measured{where} at {use.mean:.2f} of the {cores:.2f} cores that the profile grants it",
    )
    full = limits.fullness(np.minimum(1.0, part.seconds) if len(part.seconds) else min(1.0, part.mean))
    if full > whole.full:
        return replace(whole, full=full, evidence=(shown, *whole.evidence))
    return replace(whole, evidence=(*whole.evidence, shown))
