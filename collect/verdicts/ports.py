"""The client's ports: how many wait for this trial's connections, and what it costs to find a free one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from collect.archive.raw import Floats, RawTrial, Sample, Series
from collect.archive.window import Window, between, growth, in_window, rates
from collect.verdicts.findings import CLIENT_PORTS, Evidence
from collect.verdicts.processors import Trial
from collect.verdicts.readings import DETAIL, Reading
from collect.verdicts.usage import Seconds

TIME_WAIT_S = 60.0
"""Linux' TCP_TIMEWAIT_LEN, fixed at build time."""
REUSED_AFTER_S = 1.0
"""With tcp_tw_reuse=1 a waiting port is taken again for the same server once its last timestamp is a second old."""
RANGE, REUSE = "net.ipv4.ip_local_port_range", "net.ipv4.tcp_tw_reuse"
NO_PORT = "no_port"
FEW = 10
"""Connections in a second from which on their cost is told."""


@dataclass(frozen=True)
class Ports:
    """One client's ports, second by second."""

    host: str
    count: int
    """What the kernel hands out."""
    used: Floats
    """How many of them wait for this trial's connections, at each second's end."""
    opened: Floats
    """Connections opened per second."""
    cost: Floats
    """Kernel CPU of the generator per connection in each second, against the cheapest second of the trial."""
    reuse: bool

    @property
    def lasting_s(self) -> float:
        """For how long a port is taken by a connection that has ended."""
        return REUSED_AFTER_S if self.reuse else TIME_WAIT_S


def setting(recorded: Mapping[str, Any], facts: Mapping[str, Any], name: str) -> str | None:
    """Return a kernel setting that held during the trial: what was set for it, what was before, or the host's facts."""
    conditions = recorded.get("conditions") or {}
    for source in (conditions.get("set"), conditions.get("before"), facts.get("sysctl")):
        if source and source.get(name) is not None:
            return str(source[name])
    return None


def port_count(text: str | None) -> int | None:
    """Return how many ports a range such as ``32768 60999`` holds; None where there is none."""
    parts = (text or "").split()
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        return None
    return max(1, int(parts[1]) - int(parts[0]) + 1)


def client_ports(trial: Trial) -> list[Ports]:
    """Return the ports of each client whose range and samples are known."""
    raw, found = trial.raw, []
    for series in raw.clients:
        host, facts = raw.record["clients"][series.host], trial.ceilings.hosts.get(series.host) or {}
        count = port_count(setting(host, facts, RANGE))
        used = _used(raw, series, trial.seconds)
        if count is None or np.isnan(used).all():
            continue
        opened = rates(series, series.each(lambda s: s["host"]["tcp_ext"]["active_opens"]), trial.seconds.edges)
        cost = _cost(raw, series, trial.seconds, opened)
        reuse = setting(host, facts, REUSE) == "1"
        # No more can wait than there are: sockets to other places are among them.
        found.append(Ports(series.host, count, np.minimum(used, count), opened, cost, reuse))
    return found


def fullest(ports: list[Ports]) -> Ports | None:
    """Return the client with the largest part of its ports in use."""
    return max(ports, key=lambda each: float(np.nanmax(each.used)) / each.count, default=None)


