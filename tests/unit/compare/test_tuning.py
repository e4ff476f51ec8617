"""A cell is compared with what was tuned alike for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from collect.compare.heads import head_of
from collect.compare.metadata import differences, traits
from tests.support.many_runs import FLASK, ManyRuns

LISTED = {"governor": "performance", "sysctls": {"vm.swappiness": "1"}}


def tuned(*profiles: str, **listed: Any) -> Callable[[dict[str, Any]], object]:
    return lambda manifest: manifest["hosts"]["server1"].update(tuning={**listed, "profiles": list(profiles)})


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (tuned("article", **LISTED), {("tuning", "tuning.governor of server"), ("tuning", "tuning.sysctls of server")}),
        (tuned("controlled", **LISTED), set()),
        (tuned("article"), set()),
        (lambda manifest: manifest["hosts"]["server1"].update(tuning=None), set()),
    ],
)
def test_a_cell_is_compared_with_what_was_tuned_alike(
    runs: ManyRuns, change: Callable[[dict[str, Any]], object], where: set[tuple[str, str]]
) -> None:
    ids = [runs.add({FLASK: [1]}), runs.add({FLASK: [1]}, change=change)]
    heads = [head_of(runs.archive.manifest(run_id)) for run_id in ids]
    first, second = (traits(head, head.cells[FLASK]) for head in heads)
    assert {(each.name, each.where) for each in differences(first, second)} == where
    assert differences(first, second, despite=["tuning"]) == []
