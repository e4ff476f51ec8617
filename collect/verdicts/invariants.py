"""What must hold in every trial, whatever limited it: figures that can be had in two ways must agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from collect.archive.raw import Floats, RawTrial
from collect.archive.validity import unaccounted_cores
from collect.archive.window import Window, growth, in_window
from collect.statistics.modes import pile_share
from collect.statistics.steadiness import largest_step
from collect.verdicts import ports, processors, steady
from collect.verdicts.ceilings import Ceilings
from collect.verdicts.findings import CLIENT_CPU, SERVER_CPU
from collect.verdicts.thresholds import thresholds
from collect.verdicts.usage import Seconds, Usage

Row = dict[str, Any]


def figures(raw: RawTrial, window: Window, row: Mapping[str, Any], ceilings: Ceilings) -> Row:
    """Return the columns that are there for verdicts and checks; None for what is not known."""
    seconds = Seconds.of(raw, window)
    latencies = _latencies(raw, window)
    return {
        "connections": _connections(raw, seconds),
        "little_error": _little_error(row, latencies),
        "server_cpu_sum_error": _sum_error(row, "server"),
        "client_cpu_sum_error": _sum_error(row, "client"),
        "latency_40ms_share": _pile(raw, window, 0.040, 0.046),
        "latency_1s_share": _pile(raw, window, 1.0, 1.1),
        **_app_requests(raw),
        **_busiest(raw, seconds),
        **_ports(raw, seconds, row, ceilings),
        "rps_change": _change(raw, window),
    }


def _connections(raw: RawTrial, seconds: Seconds) -> int | None:
    """Return the connections accepted from the clients; what the app opens is accepted on the same host."""
    accepted = growth(raw.server, lambda s: s["host"]["tcp_ext"]["passive_opens"], seconds.first, seconds.last)
    opened = growth(raw.server, lambda s: s["host"]["tcp_ext"]["active_opens"], seconds.first, seconds.last)
    return None if np.isnan(accepted) else round(max(0.0, accepted - (0.0 if np.isnan(opened) else opened)))


def _latencies(raw: RawTrial, window: Window) -> Floats:
    inside = in_window(raw, window) & raw.requests.good
    found: Floats = raw.requests.latency[inside]
    return found


def _pile(raw: RawTrial, window: Window, low: float, high: float) -> float | None:
    """Return the share of the answers that pile up at a place, beyond what lies there anyway.

    Seconds whose usual latency lies there or beyond are left out: they show nothing but their own mode.
    """
    inside = in_window(raw, window) & raw.requests.good
    if not inside.any():
        return None
    latency, second = raw.requests.latency[inside], np.floor(raw.requests.end[inside] - window.t1)
    usual = [each for number in np.unique(second) if np.median(each := latency[second == number]) < 0.75 * low]
    if not usual:
        return 0.0
    kept = np.concatenate(usual)
    share = pile_share(kept, low, high)
    return None if share is None else share * len(kept) / len(latency)


def _little_error(row: Mapping[str, Any], latencies: Floats) -> float | None:
    """Return the share of the users' time between requests; failures are no such time, so there must be none."""
    if row["failures"] or not len(latencies):
        return None
    return float(1 - row["rps"] * latencies.mean() / row["users"])


def _sum_error(row: Mapping[str, Any], side: str) -> float | None:
    """Return the sum of the units less the host's CPU, as a share of the set; see ``unaccounted_cores``."""
    missing, cpus = row[f"{side}_foreign_cpu_cores"], row[f"{side}_cpus"]
    if missing is None or not cpus:
        return None
    return float((-unaccounted_cores(row, side) if missing > 0 else -missing) / cpus)


def _app_requests(raw: RawTrial) -> Row:
    """Return the app's own count and by how much it differs from the generator's."""
    counted = (raw.record["server"].get("after") or {}).get("app_requests")
    if counted is None:
        return {"app_requests": None, "app_requests_diff": None}
    checked = int(raw.record["result"].get("check_requests", 0))
    return {"app_requests": int(counted), "app_requests_diff": int(counted) - len(raw.requests.end) - checked}


def _busiest(raw: RawTrial, seconds: Seconds) -> Row:
    words = thresholds().words
    clients = [seconds.cpu_set(series) for series in raw.clients]
    full = [share for use in clients if (share := words[CLIENT_CPU].full_share(use.seconds)) is not None]
    return {
        "app_process_cpu_cores": _mean(seconds.busiest_process(raw.server, "app")),
        "generator_process_cpu_cores": _mean(processors.busiest_generator(raw, seconds)),
        "server_cpu_full_share": words[SERVER_CPU].full_share(seconds.cpu_set(raw.server).seconds),
        "client_cpu_full_share": max(full, default=None),
    }


def _ports(raw: RawTrial, seconds: Seconds, row: Mapping[str, Any], ceilings: Ceilings) -> Row:
    trial = processors.Trial(raw, seconds, row, ceilings, thresholds())
    most = ports.fullest(ports.client_ports(trial))
    if most is None:
        return {"client_ports": None, "client_ports_used_max": None}
    return {"client_ports": most.count, "client_ports_used_max": round(float(np.nanmax(most.used)))}


def _change(raw: RawTrial, window: Window) -> float | None:
    rate = steady.window_rates(raw, window)
    if largest_step(rate) is None:
        return None
    change = steady.largest_change(rate, thresholds().rules["unsteady_score"])
    return change.size if change else 0.0


def _mean(use: Usage) -> float | None:
    return use.mean if use.known else None
