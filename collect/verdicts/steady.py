"""Whether the rate was one rate: steps, drifts and oscillations within the window."""

from __future__ import annotations

import numpy as np

from collect.archive.raw import Floats, RawTrial
from collect.archive.window import Window
from collect.statistics.steadiness import Change, largest_drift, largest_step, oscillation, rates_of
from collect.verdicts.findings import UNSTEADY, Evidence
from collect.verdicts.processors import OWN_UNITS, Trial
from collect.verdicts.readings import DETAIL, Reading

AT_THE_EDGE = 0.999
NAMED = 0.75
"""How full a change that is just large enough counts."""


def window_rates(raw: RawTrial, window: Window) -> Floats:
    """Return the rate of answers in equal parts of the window; wrong and failed ones are none.

    What is under way when the load ends leaves no row, so a last part that such requests could reach into is left out.
    """
    good = raw.requests.good
    start, end = raw.requests.start[good], raw.requests.end[good]
    inside = (end > window.t1) & (end <= window.t2)
    if not inside.any():
        return np.array([])
    usual = float(np.quantile(raw.requests.latency[good][inside], 0.9))
    last = min(window.t2, max(raw.marks["load_end"] - usual, window.t1 + window.length_s / 2))
    return rates_of(start, end, window.t1, last)


def largest_change(rate: Floats, least_score: float) -> Change | None:
    """Return the larger of step and drift that is no chance; None where neither is."""
    changes = [change for change in (largest_step(rate), largest_drift(rate)) if change]
    beyond = [change for change in changes if change.score >= least_score]
    # A straight line's ends differ twice as much as its halves do.
    return max(beyond, key=lambda c: abs(c.size) / (2 if c.kind == "drift" else 1), default=None)


def read(trial: Trial, rate: Floats, length_s: float) -> Reading:
    """Read the rate."""
    limits, rules = trial.limits.words[UNSTEADY], trial.limits.rules
    if largest_step(rate) is None:
        return Reading(UNSTEADY, 0.0, (), {"too few answers to see a change of the rate": DETAIL})
    full, parts = 0.0, []
    if (change := largest_change(rate, rules["unsteady_score"])) is not None:
        size = abs(change.size) / (2 if change.kind == "drift" else 1)
        if size >= limits.near:
            # From near on it is named first: a rate that changed by so much is not one rate.
            full = NAMED + (1 - NAMED) * min(1.0, limits.fullness(size))
            text = in_words(change, rate, length_s)
            parts.append(Evidence("change of the rate", change.size, None, "of the mean", None, text))
    power, amplitude, periods = oscillation(rate)
    if power >= rules["oscillation_power"] and amplitude >= rules["oscillation_amplitude"]:
        full = max(full, 1.0)
        text = f"the rate swings by {amplitude:.0%} to either side, {periods} times in the window"
        parts.append(Evidence("oscillation of the rate", amplitude, None, "of the mean", None, text))
    return Reading(UNSTEADY, full, tuple(parts))


def even_sides(trial: Trial) -> frozenset[str]:
    """Return the sides whose own CPU varied from second to second by much less than the rate did.

    There the same CPU answered (or asked) now more, now fewer requests: the host's speed changed, not what it had to do
    beside. A busy loop that begins takes CPU away from its side, and the side's own CPU falls with the rate.
    """
    seconds, requests = trial.seconds, trial.raw.requests
    rate = np.histogram(requests.end[requests.good], seconds.edges)[0] / np.diff(seconds.edges)
    hosts = {"server": [trial.raw.server], "client": trial.raw.clients}
    units = {side: [(series, unit) for series in hosts[side] for unit in OWN_UNITS[side]] for side in hosts}
    part = trial.limits.rules["unsteady_use_part"] * _variation(rate)
    own = {
        side: np.sum([np.nan_to_num(seconds.unit(series, unit).seconds) for series, unit in each], axis=0)
        for side, each in units.items()
    }
    return frozenset(side for side, use in own.items() if np.any(use > 0) and _variation(use) < part)


def _variation(values: Floats) -> float:
    mean = float(np.mean(values))
    return float(np.std(values)) / mean if mean > 0 else 0.0


def in_words(change: Change, rate: Floats, length_s: float) -> str:
    """Return a change of the rate as a sentence."""
    mean = float(rate.mean())
    if change.kind == "drift":
        low, high = mean * (1 - change.size / 2), mean * (1 + change.size / 2)
        return f"the rate drifts from {max(0.0, low):.0f} to {max(0.0, high):.0f}/s over the window"
    count = len(rate)
    first, last = round(change.at * count), round(change.until * count)
    inner, outer = float(rate[first:last].mean()), float(np.concatenate([rate[:first], rate[last:]]).mean())
    when = f"at {change.at * length_s:.1f} s"
    if change.until < AT_THE_EDGE:
        when = f"from {change.at * length_s:.1f} to {change.until * length_s:.1f} s"
    return f"the rate goes from {outer:.0f} to {inner:.0f}/s {when} of {length_s:.0f} s"
