"""How far each resource was in use, over the window and over each of its seconds, from the samples of both hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from collect.archive.raw import Floats, RawTrial, Sample, Series
from collect.archive.window import Window, rates

SECOND_S = 1.0
LOOPBACK = "lo"
STOLEN_MAX = 0.9
"""As a share of a core: beyond it nothing can be said of who would have used the rest."""


@dataclass(frozen=True)
class Usage:
    """A rate over the window and over each of its seconds; NaN where it is not known."""

    mean: float
    seconds: Floats
    name: str = ""
    """Of what, where there are several: a host, a process."""
    count: int = 1
    """Of how many it is the largest."""
    left: float = 1.0
    """Of a process or thread: the part of its core that the hypervisor gave to nobody else."""
    quota: float = 1.0
    """Of a process or thread: the part of a core that the profile lets it use."""

    @property
    def known(self) -> bool:
        """Say whether there is anything to judge."""
        return not np.isnan(self.mean)

    def over(self, ceiling: float) -> Usage:
        """Return it as a share of a ceiling."""
        return replace(self, mean=self.mean / ceiling, seconds=self.seconds / ceiling)

    @property
    def ceiling(self) -> float:
        """Of a process or thread: the most that it can use of a core."""
        return min(self.left, self.quota)

    @property
    def granted(self) -> Usage:
        """Return it as a share of what the hypervisor and the profile left of a core."""
        share = self.over(self.ceiling)
        return replace(share, mean=min(1.0, share.mean), seconds=np.minimum(1.0, share.seconds))


UNKNOWN = Usage(float("nan"), np.array([]))


@dataclass(frozen=True)
class Seconds:
    """The window's seconds: whole ticks of the server's collector, at least one second apart."""

    edges: Floats

    @classmethod
    def of(cls, raw: RawTrial, window: Window) -> Seconds:
        """Take the ticks from the window's first to its last."""
        t = raw.server.t[window.first : window.last + 1]
        kept = [0]
        for index in range(1, len(t) - 1):
            if t[index] - t[kept[-1]] > SECOND_S * 0.9 and t[-1] - t[index] > SECOND_S * 0.9:
                kept.append(index)
        return cls(t[[*kept, len(t) - 1]])

    @property
    def first(self) -> float:
        """The window's begin, when CPU was read."""
        return float(self.edges[0])

    @property
    def last(self) -> float:
        """Its end."""
        return float(self.edges[-1])

    def rate(self, series: Series, pick: Callable[[Sample], float | None], name: str = "") -> Usage:
        """Return how fast a cumulative counter grew."""
        return self._rate(series, series.each(pick), name)

    def _rate(self, series: Series, values: Floats, name: str) -> Usage:
        whole = rates(series, values, np.array([self.first, self.last]))
        return Usage(float(whole[0]), rates(series, values, self.edges), name)

    def cpu_set(self, series: Series) -> Usage:
        """Return the part of the host's CPU set that was not idle; what a hypervisor took counts as used."""
        cpus = cpu_count(series)
        if not cpus:
            return UNKNOWN
        idle = self.rate(series, lambda s: s["host"]["cpu"]["idle"] + s["host"]["cpu"]["iowait"])
        used = Usage(cpus - idle.mean, cpus - idle.seconds, series.host).over(cpus)
        return Usage(float(np.clip(used.mean, 0, 1)), np.clip(used.seconds, 0, 1), series.host)

    def unit(self, series: Series, unit: str) -> Usage:
        """Return the cores that a unit used."""
        return self.rate(series, lambda s: s["units"][unit]["cpu_user"] + s["units"][unit]["cpu_system"], series.host)

    def busiest_process(self, series: Series, unit: str) -> Usage:
        """Return the cores of the busiest process of a unit."""
        cpu: dict[int, Floats] = {}
        names: dict[int, str] = {}
        for index, sample in enumerate(series.samples):
            for process in sample.get("procs") or ():
                if process.get("unit") == unit:
                    values = cpu.setdefault(process["pid"], np.full(len(series.samples), np.nan))
                    values[index] = process["cpu_user"] + process["cpu_system"]
                    names[process["pid"]] = process.get("name", "")
        return self._of_a_core(series, (self._rate(series, values, names[pid]) for pid, values in cpu.items()))

    def busiest_thread(self, series: Series, unit: str) -> Usage:
        """Return the cores of the busiest thread of a unit."""
        cpu: dict[tuple[int, int], Floats] = {}
        names: dict[tuple[int, int], str] = {}
        for index, sample in enumerate(series.samples):
            for process in sample.get("procs") or ():
                if process.get("unit") == unit:
                    for tid, seconds in process.get("threads") or ():
                        key = (process["pid"], tid)
                        cpu.setdefault(key, np.full(len(series.samples), np.nan))[index] = seconds
                        names[key] = process.get("name", "")
        return self._of_a_core(series, (self._rate(series, values, names[key]) for key, values in cpu.items()))

    def _of_a_core(self, series: Series, usages: Iterable[Usage]) -> Usage:
        """Return the busiest, with the part of a core that was left to it.

        Of several CPUs it is not known which process lost how much, so there nothing is taken off.
        """
        steal = self.rate(series, lambda s: s["host"]["cpu"]["steal"])
        lost = steal.mean if cpu_count(series) == 1 and steal.known else 0.0
        return replace(busiest(usages), left=1 - min(max(0.0, lost), STOLEN_MAX))


def busiest(usages: Iterable[Usage]) -> Usage:
    """Return the one with the largest mean, and of how many it is; unknown where there is none."""
    known = [usage for usage in usages if usage.known]
    if not known:
        return UNKNOWN
    most = max(known, key=lambda usage: usage.mean)
    return replace(most, count=len(known))


def load_interface(series: Series) -> str | None:
    """Return the interface that carried most bytes beside the loopback; None where the samples tell of none.

    The management network's carries the fetching of files after the load, so what grew under load decides.
    """
    if not series.samples:
        return None
    first, last = (sample["host"].get("net") or {} for sample in (series.samples[0], series.samples[-1]))
    grown = {
        name: sum(counters[kind] - first.get(name, counters)[kind] for kind in ("rx_bytes", "tx_bytes"))
        for name, counters in last.items()
        if name != LOOPBACK
    }
    return max(grown, key=lambda name: grown[name]) if grown else None


def cpu_count(series: Series) -> int:
    """Return the CPUs of the host's set; 0 where its samples do not say."""
    return int(series.samples[0]["host"].get("cpus") or 0) if series.samples else 0
