"""The tables of how sure a difference is, from runs of pairs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence

from benchmarks.outcomes import OUTCOMES, Effect, Outcome, Pairs
from benchmarks.page import table
from collect.statistics.power import deviation_interval, pairs_for, power, share_interval

MOST_FALSE = 0.05
LEAST_COVERED = 0.93
WANTED_SHARE = 0.02
"""The slowdown that is to be found ..."""
WANTED_POWER = 0.9
"""... with this probability ..."""
WANTED_MIN = 15.0
"""... within this time of measuring."""
NOTHING = "–"


def page(measured: Sequence[Pairs], size: int) -> Iterator[str]:
    """Yield the lines of all tables; ``size`` is an experiment's number of blocks."""
    same = [pairs for pairs in measured if not pairs.busy_us]
    slowed = sorted((pairs for pairs in measured if pairs.busy_us), key=lambda pairs: pairs.busy_us)
    yield from _runs(measured)
    if same:
        yield from ("", "### The same under two names", *_same(same, size))
    if slowed:
        yield from ("", "### Slowdowns of a known size", *_slowed(slowed, size))
    yield from ("", f"### What it takes to find {WANTED_SHARE:.0%}", *_minutes(measured))


def alarms(same: Sequence[Pairs], size: int, outcome: Outcome = OUTCOMES[0]) -> tuple[int, int]:
    """Return how many experiments call the same variant different from itself, and how many there are."""
    effects = [effect for pairs in same for effect in _effects(pairs, outcome, size)]
    return sum(effect.found for effect in effects), len(effects)


def _effects(pairs: Pairs, outcome: Outcome, size: int) -> list[Effect]:
    """Return what the experiments of a run say, each by itself."""
    return [effect for part in pairs.experiments(size) if (effect := pairs.effect(outcome, part)) is not None]


def _runs(measured: Sequence[Pairs]) -> list[str]:
    head = ["run", "cell", "busy", "window", "pairs", "a pair takes", "limited by"]
    head += ["server's CPU set", "app's CPU a request"]
    return table(
        head,
        [
            [
                f"`{pairs.run_id}`",
                pairs.base,
                f"{pairs.busy_us} µs" if pairs.busy_us else "the same",
                f"{pairs.window_s:g} s",
                f"{len(pairs)} of {pairs.planned}",
                f"{pairs.pair_s:.1f} s",
                pairs.limited_by,
                f"{pairs.server_share:.0%} used",
                f"{1e6 * statistics.median(pairs.base_values['app_s']):.0f} µs",
            ]
            for pairs in measured
        ],
        left=2,
    )


def _same(same: Sequence[Pairs], size: int) -> Iterator[str]:
    called, of = alarms(same, size)
    low, high = share_interval(called, of)
    yield (
        f"Each run is cut into experiments of {size} blocks, one after the other: {of}. By RPS **{called} of {of} "
        f"({_share(called, of)}) are called different** (95 % interval of that share {low:.1%} to {high:.1%}; at most "
        f"{MOST_FALSE:.0%} are wanted), and {_share(of - called, of)} of the intervals cover 1 (at least "
        f"{LEAST_COVERED:.0%})."
    )
    yield ""
    head = ["outcome", "experiments", "called different", "95 % interval of the share", "intervals that cover 1"]
    head.append("half-width, median")
    head += [f"all pairs of {pairs.base.partition('.')[0]}" for pairs in same]
    rows = []
    for outcome in OUTCOMES:
        effects = [effect for pairs in same for effect in _effects(pairs, outcome, size)]
        found = sum(effect.found for effect in effects)
        low, high = share_interval(found, len(effects)) if effects else (0.0, 1.0)
        half = statistics.median((effect.high - effect.low) / 2 for effect in effects) if effects else math.nan
        rows.append(
            [
                outcome.name,
                f"{len(effects)}",
                f"{found}",
                f"{low:.1%} to {high:.1%}",
                _share(len(effects) - found, len(effects)),
                f"± {half:.1%}",
                *(_ratio(pairs.effect(outcome)) for pairs in same),
            ]
        )
    yield from table(head, rows)


