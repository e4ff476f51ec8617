"""Estimates on the log scale, and as the ratios that they are."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from collect.statistics import multiplicity
from collect.statistics.blocks import MIN_BLOCKS
from collect.statistics.moderated import moderated

LEVEL = 0.05
"""From this p value on, corrected for how many were looked at, an effect cannot be told from none."""


@dataclass(frozen=True)
class LogEstimate:
    """A log ratio with its 95 % interval; no interval from fewer than three blocks."""

    log: float
    low_log: float | None
    high_log: float | None
    p: float | None
    """Of a log ratio of 0."""
    blocks: int
    p_holm: float | None = None
    """The same, corrected for all estimates of its table."""

    @property
    def value(self) -> float:
        """The ratio."""
        return math.exp(self.log)

    @property
    def low(self) -> float | None:
        """Where the ratio's interval begins."""
        return None if self.low_log is None else math.exp(self.low_log)

    @property
    def high(self) -> float | None:
        """Where the ratio's interval ends."""
        return None if self.high_log is None else math.exp(self.high_log)

    @property
    def known(self) -> bool:
        """Say whether it can be told from no effect: by p, all that were looked at beside it counted, and interval."""
        p = self.p if self.p_holm is None else self.p_holm
        return p is not None and p < LEVEL and self.leaves_out_none

    @property
    def leaves_out_none(self) -> bool:
        """Say whether its interval, which may be wider than p knows, leaves out a log ratio of 0."""
        return self.low_log is not None and self.high_log is not None and not self.low_log <= 0 <= self.high_log

    def to_json(self) -> dict[str, Any]:
        """Return ratio, log and interval as plain data."""
        return {
            "value": self.value, "low": self.low, "high": self.high, "log": self.log, "low_log": self.low_log,
            "high_log": self.high_log, "p": self.p, "p_holm": self.p_holm, "known": self.known, "blocks": self.blocks,
        }  # fmt: skip


def over_blocks(values: Sequence[float]) -> LogEstimate:
    """Return the mean of one log ratio per block with its t interval and p value (Student 1908)."""
    mean, count = statistics.fmean(values), len(values)
    error = statistics.stdev(values) / math.sqrt(count) if count > 1 else 0.0
    return with_error(mean, error, count - 1, count)


def with_error(log: float, error: float, df: float, blocks: int) -> LogEstimate:
    """Return an estimate from its standard error with so many degrees of freedom."""
    from scipy.special import stdtr, stdtrit

    if blocks < MIN_BLOCKS or df <= 0:
        return LogEstimate(log, None, None, None, blocks)
    half = float(stdtrit(df, 0.975)) * error
    p = 2 * float(stdtr(df, -abs(log) / error)) if error > 0 else float(log == 0)
    return LogEstimate(log, log - half, log + half, p, blocks)


def moderated_over_blocks(parts: Sequence[Sequence[float]], known: Sequence[float] | None = None) -> list[LogEstimate]:
    """Return the mean of each part's log ratios, one a block, with p values that hold for all of them together.

    The spread of each is drawn towards what is usual among them (collect/statistics/moderated.py), where ``known`` is
    given towards what is usual at its value. No part is empty.
    """
    several = [index for index, values in enumerate(parts) if len(values) >= MIN_BLOCKS]
    spread = moderated(
        [statistics.variance(parts[index]) for index in several],
        [len(parts[index]) - 1 for index in several],
        None if known is None else [known[index] for index in several],
    )
    made = [over_blocks(values) for values in parts]
    for index, variance, df in zip(several, spread.variances, spread.df, strict=True):
        count = len(parts[index])
        made[index] = with_error(made[index].log, math.sqrt(float(variance) / count), float(df), count)
    return holm(made)


def holm(estimates: Sequence[LogEstimate]) -> list[LogEstimate]:
    """Return the estimates with p values that hold for all of them together."""
    known = [index for index, each in enumerate(estimates) if each.p is not None]
    corrected = dict(zip(known, multiplicity.holm([estimates[index].p or 0.0 for index in known]), strict=True))
    return [replace(each, p_holm=corrected.get(index)) for index, each in enumerate(estimates)]
