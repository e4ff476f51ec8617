"""How figures are written, the same on the terminal and on the page."""

from __future__ import annotations

from collections.abc import Sequence

from collect.report.costs import Measured
from collect.report.figures import CellFigures, RatioFigures
from collect.statistics.blocks import MIN_BLOCKS
from collect.statistics.intervals import Estimate
from collect.statistics.resampling import least_p

NOTHING = "–"
ALPHA = 0.05
TRUSTED_BOOTSTRAP = 8
"""Blocks from which on a bootstrap that is narrower than the t interval is a reason to doubt that."""
PEGGED = 0.95
"""A host that uses more of its CPU set than this has none left to speak of."""
ENOUGH_OF_WRK = 0.97
"""A Locust that reaches less than this of wrk's rate where the server is the limit takes part in the limit."""


def number(value: float | None, digits: int = 2) -> str:
    """Return a figure with a fixed number of decimals; a dash for one that is not known."""
    return NOTHING if value is None else f"{value:,.{digits}f}"


def on_workload(workload: str) -> str:
    """Return what a workload is called in a sentence: "on Redis I/O"."""
    known = {"redis": "on Redis I/O", "none": "without I/O", "file": "on file I/O", "db": "on database I/O"}
    return known.get(workload, f'on "{workload}"')


def counted(count: int, thing: str) -> str:
    """Return how many of a thing there are."""
    return f"{count:,} {thing}{'s' * (count != 1)}"


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence has them: "a, b and c"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def costs(each: Measured) -> str:
    """Return what 1,000 requests cost, CPU seconds of app and server side, and the app's memory."""
    if each.app_cpu_s is None and each.memory is None:
        return NOTHING
    memory = number(each.memory.value if each.memory else None, 0)
    return f"{number(each.app_cpu_s)} / {number(each.server_cpu_s)} s, {memory} MiB"


def costs_told(each: Measured) -> str:
    """Return how sure these are."""
    named = (("app", each.app_cpu, 3), ("server", each.server_cpu, 3), ("memory", each.memory, 1))
    return "; ".join(
        f"{name} {number(cost.value, digits)}, {told(cost, digits)}" for name, cost, digits in named if cost
    )


def whole(value: object) -> str:
    """Return a value of the archive with all its digits."""
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return NOTHING if value is None else str(value)


def spread(estimate: Estimate) -> str:
    """Return how sure a figure is: half of its 95 % interval in per cent, or that there is none."""
    if estimate.half_width is None:
        return f"({estimate.blocks} of {MIN_BLOCKS} blocks)"
    return f"± {estimate.half_width:.1%}"


def share(used: float | None, of: float | None) -> str:
    """Return the part of a host's CPU set that is in use, in per cent."""
    return NOTHING if used is None or not of else f"{used / of:.0%}"


def percent(part: float) -> str:
    """Return a share in whole per cent."""
    return "under 1 %" if 0 < part < 0.01 else f"{part:.0%}"


def interval(estimate: Estimate, digits: int = 2) -> str:
    """Return the 95 % interval in words."""
    if estimate.low is None or estimate.high is None:
        return f"no interval from fewer than {MIN_BLOCKS} blocks"
    return f"95 % interval {estimate.low:,.{digits}f} to {estimate.high:,.{digits}f}"


def span(estimate: Estimate, digits: int = 2) -> str:
    """Return the 95 % interval in figures."""
    if estimate.low is None or estimate.high is None:
        return f"{counted(estimate.blocks, 'block')}, no interval"
    return f"{estimate.low:.{digits}f} to {estimate.high:.{digits}f}"


def told(estimate: Estimate, digits: int = 2) -> str:
    """Return all that is known of how sure a figure is, to show where one asks for it."""
    blocks = f"over {counted(estimate.blocks, 'block')}, from {number(estimate.least, digits)} to"
    checked = ""
    if estimate.boot_low is not None and estimate.boot_high is not None:
        checked = f"; bootstrap {number(estimate.boot_low, digits)} to {number(estimate.boot_high, digits)}"
    if estimate.p is not None:
        checked += f"; p = {estimate.p:.2g} by sign flips"
    return f"{interval(estimate, digits)} {blocks} {number(estimate.most, digits)}{checked}"


def cost_ratio(ratio: RatioFigures) -> str:
    """Return the ratio of the app's CPU seconds per request, and whether it is known more exactly than the rates'."""
    if ratio.cpu is None:
        return NOTHING
    figure = f"× {ratio.cpu.value:.2f} ({span(ratio.cpu)})"
    return f"{figure}, narrower: {narrower(ratio)}" if ratio.cpu_narrower else figure


