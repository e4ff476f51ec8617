"""How a comparison of runs and a trend are put into words, the same on the terminal and on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collect.compare.metadata import in_words

if TYPE_CHECKING:
    from collect.compare.runs import Compared, Comparison
    from collect.compare.trend import Trend


def ratio(compared: Compared, *, alone: bool = False) -> str:
    """Return a ratio with its interval: that which holds for all cells at once, or for this one ``alone``."""
    low, high = (compared.low_alone, compared.high_alone) if alone else (compared.low, compared.high)
    if compared.ratio is None:
        return "-"
    return f"{compared.ratio:.3f}" + (f" ({low:.3f} to {high:.3f})" if low is not None else "")


def limits(limited_by: tuple[str | None, str | None]) -> str:
    """Return what held a cell back in both runs."""
    words = [word or "not judged" for word in limited_by]
    return words[0] if words[0] == words[1] else " / ".join(words)


def comparison_notes(found: Comparison, *, terminal: bool = False) -> list[str]:
    """Return what one has to know to read the table of a comparison, a sentence or two each.

    On a ``terminal`` they name the options that say more.
    """
    first, second = found.first, found.second
    together = found.together[found.by.key]
    tested = sum(cell.figures[found.by.key].low is not None for cell in found.cells)
    lines = [
        f"{second.run_id} ({second.code}) over {first.run_id} ({first.code}).",
        f"The intervals hold together, for {tested} cells, with 95 %. Verdicts are on {found.by.title}, corrected"
        f" for their number (Holm). Same: shown to be within {100 * found.margin:g} %; unknown: neither that nor a"
        " difference.",
    ]
    if together.low_alone is not None:
        lines.append(f"All cells together, by {found.by.title}: {ratio(together, alone=True)}.")
    effect = found.effects[found.by.key]
    if effect:
        apart = f"{effect.deviation:.1%}" if effect.deviation else "no more than their blocks explain"
        lines.append(f"Run to run: {apart}, from {effect.runs} repeated runs; counted in the intervals.")
    else:
        lines.append(
            "Run to run: not known. It takes three runs of one commit under these conditions, or two each of two; the"
            " first run may be among them, the second is not. The intervals are of these two runs alone: what runs"
            f" differ by as such is in the ratio{' (undone_by in --json)' if terminal else ''}."
        )
    for where, cells in (("first", found.only_first), ("second", found.only_second)):
        if cells:
            lines.append(f"{len(cells)} cells are in the {where} only{' (--json names them)' if terminal else ''}.")
    if found.despite:
        lines.append(f"Allowed to differ: {', '.join(found.despite)}.")
    return lines


def trend_notes(found: Trend, *, terminal: bool = False) -> list[str]:
    """Return what a trend shows: its changes, whether they may be a drift, which runs were left out and why.

    On a ``terminal`` they name the options that say more.
    """
    from collect.statistics.change_points import LEAST_VALUES

    lines = []
    if len(found.points) < LEAST_VALUES:
        lines.append(f"{len(found.points)} runs: a change can be told from chance with {LEAST_VALUES} or more.")
    elif not found.turns:
        lines.append(f"{len(found.points)} runs: no change that can be told from chance.")
    lines += [
        f"{turn.verdict} from {turn.created_at} on ({turn.code}; before it {turn.before_code}):"
        f" {turn.ratio:.3f} ({turn.low:.3f} to {turn.high:.3f}), p {turn.p:.2g}."
        for turn in found.turns
    ]
    if found.turns and found.drifts:
        lines.append(
            f"Neighbouring runs are alike beyond their levels (autocorrelation {found.autocorrelation:.2f}):"
            " a change may be the machine's own drift."
        )
    if found.older:
        more = " (--limit 0 takes all)" if terminal else ""
        lines.append(f"{found.older} older runs are left out{more}.")
    return lines + [f"left out: {left.run_id}: {in_words(left.differs) or left.why}" for left in found.left_out]