def read(trial: Trial, window: Window, ports: list[Ports]) -> Reading:
    """Read the client's ports: those that wait, requests that found none, and the kernel's search for a free one."""
    limits, rules = trial.limits.words[CLIENT_PORTS], trial.limits.rules
    refused = no_port_share(trial.raw, window)
    parts: list[Evidence] = []
    full = 0.0
    if refused > 0:
        text = f"{refused:.1%} of the requests found no free port"
        parts.append(Evidence("requests without a port", refused, None, "share", None, text))
        full = min(1.0, refused / rules["no_port_share"])
    most = fullest(ports)
    if most is None:
        return Reading(CLIENT_PORTS, full, tuple(parts), {"the client's range of ports or its sockets": DETAIL})
    # With reuse a waiting port is no lost one: then only the rate within the last second counts.
    held = np.minimum(most.used, most.opened * REUSED_AFTER_S) if most.reuse else most.used
    use = held / most.count
    each = np.clip((use - limits.near) / (limits.full - limits.near), 0, 1)
    searching = (use >= rules["port_search_used"]) & (most.cost >= rules["port_search_cost"])
    each = np.maximum(np.nan_to_num(each), searching)
    full = max(full, float(each.mean()))
    rate = most.count / most.lasting_s
    text = (
        f"{np.nanmax(held):.0f} of {most.host}'s {most.count} ports taken by this trial's connections at most; "
        f"{np.nanmean(most.opened):.0f} connections/s, {rate:.0f}/s can last"
    )
    mean, at_full = float(np.nanmean(held)), float((use >= limits.full).mean())
    parts.append(Evidence("ports", mean, float(most.count), "ports", at_full, text))
    if searching.any():
        worst = float(np.nanmax(most.cost[searching]))
        when = f"in {searching.mean():.0%} of the seconds"
        text = f"the kernel's search for a free port took up to {worst:.0f} times the CPU per connection, {when}"
        parts.append(Evidence("CPU per connection", worst, None, "times", float(searching.mean()), text))
    return Reading(CLIENT_PORTS, full, tuple(parts), host=most.host if len(trial.raw.clients) > 1 else None)


def no_port_share(raw: RawTrial, window: Window) -> float:
    """Return the share of the window's requests that failed for want of a port."""
    if NO_PORT not in raw.requests.outcomes:
        return 0.0
    inside = in_window(raw, window)
    failed = raw.requests.outcome == raw.requests.outcomes.index(NO_PORT)
    return float((failed & inside).sum() / max(1, inside.sum()))


def _used(raw: RawTrial, series: Series, seconds: Seconds) -> Floats:
    """Return how many ports waited for this trial's connections at each second's end.

    TIME_WAIT counts those of earlier trials, too; but each trial has a server port of its own, and a waiting port is
    in the way of connections to the same server port only. So it is bounded by what this trial opened within the last
    minute, and by what came into TIME_WAIT since: the sockets there and those that have left it.
    """
    waiting = series.each(lambda s: s["host"]["tcp"]["TIME_WAIT"])
    opened = series.each(lambda s: s["host"]["tcp_ext"]["active_opens"])
    left = series.each(lambda s: s["host"]["tcp_ext"]["time_wait_ended"] + s["host"]["tcp_ext"]["time_wait_reused"])
    if (~(np.isnan(waiting) | np.isnan(opened))).sum() < 2:
        return np.full(len(seconds.edges) - 1, np.nan)
    at = seconds.edges[1:]
    before = np.maximum(raw.marks["load_start"], at - TIME_WAIT_S)
    used = _at(series, waiting, at)
    for counter in (opened, waiting + left):
        grown = _at(series, counter, at) - _at(series, counter, before)
        used = np.where(np.isnan(grown), used, np.minimum(used, np.maximum(grown, 0)))
    return used


def _at(series: Series, values: Floats, moments: Floats) -> Floats:
    known = ~np.isnan(values)
    if not known.any():
        return np.full(len(moments), np.nan)
    found: Floats = np.interp(moments, series.t[known], values[known])
    return found


def _cost(raw: RawTrial, series: Series, seconds: Seconds, opened: Floats) -> Floats:
    """Return the generator's kernel CPU per connection in each second, relative to the cheapest of the trial."""

    def kernel(sample: Sample) -> float:
        return float(sample["units"]["generator"]["cpu_system"])

    system = rates(series, series.each(kernel), seconds.edges)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(opened >= FEW, system / opened, np.nan)
    early = between(series, raw.marks["load_start"], seconds.first)
    cheapest = float(np.nanmin(each)) if not np.isnan(each).all() else float("nan")
    if len(early) > 1:
        a, b = raw.marks["load_start"], seconds.first
        count = growth(series, lambda s: s["host"]["tcp_ext"]["active_opens"], a, b)
        spent = growth(series, kernel, a, b)
        if count >= FEW and spent > 0:
            cheapest = float(np.nanmin([cheapest, spent / count]))
    relative: Floats = np.nan_to_num(each / cheapest) if cheapest > 0 else np.zeros(len(each))
    return relative
