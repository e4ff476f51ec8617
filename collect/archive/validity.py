"""Whether a trial's figures may be taken as they are, with the reasons, and what is odd about it without being wrong.

The thresholds with their reasons are in collect/data/validity.yml.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collect.paths import DATA_DIR

if TYPE_CHECKING:
    from collect.statistics.warmup import Head

VALID, DEGRADED, INVALID = "valid", "degraded", "invalid"
WARNING = "warning"


@functools.cache
def thresholds(path: Path = DATA_DIR / "validity.yml") -> Mapping[str, Mapping[str, float]]:
    """Return the limits by rule: ``warning``, ``degraded``, ``invalid`` or several; BenchError for a bad file."""
    from collect.documents import load_document  # what lists runs needs the words alone

    rules: Mapping[str, Mapping[str, float]] = load_document(path, "validity")
    return rules


@dataclass
class Verdict:
    """Gathers reasons; the worst one decides."""

    validity: str = VALID
    reasons: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def broken(self, validity: str, reason: str) -> None:
        """Note a reason against taking the figures as they are, or a warning."""
        if validity == WARNING:
            self.warnings.append(reason)
            return
        self.validity = validity if validity == INVALID or self.validity == VALID else self.validity
        self.reasons.append(reason)

    def weigh(self, rule: str, value: float | None, reason: str) -> None:
        """Note the reason if the value is beyond a limit of the rule; None is never beyond."""
        limits = thresholds()[rule]
        for validity in (INVALID, DEGRADED, WARNING):
            if value is not None and validity in limits and value > limits[validity]:
                self.broken(validity, reason)
                return


def judge(row: Mapping[str, Any], checks: Mapping[str, Any]) -> Verdict:
    """Return validity, reasons and warnings of a trial from its summary row and the checks made while it was cut."""
    verdict = Verdict()
    for problem in checks["problems"]:
        verdict.broken(INVALID, problem)
    if not row["requests"]:
        verdict.broken(INVALID, "no request was answered in the window")
        return verdict
    failures, requests = row["failures"], row["requests"]
    verdict.weigh("failed_share", failures / requests, f"{failures} of {requests} requests failed")
    wrong = checks["wrong_responses"]
    verdict.weigh("wrong_share", wrong / requests, f"{wrong} of {requests} responses were not the right one")
    _weigh_redis(verdict, row, checks)
    _weigh_database(verdict, row, checks)
    _weigh_app(verdict, row, checks)
    planned = checks["planned_window_s"]
    shown = f"the window is {row['window_s']:.2f} s instead of {planned:g} s"
    verdict.weigh("window_missing_share", 1 - row["window_s"] / planned, shown)
    for side in ("server", "client"):
        missed = row[f"{side}_missed_ticks"]
        share = missed / (missed + checks[f"{side}_ticks"]) if missed else 0.0
        verdict.weigh("missed_tick_share", share, f"{missed} ticks of the {side}'s collector were missed")
        _weigh_neighbours(verdict, row, side)
        slower = checks["frequency_drop"].get(side)
        shown = f"the {side}'s CPU ran up to {slower or 0:.0%} slower than it had in this trial"
        verdict.weigh("frequency_drop", slower, shown)
    uncertain = row["clock_uncertainty_s"]
    verdict.weigh("clock_uncertainty_s", uncertain, f"the clocks are known to {uncertain * 1000:.1f} ms only")
    _weigh_settling(verdict, row, checks["settling"])
    _weigh_invariants(verdict, row)
    _weigh_relay(verdict, row)
    for host, names in checks["tuning_changed"].items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        verdict.weigh("tuning_changed", len(names), f"/{names[0]}{more} of {host} did not stay as tuned for the trial")
    for side, (granted, used) in checks["quotas"].items():
        shown = f"what is measured on the {side} used {used:.2f} cores; its quota is {granted:.2f}"
        verdict.weigh("quota_exceeded_share", used / granted - 1, shown)
    return verdict


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


def _weigh_database(verdict: Verdict, row: Mapping[str, Any], checks: Mapping[str, Any]) -> None:
    """Compare the database's counts with the generator's: SELECTs in the window, rows over the whole trial.

    An accepted request has left its row before it was answered, so no row may be missing. A failed one may or may not
    have come so far, and those that the load's end cut off, one a user at most, are not on record.
    """
    if not checks["database_used"]:
        return
    selects, inserts, users = checks["db_selects_each"], checks["db_inserts_each"], row["users"]
    limit = f"at most {users} can be under way"
    if selects and row["db_selects_diff"] is None:
        verdict.broken(INVALID, "the database's own count of SELECTs is missing")
    elif selects:
        diff = row["db_selects_diff"]
        off = max(0, abs(diff) - selects * row["failures"]) / (selects * users)
        word = "more" if diff > 0 else "fewer"
        shown = f"the database counted {abs(diff)} SELECTs {word} than there were requests for in the window; {limit}"
        verdict.weigh("db_off_users", off, shown)
    diff = row["db_inserts_diff"]
    if diff is None:
        if inserts:
            verdict.broken(INVALID, "the database's own count of rows is missing")
        return
    fewer = -diff - inserts * checks["failures_total"]
    verdict.weigh("db_rows_off", fewer, f"the database holds {_rows(fewer)} fewer than requests were accepted")
    if inserts:
        shown = f"the database holds {_rows(diff)} more than requests were sent; {limit}"
        verdict.weigh("db_off_users", diff / (inserts * users), shown)
    else:
        verdict.weigh("db_rows_off", diff, f"the database holds {_rows(diff)} more, and no request inserts any")


def _rows(count: int) -> str:
    return f"{count} row{'s' * (count != 1)}"


def _weigh_app(verdict: Verdict, row: Mapping[str, Any], checks: Mapping[str, Any]) -> None:
    """Compare the app's own count of requests with the generator's, over the whole trial."""
    diff = row["app_requests_diff"]
    if diff is not None:
        off = max(0, abs(diff) - checks["failures_total"]) / row["users"]
        shown = f"the app counted {abs(diff)} requests {'more' if diff > 0 else 'fewer'} than the generator"
        verdict.weigh("app_requests_off_users", off, f"{shown}; at most {row['users']} can be under way")


def _weigh_settling(verdict: Verdict, row: Mapping[str, Any], head: Head | None) -> None:
    """Weigh what a head of the window that ought to have been warm-up does to the rate; nothing is cut off."""
    if head is None or not head.share:
        return
    settled = f"the rate settled only {row['warmup_found_s']:.2f} s into the window"
    levels = f"{head.before:.0f}/s until then, {head.after:.0f}/s after"
    off = f"{abs(head.bias):.1%} {'above' if head.bias > 0 else 'below'} the rate after it"
    verdict.weigh("warmup_bias", abs(head.bias), f"{settled} ({levels}), so rps is {off}: warm up for longer")


def _weigh_invariants(verdict: Verdict, row: Mapping[str, Any]) -> None:
    """Weigh figures that can be had in two ways."""
    between = row["little_error"]
    if between is not None:
        # At its edges a window cuts requests in two, one for each user: what that may be is no error.
        edges = row["latency_mean_ms"] / 1000 / row["window_s"]
        shown = f"the users spent {between:.1%} of the time between requests: the generator's own, not the server's"
        verdict.weigh("time_between_requests", between - edges, shown)
        shown = f"{1 - between:.1%} of the users were under way at the same time: latencies or clocks are wrong"
        verdict.weigh("more_than_all_users", -between - edges, shown)
    for side in ("server", "client"):
        off = row[f"{side}_cpu_sum_error"]
        if off is not None:
            which = "used by none of its units" if off < 0 else "counted by its units beyond what was used"
            shown = f"{abs(off):.1%} of the {side}'s CPU set was {which}"
            verdict.weigh("cpu_sum_error", abs(off), shown)
    for rule, cause in (
        ("latency_40ms_share", "at 40 ms, where a delayed ACK waits for Nagle's algorithm"),
        ("latency_1s_share", "at 1 s, where a SYN is sent again"),
    ):
        if (share := row[rule]) is not None:
            verdict.weigh(rule, share, f"{share:.2%} of the latencies pile up {cause}")


def _weigh_relay(verdict: Verdict, row: Mapping[str, Any]) -> None:
    """Weigh what held up Redis' answers: it must have time left, and hold them up by what was asked for."""
    if (cores := row.get("relay_cpu_cores")) is not None:
        verdict.weigh(
            "relay_cores", cores, f"the relay before Redis used {cores:.2f} of a core: the rate may be its own"
        )
    asked, held = row.get("redis_delay_ms"), row.get("redis_delay_p50_ms")
    if asked is not None and held is not None:
        late = max(0.0, held - asked) / max(1.0, asked)
        shown = f"Redis' answers were held up by {held:.2f} ms at the median, not by {asked:g}"
        verdict.weigh("relay_late_share", late, shown)


