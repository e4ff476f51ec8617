"""Whatever is written over a plan on record: it is measured as a plan that somebody could have written, or refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from collect.errors import BenchError
from collect.rerun.original import plan_of
from collect.rerun.repeats import ODD, repeats_of
from tests.support.plans import small_plan

PLAN = small_plan(2)
WHOLE: dict[str, Any] = json.loads(
    json.dumps({"run_id": "run", "git": {"commit": None}, "plan": PLAN.to_json(), "catalog": PLAN.catalog.to_json()})
)
USED = {
    "variants": ("flask-werkzeug", "starlette-uvicorn"), "workloads": ("redis",), "generators": ("locust-http",),
    "profiles": ("article",), "frameworks": ("flask", "starlette"),
}  # fmt: skip
Path = tuple[str | int, ...]


def paths(value: Any, to: Path) -> Iterator[Path]:
    """Yield the place of every part of a value."""
    yield to
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from paths(part, (*to, key))


PLACES = [
    *paths(WHOLE["plan"], ("plan",)),
    *(
        place
        for group, names in USED.items()
        for name in names
        for place in paths(WHOLE["catalog"][group][name], ("catalog", group, name))
    ),
    ("catalog",), *(("catalog", group) for group in USED),
]  # fmt: skip
ODD_TEXTS = st.text(max_size=6) | st.sampled_from(["../x", "|x"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | ODD_TEXTS
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
)


@settings(deadline=None, max_examples=150)
@given(place=st.sampled_from(PLACES), value=ANYTHING)
def test_a_plan_is_refused_or_fit_to_be_measured(place: Path, value: Any) -> None:
    manifest = copy.deepcopy(WHOLE)
    around: Any = manifest
    for key in place[:-1]:
        around = around[key]
    around[place[-1]] = value
    try:
        plan = plan_of(manifest)
    except (BenchError, *ODD):
        return
    specs = plan.trials()
    assert 0 < len(specs) <= 1000 * len(plan.cells)
    for spec in specs:
        assert "/" not in spec.trial_id
        assert 0 < spec.window_s <= 6000
        assert all(name.startswith("net.") for name in spec.profile["client_sysctls"])
        assert isinstance(spec.cell.users, int)
        assert spec.variant["framework"] in ("flask", "starlette") or spec.kind == "ceiling"


@given(value=ANYTHING, key=st.sampled_from(["run_id", "asked", "despite", "locks", "commit"]))
def test_what_a_run_repeats_is_a_run_or_nothing(value: Any, key: str) -> None:
    said = {"run_id": "20260101T000000Z-000000", "asked": True, "despite": [], key: value}
    found = repeats_of({"repeats": said})
    assert found is None or found.run_id == "20260101T000000Z-000000"
    if found:
        assert json.loads(json.dumps(found.to_json()))["asked"] is found.asked
    repeats_of({"repeats": value})