def narrower(ratio: RatioFigures) -> str:
    """Return the width of both ratios, where the CPU seconds' is the narrower; else nothing."""
    if not ratio.cpu_narrower or ratio.cpu is None or ratio.ratio is None:
        return ""
    return f"{spread(ratio.cpu)} against {spread(ratio.ratio)} of the rates"


def doubt(estimate: Estimate | None) -> str | None:
    """Return where the checks disagree with a ratio's t interval on whether the sides differ; None where they do not.

    Few blocks cannot disagree: five that all say the same have p = 0.06. Nor can a bootstrap of under eight blocks say
    that sides differ, since it is too narrow then.
    """
    if estimate is None or estimate.low is None or estimate.high is None:
        return None
    differ = not estimate.low <= 1 <= estimate.high
    parts = []
    if estimate.p is not None:
        unanimous = estimate.p <= least_p(estimate.blocks) * 1.001
        if differ != (estimate.p <= ALPHA) and not (differ and unanimous):
            parts.append(f"sign flips of its blocks give p = {estimate.p:.3f}")
    if estimate.boot_low is not None and estimate.boot_high is not None:
        apart = not estimate.boot_low <= 1 <= estimate.boot_high
        if apart != differ and (differ or estimate.blocks >= TRUSTED_BOOTSTRAP):
            parts.append(f"the bootstrap gives {estimate.boot_low:.3f} to {estimate.boot_high:.3f}")
    if not parts:
        return None
    says = "leaves out 1" if differ else "holds 1"
    return f"its t interval {estimate.low:.3f} to {estimate.high:.3f} {says}, but {' and '.join(parts)}"


def within(value: float | None, low: float | None, high: float | None, digits: int = 2) -> str:
    """Return a trial's own figure with its interval from the noise within its window."""
    if low is None and high is None:
        return f"{whole(value)}, no interval is known"
    known = [f"{word} {number(end, digits)}" for word, end in (("from", low), ("to", high)) if end is not None]
    open_end = " (so few answers cannot tell the other end)" if len(known) == 1 else ""
    return f"{whole(value)}, 95 % interval within the trial {' '.join(known)}{open_end}"


def article_ratio(ratio: RatioFigures) -> str:
    """Return the article's own ratio, and the one by its prose where that differs; it names no limits."""
    if ratio.article is None:
        return "not in the article"
    by_text = f", {ratio.article_text:.2f} by its text" if ratio.article_text else ""
    return f"article: {ratio.article:.1f}{by_text}, its limits not told"


def ratio_name(ratio: RatioFigures) -> str:
    """Return what a ratio is of."""
    top, bottom = ratio.top, ratio.bottom
    if top.variant != bottom.variant:
        return f"{top.variant} / {bottom.variant} on {top.workload}, {top.users} users, {top.generator}, {top.profile}"
    return f"{top.generator} / {bottom.generator}: {top.variant} on {top.workload}, {top.users} users, {top.profile}"


def ratio_value(ratio: RatioFigures) -> str:
    """Return the figure of a ratio with its interval, or that there is none."""
    if ratio.ratio is None:
        return NOTHING
    return f"{ratio.ratio.value:.2f} ({interval(ratio.ratio)}, {counted(ratio.ratio.blocks, 'block')})"


def ratio_sides(ratio: RatioFigures) -> list[tuple[str, CellFigures]]:
    """Return both sides of a ratio with the name that tells them apart."""
    differs = "variant" if ratio.top.variant != ratio.bottom.variant else "generator"
    return [(getattr(cell, differs), cell) for cell in (ratio.top, ratio.bottom)]


def ratio_verdicts(ratio: RatioFigures) -> str:
    """Return what limited both sides of a ratio."""
    return "; ".join(f"{name} limited by {cell.verdict.text}" for name, cell in ratio_sides(ratio))


def low_rate(ratio: RatioFigures) -> str | None:
    """Return what to say of a Locust that gets too little of wrk's rate; None if all is well or it is not known."""
    if not ratio.comparable or ratio.ratio is None or ratio.ratio.value >= ENOUGH_OF_WRK:
        return None
    by_chance = ratio.ratio.high is None or ratio.ratio.high >= ENOUGH_OF_WRK
    why = ", but not by more than chance" if by_chance else ": the generator holds it back"
    return f"under {ENOUGH_OF_WRK} of wrk's rate on cells that the server limits{why}"


def pegged(cell: CellFigures, side: str) -> bool:
    """Say whether a host had no CPU left while the cell was measured."""
    used, cpus = cell.means.get(f"{side}_cpu_cores"), cell.means.get(f"{side}_cpus")
    return bool(used and cpus and used / cpus > PEGGED)
