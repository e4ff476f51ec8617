"""Which ratios a plan is measured for, in which order, for how long at most; what is refused before anything starts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from collect.catalog import Catalog
from collect.cli import main
from collect.errors import BenchError
from collect.pairs import groups_of, pairs_of
from collect.plan import Cell, Plan, load_plan
from collect.precision import block_s, check_same, pair_names, with_precision
from tests.support.plans import small_plan

PLAN = small_plan()
FLASK, STARLETTE = PLAN.cells


def again(catalog: Catalog, variant: str, name: str) -> Catalog:
    """Return a catalog in which a variant has a second name."""
    return replace(catalog, variants={**catalog.variants, name: catalog.variants[variant]})


def test_async_goes_over_sync_where_all_else_is_alike() -> None:
    other = replace(STARLETTE, users=20)
    assert pairs_of([FLASK, STARLETTE, other], PLAN.catalog) == [(STARLETTE, FLASK)]
    plan = load_plan("table")
    assert len(pairs_of(plan.cells, plan.catalog)) == 16
    modern = load_plan("modern")
    pythons = [{modern.catalog.variants[cell.variant].get("python", "article") for cell in pair}
               for pair in pairs_of(modern.cells, modern.catalog)]  # fmt: skip
    assert pythons
    assert all(len(both) == 1 for both in pythons)


def test_without_such_a_pair_the_first_two_are_compared() -> None:
    catalog = again(PLAN.catalog, "flask-werkzeug", "flask-again")
    twin = replace(FLASK, variant="flask-again")
    cells = [FLASK, twin, replace(FLASK, workload="none"), replace(twin, workload="none")]
    assert pairs_of(cells, catalog) == [(FLASK, twin), (cells[2], cells[3])]
    assert pairs_of([FLASK, replace(twin, users=20)], catalog) == []
    assert pairs_of([FLASK], catalog) == []


def test_what_is_compared_is_a_group() -> None:
    aiohttp, none = replace(STARLETTE, variant="aiohttp"), replace(FLASK, workload="none")
    assert groups_of([FLASK, none, STARLETTE, aiohttp], PLAN.catalog) == [[FLASK, STARLETTE, aiohttp], [none]]


def test_compared_cells_stand_side_by_side_and_all_orders_come() -> None:
    plan = replace(small_plan(60, workloads=("redis", "none", "file")), order="adjacent")
    orders, firsts = set(), set()
    for block in range(1, 61):
        cells = [spec.cell for spec in plan.trials() if spec.block == block]
        assert sorted(cells, key=plan.cells.index) == list(plan.cells)
        couples = list(zip(cells[::2], cells[1::2], strict=True))
        assert all(one.workload == other.workload for one, other in couples)
        orders.add(tuple(one.workload for one, _ in couples))
        firsts |= {(one.workload, one.variant) for one, _ in couples}
    assert len(orders) == 6
    assert len(firsts) == 6
    assert Plan.from_json(plan.to_json(), plan.catalog).trials() == plan.trials()
    assert plan.trials() != replace(plan, order="random").trials()


def test_there_are_as_many_blocks_as_have_room() -> None:
    assert block_s(PLAN) == 2 * 7.5
    plan = with_precision(PLAN, 0.01)
    assert (plan.precision, plan.time_limit_s, plan.blocks) == (0.01, 3600, 240)
    assert with_precision(PLAN, 0.01, 10).blocks == 40
    assert with_precision(PLAN, 0.01, 1000).blocks == 1000
    assert with_precision(PLAN, 0.01, 1000, port_base=32000).blocks == 383
    assert with_precision(PLAN) is PLAN
    own = replace(PLAN, precision=0.02, time_limit_s=600)
    assert (with_precision(own).precision, with_precision(own).blocks) == (0.02, 40)
    assert Plan.from_json(json.loads(json.dumps(plan.to_json())), plan.catalog) == plan
    ceilings = with_precision(replace(PLAN, ceiling_window_s=5), 0.01, 10)
    assert ceilings.blocks < 40
    assert ceilings.estimate_s() <= 600


@pytest.mark.parametrize("precision", [0, -0.01, 0.5, 1, float("nan"), float("inf")])
def test_a_precision_out_of_range_is_refused(precision: float) -> None:
    with pytest.raises(BenchError, match=r"is not between 0 and 0.5 \(precision\)"):
        with_precision(PLAN, precision)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(BenchError, match=r"do not fit into 0.5 min .*: give 1 min at least"):
        with_precision(PLAN, 0.01, 0.5)
    for limit in (0, -1, float("nan")):
        with pytest.raises(BenchError, match="time_limit_min"):
            with_precision(PLAN, 0.01, limit)
    with pytest.raises(BenchError, match="a time limit without a precision"):
        with_precision(PLAN, None, 10)
    with pytest.raises(BenchError, match="there is no ratio to be sure of"):
        with_precision(replace(PLAN, cells=(FLASK,)), 0.01)


@pytest.mark.parametrize("name", ["ladder", "factorial", "map", "hypotheses"])
def test_a_design_takes_no_precision(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is told of it is made of many cells at once, and would not be paid for."""
    assert main(["plan", "check", name, "--precision", "0.05"]) == 2
    said = capsys.readouterr().err
    assert f"precision, plan {name}): leave precision away and give blocks" in said
    assert said.count("\n") == 1
    assert with_precision(load_plan(name)).precision is None


