"""The plans that come with the checkout."""

from __future__ import annotations

from collect.manual.markdown import code, table
from collect.plan import load_plan, plan_names
from collect.precision import with_precision


def plans() -> list[str]:
    """Return the table of plans: name, trials, about how many minutes with hosts that are up, what for."""
    rows = []
    for name in plan_names():
        plan = with_precision(load_plan(name))
        rows.append((code(name), str(len(plan.trials())), f"{plan.estimate_s() / 60:.0f}", plan.description))
    return table(("plan", "trials", "minutes", "what for"), rows)