def _slowed(slowed: Sequence[Pairs], size: int) -> Iterator[str]:
    yield (
        "The true change is what the busy time must do to the outcome, given the unchanged cell beside it; bias is the "
        "estimate from all pairs less that, in points of the log ratio, with its 95 % interval. Found: in how many "
        f"experiments of {size} blocks the interval leaves out 1; beside it the probability of that in so many blocks "
        f"and in {WANTED_MIN:g} minutes, reckoned from the true change and the deviation of the pairs."
    )
    yield ""
    head = ["busy", "outcome", "true change", "estimate", "bias", "covers the truth", "found"]
    head += [f"power, {size} blocks", f"power, {WANTED_MIN:g} min"]
    yield from table(head, [_slowdown(pairs, outcome, size) for pairs in slowed for outcome in OUTCOMES], left=2)


def _slowdown(pairs: Pairs, outcome: Outcome, size: int) -> list[str]:
    truth, whole = pairs.truth(outcome), pairs.effect(outcome)
    effects = _effects(pairs, outcome, size)
    deviation, _ = pairs.deviation(outcome)
    many = int(60 * WANTED_MIN / pairs.pair_s)
    bias = NOTHING
    if whole is not None:
        bias = f"{_points(whole.value - truth)} ({_points(whole.low - truth)} to {_points(whole.high - truth)})"
    return [
        f"{pairs.busy_us} µs",
        outcome.name,
        f"{math.expm1(truth):+.2%}",
        _change(whole),
        bias,
        f"{sum(effect.covers(truth) for effect in effects)} of {len(effects)}",
        f"{sum(effect.found for effect in effects)} of {len(effects)}",
        f"{power(truth, deviation, size, spent=outcome.spent):.2f}",
        f"{power(truth, deviation, many, spent=outcome.spent):.2f}",
    ]


def _minutes(measured: Sequence[Pairs]) -> Iterator[str]:
    yield (
        "By the deviation of the paired log differences: pairs, and minutes of measuring, until a slowdown that costs "
        f"the app {WANTED_SHARE:.0%} of its CPU per request is found with probability {WANTED_POWER:g}; in brackets "
        "for the ends of the deviation's 95 % interval."
    )
    yield ""
    groups: dict[tuple[str, float], list[Pairs]] = {}
    for pairs in measured:
        groups.setdefault((pairs.base, pairs.window_s), []).append(pairs)
    head = ["cell", "window", "outcome", "true change", "deviation of a pair", "pairs", "minutes"]
    rows = [
        [cell, f"{window_s:g} s", outcome.name, *_needed(group, outcome)]
        for (cell, window_s), group in groups.items()
        for outcome in OUTCOMES
    ]
    yield from table(head, rows, left=3)


def _needed(group: Sequence[Pairs], outcome: Outcome) -> list[str]:
    truth = statistics.fmean(pairs.truth(outcome, WANTED_SHARE) for pairs in group)
    parts = [pairs.deviation(outcome) for pairs in group]
    df = sum(freedom for _, freedom in parts)
    deviation = math.sqrt(sum(freedom * each**2 for each, freedom in parts) / df)
    pair_s = statistics.fmean(pairs.pair_s for pairs in group)
    ends = (deviation, *deviation_interval(deviation, df))
    needed = [pairs_for(truth, each, WANTED_POWER, spent=outcome.spent) for each in ends]
    minutes = [NOTHING if count is None else f"{count * pair_s / 60:.0f}" for count in needed]
    return [
        f"{math.expm1(truth):+.2%}",
        f"{ends[0]:.1%} ({ends[1]:.1%} to {ends[2]:.1%})",
        f"{needed[0]}",
        f"{minutes[0]} ({minutes[1]} to {minutes[2]})",
    ]


def _share(count: int, of: int) -> str:
    return f"{count / of:.1%}" if of else NOTHING


def _points(value: float) -> str:
    return f"{100 * value:+.2f}"


def _ratio(effect: Effect | None) -> str:
    if effect is None:
        return NOTHING
    return f"{math.exp(effect.value):.3f} ({math.exp(effect.low):.3f} to {math.exp(effect.high):.3f})"


def _change(effect: Effect | None) -> str:
    if effect is None:
        return NOTHING
    return f"{math.expm1(effect.value):+.2%} ({math.expm1(effect.low):+.2%} to {math.expm1(effect.high):+.2%})"
