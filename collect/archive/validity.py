"""Whether a trial's figures may be taken as they are, with the reasons (thresholds: collect/data/validity.yml)."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from collect.documents import load_yaml
from collect.paths import DATA_DIR

VALID, DEGRADED, INVALID = "valid", "degraded", "invalid"


@functools.cache
def thresholds() -> Mapping[str, Mapping[str, float]]:
    """Return the limits by rule; each has ``degraded``, ``invalid`` or both."""
    rules: Mapping[str, Mapping[str, float]] = load_yaml(DATA_DIR / "validity.yml")
    return rules


@dataclass
class Verdict:
    """Gathers reasons; the worst one decides."""

    validity: str = VALID
    reasons: list[str] = field(default_factory=list)

    def broken(self, validity: str, reason: str) -> None:
        """Note a reason against taking the figures as they are."""
        self.validity = validity if validity == INVALID or self.validity == VALID else self.validity
        self.reasons.append(reason)

    def weigh(self, rule: str, value: float | None, reason: str) -> None:
        """Note the reason if the value is beyond a limit of the rule; None is never beyond."""
        limits = thresholds()[rule]
        for validity in (INVALID, DEGRADED):
            if value is not None and validity in limits and value > limits[validity]:
                self.broken(validity, reason)
                return


def judge(row: Mapping[str, Any], checks: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return validity and reasons of a trial from its summary row and the checks made while it was cut."""
    verdict = Verdict()
    for problem in checks["problems"]:
        verdict.broken(INVALID, problem)
    if not row["requests"]:
        verdict.broken(INVALID, "no request was answered in the window")
        return verdict.validity, verdict.reasons
    failures, requests = row["failures"], row["requests"]
    verdict.weigh("failed_share", failures / requests, f"{failures} of {requests} requests failed")
    _weigh_redis(verdict, row, checks)
    planned = checks["planned_window_s"]
    shown = f"the window is {row['window_s']:.2f} s instead of {planned:g} s"
    verdict.weigh("window_missing_share", 1 - row["window_s"] / planned, shown)
    for side in ("server", "client"):
        missed = row[f"{side}_missed_ticks"]
        share = missed / (missed + checks[f"{side}_ticks"]) if missed else 0.0
        verdict.weigh("missed_tick_share", share, f"{missed} ticks of the {side}'s collector were missed")
        _weigh_neighbours(verdict, row, side)
    uncertain = row["clock_uncertainty_s"]
    verdict.weigh("clock_uncertainty_s", uncertain, f"the clocks are known to {uncertain * 1000:.1f} ms only")
    return verdict.validity, verdict.reasons


def _weigh_redis(verdict: Verdict, row: Mapping[str, Any], checks: Mapping[str, Any]) -> None:
    """Compare Redis' count with the generator's: in the window and over the whole trial."""
    if not checks["redis_gets_expected"]:
        return
    if row["redis_gets"] is None:
        verdict.broken(INVALID, "Redis' own count of GETs is missing")
    spans = {
        "redis_gets_diff": ("in the window", row["failures"]),
        "redis_gets_total_diff": ("over the whole trial", checks["failures_total"]),
    }
    for column, (span, failures) in spans.items():
        diff = row[column]
        if diff is not None:
            off = max(0, abs(diff) - failures) / row["users"]
            word = "more" if diff > 0 else "fewer"
            limit = f"at most {row['users']} can be under way"
            verdict.weigh("redis_gets_off_users", off, f"Redis counted {abs(diff)} GETs {word} {span}; {limit}")


def _weigh_neighbours(verdict: Verdict, row: Mapping[str, Any], side: str) -> None:
    cpus, foreign = row[f"{side}_cpus"], row[f"{side}_foreign_cpu_cores"]
    if not cpus:
        return
    if (steal := row[f"{side}_steal_cores"]) is not None:
        verdict.weigh(
            "steal_share", steal / cpus, f"{steal / cpus:.1%} of the {side}'s CPU was stolen by the hypervisor"
        )
    if foreign is not None:
        # The control node's own work may have run on either side's CPUs; it is small, measured and on record by itself.
        share = max(0.0, foreign - (row.get("control_cpu_cores") or 0.0)) / cpus
        verdict.weigh(
            "foreign_share", share, f"{share:.1%} of the {side}'s CPU went to others than the host and the control node"
        )
