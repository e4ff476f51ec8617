"""The trials that put a run's verdicts to the test, added to a run under way."""

from __future__ import annotations

from collect.archive.partial import PartialRun
from collect.plan import CELL, PROBE
from collect.verdicts.probes import plan_probes


def add_probes(run: PartialRun) -> None:
    """Choose the probes from the verdicts of a run's cells and add them to its trials, once.

    Nothing is added where the run wants none, has them, or has cells that are not measured yet.
    """
    specs = run.trials()
    if not run.plan.probe or "probes" in run.facts or any(s.kind == CELL and not run.finished(s) for s in specs):
        return
    rows = [run.summary(spec) for spec in specs if spec.kind == CELL]
    last = max(spec.ordinal for spec in specs if spec.kind != PROBE)
    added, tests = plan_probes(run.plan, rows, run.facts["port_base"], last)
    run.add_trials(added)
    run.update_probes(tests)
