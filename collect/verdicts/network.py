"""The load network: bytes and packets each way against what was measured before, and segments sent again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from collect.archive.raw import Sample, Series
from collect.cpu_sets import is_container
from collect.verdicts.findings import NETWORK, Evidence
from collect.verdicts.processors import Trial, generating
from collect.verdicts.readings import CEILING, DETAIL, Reading
from collect.verdicts.usage import Usage, load_interface

DIRECTIONS: Mapping[str, tuple[str, str]] = {
    "up": ("rx", "from the clients to the server"),
    "down": ("tx", "from the server to the clients"),
}
"""Each direction as the server's interface counts it."""
MBIT = 8 / 1e6


def read(trial: Trial) -> Reading:
    """Read the load interface of the server, where all of the load passes."""
    series, seconds = trial.raw.server, trial.seconds
    limits, parts, missing = trial.limits.words[NETWORK], [], {}
    full = 0.0
    name = load_interface(series)
    claimed = _speed(trial, name, series)
    ceilings = _together(trial, trial.ceilings.network or claimed, claimed)
    if name is None:
        missing["the load interface's counters"] = DETAIL
    if not trial.ceilings.network:
        missing["what the network can carry"] = CEILING
    for resource, use, ceiling, unit in _uses(trial, name, ceilings):
        share = use.over(ceiling)
        full = max(full, limits.fullness(share.seconds if len(share.seconds) else share.mean))
        text = f"{resource} at {share.mean:.1%} of {ceiling:.0f} {unit}"
        parts.append(Evidence(resource, use.mean, ceiling, unit, limits.full_share(share.seconds), text))
    again = seconds.rate(series, lambda s: s["host"]["tcp_ext"]["retrans_segs"])
    sent = seconds.rate(series, lambda s: s["host"]["tcp_ext"]["out_segs"])
    if again.known and sent.known and sent.mean > 0:
        lost = again.mean / sent.mean
        limit = trial.limits.limits["retransmitted"]
        full = max(full, min(1.0, limit.fullness(lost)))
        text = f"{lost:.2%} of the server's segments were sent again"
        parts.append(Evidence("segments sent again", lost, None, "share", None, text))
    else:
        missing["the server's segments sent again"] = DETAIL
    host = None
    for client, link, filled in _client_links(trial):
        if filled > full:
            full, host = filled, client
        if filled or link.seconds_share:
            parts.append(link)
    parts.sort(key=lambda each: -(each.value / each.ceiling if each.ceiling else each.value))
    return Reading(NETWORK, full, tuple(parts), missing, host)


def _uses(
    trial: Trial, name: str | None, ceilings: Mapping[str, float]
) -> Iterator[tuple[str, Usage, float, str]]:  # fmt: skip
    if name is None:
        return
    for direction, (way, words) in DIRECTIONS.items():
        for what, scale, unit in (("bytes", MBIT, "Mbit/s"), ("packets", 1.0, "packets/s")):
            ceiling = ceilings.get(f"{direction}_mbit_per_s" if what == "bytes" else f"{direction}_packets_per_s")
            use = trial.seconds.rate(trial.raw.server, _counter(name, f"{way}_{what}", scale), name)
            if ceiling and use.known:
                yield f"{what} {words}", use, float(ceiling), unit


def _counter(name: str, key: str, scale: float) -> Callable[[Sample], float]:
    return lambda sample: sample["host"]["net"][name][key] * scale


def _speed(trial: Trial, name: str | None, series: Series) -> Mapping[str, float]:
    """Return the speed that the interface claims, where nothing was measured."""
    facts = trial.ceilings.hosts.get(series.host) or {}
    speed = ((facts.get("interfaces") or {}).get(name) or {}).get("speed_mbit")
    return {"up_mbit_per_s": speed, "down_mbit_per_s": speed} if speed else {}


def _client_links(trial: Trial) -> Iterator[tuple[str, Evidence, float]]:
    """Read the link of each of several clients against the speed that it claims: host, evidence and how full it is.

    Where the server's link has room for all of them, one of theirs may be full all the same. A single client's is as
    full as the server's.
    """
    clients, limits = trial.raw.clients, trial.limits.words[NETWORK]
    for series in clients if len(clients) > 1 else ():
        name = load_interface(series)
        speed = _speed(trial, name, series)
        if name is None or not speed:
            continue
        for direction, way in (("up_mbit_per_s", "tx"), ("down_mbit_per_s", "rx")):
            use = trial.seconds.rate(series, _counter(name, f"{way}_bytes", MBIT), name)
            if use.known:
                share = use.over(float(speed[direction]))
                words = f"bytes {'from' if way == 'tx' else 'to'} {series.host}"
                text = f"{words} at {share.mean:.1%} of {speed[direction]:.0f} Mbit/s"
                full = limits.fullness(share.seconds if len(share.seconds) else share.mean)
                at_full = limits.full_share(share.seconds)
                yield series.host, Evidence(words, use.mean, float(speed[direction]), "Mbit/s", at_full, text), full


def _together(trial: Trial, alone: Mapping[str, float], claimed: Mapping[str, float]) -> Mapping[str, float]:
    """Return what the server's link carries for several clients, from what was measured with the first one ``alone``.

    It may have been that client's link that was full. So where the server's card claims to be faster, as many clients
    carry as much more, up to what it claims; a container's card claims what it likes.
    """
    clients = len(generating(trial.raw))
    if clients < 2 or not claimed or is_container(trial.ceilings.hosts.get(trial.raw.server.host) or {}):
        return alone
    found = dict(alone)
    for direction in DIRECTIONS:
        mbit, packets = f"{direction}_mbit_per_s", f"{direction}_packets_per_s"
        if one := alone.get(mbit):
            found[mbit] = max(one, min(float(claimed[mbit]), clients * one))
            if packets in found:
                found[packets] = alone[packets] * found[mbit] / one
    return found