def test_a_block_takes_what_its_own_windows_take() -> None:
    assert block_s(replace(PLAN, windows_s={FLASK.variant: PLAN.window_s + 10})) == block_s(PLAN) + 10


def test_a_run_goes_on_with_the_precision_that_it_was_begun_with() -> None:
    plan = with_precision(PLAN, 0.01, 12.3)
    check_same(plan, "run", None, None)
    check_same(plan, "run", 0.01, 12.3)
    with pytest.raises(BenchError, match=r"begun with precision=0.01, not 0.02 \(run\)"):
        check_same(plan, "run", 0.02, None)
    with pytest.raises(BenchError, match=r"begun with time_limit_min=12.3, not 60"):
        check_same(plan, "run", None, 60)
    with pytest.raises(BenchError, match=r"begun without precision, not 0.02"):
        check_same(PLAN, "run", 0.02, None)


def test_names_say_what_tells_pairs_apart() -> None:
    assert list(pair_names(PLAN).values()) == ["starlette-uvicorn / flask-werkzeug redis"]
    more = replace(PLAN, cells=tuple(replace(cell, users=users) for users in (1, 10) for cell in PLAN.cells))
    assert list(pair_names(more).values())[1] == (
        "starlette-uvicorn / flask-werkzeug redis, 10 users, locust-http, article"
    )


GOOD: dict[str, Any] = {
    "blocks": 3, "seed": 1, "ramp_s": 1, "warmup_s": 1, "window_s": 3,
    "cells": [{"variant": ["flask-werkzeug", "starlette-uvicorn"], "workload": "redis", "generator": "locust-http",
               "users": 10, "profile": "article"}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "options", "told"),
    [
        ({}, ["--precision=0.5"], "0.5 is not between 0 and 0.5 (precision): give"),
        ({}, ["--precision=abc"], "'abc' is not a valid float"),
        ({}, ["--precision=nan"], "nan is not between"),
        ({"precision": 0.7}, [], "0.7 is out of range"),
        ({"precision": float("nan")}, [], "nan is out of range"),
        ({"order": "sorted"}, [], "'sorted' is not known here"),
        ({"time_limit_min": 5}, [], "a time limit without a precision"),
        ({"precision": 0.1, "time_limit_min": 0.2}, [], "do not fit into 0.2 min"),
    ],
)
def test_bad_plans_are_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], options: list[str], told: str
) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(yaml.safe_dump({**GOOD, **changes}))
    assert main(["plan", "check", str(path), *options]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


def test_a_plan_with_a_precision_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(yaml.safe_dump({**GOOD, "precision": 0.02, "time_limit_min": 10, "order": "adjacent"}))
    assert main(["plan", "check", str(path)]) == 0
    said = capsys.readouterr().out
    assert "2 cells in at most 40 blocks, 80 trials, until 1 of its ratios are known to ± 2 %" in said
    assert main(["plan", "check", "quick", "--precision", "0.01", "--time-limit-min", "5"]) == 0
    assert "at most" in capsys.readouterr().out


def test_cells_of_a_plan_are_used_once() -> None:
    """A group's members are each in one group only, whatever is compared with what."""
    plan = load_plan("production")
    groups = groups_of(plan.cells, plan.catalog)
    flat: list[Cell] = [cell for group in groups for cell in group]
    assert len(flat) == len(set(flat)) == len(plan.cells)