def unaccounted_cores(row: Mapping[str, Any], side: str) -> float:
    """Return the CPU that neither the host's processes, the control node nor interrupts account for; 0 at least.

    An interrupt is charged to whom it interrupts, and to nobody when it hits an idle CPU. How many do is not known, so
    where CPU is left all of them may have.
    """
    foreign, cpus = row[f"{side}_foreign_cpu_cores"], row[f"{side}_cpus"]
    idle = max(0.0, cpus - row[f"{side}_cpu_cores"])
    to_nobody = min(row.get(f"{side}_irq_cpu_cores") or 0.0, idle)
    # The control node's own work may have run on either side's CPUs; it is small, measured and on record by itself.
    return max(0.0, float(foreign - to_nobody - (row.get("control_cpu_cores") or 0.0)))


def unaccounted_share(row: Mapping[str, Any], side: str) -> float | None:
    """Return the same as a share of the side's CPU set; None where the set or its use is not known."""
    cpus, used, foreign = (row.get(f"{side}_{name}") for name in ("cpus", "cpu_cores", "foreign_cpu_cores"))
    if not cpus or used is None or foreign is None:
        return None
    return unaccounted_cores(row, side) / float(cpus)


def _weigh_neighbours(verdict: Verdict, row: Mapping[str, Any], side: str) -> None:
    cpus = row[f"{side}_cpus"]
    if not cpus:
        return
    if (steal := row[f"{side}_steal_cores"]) is not None:
        verdict.weigh(
            "steal_share", steal / cpus, f"{steal / cpus:.1%} of the {side}'s CPU was stolen by the hypervisor"
        )
    if (share := unaccounted_share(row, side)) is not None:
        shown = f"{share:.1%} of the {side}'s CPU went to others than the host and the control node"
        verdict.weigh("foreign_share", share, shown)
