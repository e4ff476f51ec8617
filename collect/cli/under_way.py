"""What the playbooks are told of a run under way: what is measured, what is left and how long that takes, as JSON."""

from __future__ import annotations

import math

from collect.archive.looked import last_block
from collect.archive.partial import PartialRun
from collect.cli.ceilings import wanted
from collect.cli.common import print_json
from collect.plan import TrialSpec
from collect.precision import pair_names


def print_state(partial: PartialRun) -> None:
    """Print how far a run is and what is left of it."""
    remaining = partial.remaining()
    print_json(
        {
            "run_id": partial.run_id,
            "session": f"{partial.run_id}-{len(partial.facts['sessions'])}",
            "partial_dir": str(partial.path.resolve()),
            "finished": len(partial.trials()) - len(remaining),
            "trials": [spec.to_json() for spec in partial.trials()],
            "remaining": [spec.to_json() for spec in remaining],
            "ceilings": wanted(partial),
            "at_most": _may_stop(partial),
            "probes_ahead": _probes_ahead(partial),
            "estimate_s": partial.plan.estimate_s(remaining, probes=_probes_ahead(partial)),
            "announcement": _announcement(partial, remaining),
            "repeats": partial.facts.get("repeats"),
        }
    )


def _announcement(partial: PartialRun, remaining: list[TrialSpec]) -> str:
    """Return in one line what is to be measured and about how long it takes."""
    ahead = _probes_ahead(partial)
    if not remaining and not ahead:
        return f"  {partial.run_id}: everything is measured"
    minutes = math.ceil(partial.plan.estimate_s(remaining, probes=ahead) / 60)
    if _may_stop(partial):
        ratios = len(pair_names(partial.plan))
        each = "the ratio is" if ratios == 1 else f"each of {ratios} ratios is"
        then = ", then tests of the verdicts" if ahead else ""
        known = f"until {each} known to ± {100 * (partial.plan.precision or 0):g} %{then}"
        return f"  {partial.run_id}: {known}; at most {partial.plan.blocks} blocks, about {minutes} min"
    probed = {spec.probe_of for spec in remaining}
    if None in probed or not probed:
        what = f"{len(remaining)} trial{'s' * (len(remaining) != 1)}{', then tests of their verdicts' if ahead else ''}"
    else:
        what = f"{len(remaining)} trials that put verdicts to the test, of {len(probed)} cells"
    return f"  {partial.run_id}: {what}, about {minutes} min"


def _may_stop(partial: PartialRun) -> bool:
    """Say whether a precision may end the run before all blocks are measured."""
    return partial.plan.precision is not None and last_block(partial.facts) is None


def _probes_ahead(partial: PartialRun) -> bool:
    """Say whether probes are to be chosen once the cells are measured."""
    return partial.plan.probe and "probes" not in partial.facts
