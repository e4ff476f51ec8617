"""How many requests a second a server can answer at most, by the delay of what it asks and by its CPU.

Little (1961), "A proof for the queuing formula L = lambda W", Operations Research 9(3): of N requests under way, each
of which waits for Z seconds and takes D of CPU at least, N / (Z + D) are answered a second at most. No more are under
way than there are users, and threads where the server has a fixed number. And C CPUs answer C / D at most (the
utilisation law). Both bounds together: Denning and Buzen (1978), "The operational analysis of queueing network models",
ACM Computing Surveys 10(3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ONE_AT_A_TIME = "gunicorn-sync"
"""Serves with a process a request."""
USERS, THREADS, CPU = "users", "threads", "CPU"


@dataclass(frozen=True)
class Bound:
    """What is allowed, and by what."""

    slots: int
    """Requests that can be under way at once."""
    few: str
    """What they are as many as: users or threads."""
    wait_s: float
    """How long each waits for Redis, Z."""
    cpu_s: float | None
    """What each takes of the server's CPU, D; None where it is not known, and then it is no bound."""
    cpus: float

    @property
    def little_rps(self) -> float | None:
        """Requests a second that the delay alone allows; None without a delay."""
        return self.slots / self.wait_s if self.wait_s > 0 else None

    @property
    def by_slots_rps(self) -> float | None:
        """Requests a second that delay and CPU of each allow for as many as can be under way."""
        each_s = self.wait_s + (self.cpu_s or 0.0)
        return self.slots / each_s if each_s > 0 else None

    @property
    def by_cpu_rps(self) -> float | None:
        """Requests a second that the CPU set can answer."""
        return self.cpus / self.cpu_s if self.cpu_s and self.cpus else None

    @property
    def allowed_rps(self) -> float | None:
        """The smaller of the two; None where neither is known."""
        known = [rate for rate in (self.by_slots_rps, self.by_cpu_rps) if rate is not None]
        return min(known, default=None)

    @property
    def by(self) -> str | None:
        """What the smaller one is by: users, threads or CPU."""
        if self.allowed_rps is None:
            return None
        return CPU if self.allowed_rps == self.by_cpu_rps else self.few

    @property
    def text(self) -> str:
        """The bound in words, such as "10 threads / 20.1 ms"."""
        if self.by in (None, CPU):
            return "CPU" if self.by else "not known"
        return f"{self.slots:,} {self.few} / {(self.wait_s + (self.cpu_s or 0)) * 1000:.3g} ms"


def slots(variant: Mapping[str, Any]) -> int | None:
    """Return how many requests a variant of the catalog has under way at most; None for as many as come."""
    processes = int(variant["processes"])
    if "threads" in variant:
        return int(variant["threads"]) * processes
    return processes if variant["server"] == ONE_AT_A_TIME else None


def bound(variant: Mapping[str, Any], users: int, *, wait_s: float, cpu_s: float | None, cpus: float) -> Bound:
    """Return what is allowed to a variant with so many users; waits and CPU are those of a request."""
    most = slots(variant)
    few = most is not None and most < users
    return Bound(most if most is not None and few else users, THREADS if few else USERS, wait_s, cpu_s, cpus)
