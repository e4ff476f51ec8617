from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from collect.designs.model import ASYNC, SIDES, SYNC, Design, design_of
from collect.errors import BenchError
from collect.plan import Plan, load_plan

EIGHT = ["generator", "ports", "keep_alive", "server", "client", "access_log", "debug", "response"]
LADDER: dict[str, Any] = {"kind": "ladder", "workload": "redis", "users": 10, "factors": ["client", "server"]}
GOOD: dict[str, Any] = {"blocks": 3, "seed": 1, "ramp_s": 0, "warmup_s": 0.5, "window_s": 3}


def written(folder: Path, design: dict[str, Any], **other: Any) -> Path:
    path = folder / "mine.yml"
    path.write_text(yaml.safe_dump({**GOOD, "design": design, **other}))
    return path


def design(plan: Plan) -> Design:
    found = design_of(plan.to_json())
    assert found is not None
    return found


@pytest.mark.parametrize(("name", "settings", "cells"), [("ladder", 16, 26), ("factorial", 16, 32)])
def test_the_plans_have_their_cells_and_each_once(name: str, settings: int, cells: int) -> None:
    plan = load_plan(name)
    made = design(plan)
    assert list(made.names) == EIGHT
    assert len(made.rows) == settings
    assert len(plan.cells) == cells
    assert {cell.name for cell in plan.cells} == {cell for row in made.rows for cell in row.cells.values()}
    assert frozenset() in {row.equal for row in made.rows}
    assert made.all in {row.equal for row in made.rows}


def test_the_ends_are_the_articles_cells_and_equal_terms() -> None:
    plan = load_plan("ladder")
    made = design(plan)
    assert made.row(frozenset()).cells == {
        SYNC: "flask-werkzeug.redis.locust-http.10.article",
        ASYNC: "starlette-uvicorn.redis.locust-http.10.article",
    }
    assert made.row(made.all).cells == {
        SYNC: "flask-equal.redis.locust-fast.10.controlled",
        ASYNC: "starlette-equal.redis.locust-fast.10.controlled",
    }
    equal = {"client": "pool", "response": "json", "access_log": False, "debug": False, "processes": 1}
    flask = {"framework": "flask", "server": "gunicorn-gthread", "threads": 10, "keep_alive": True}
    assert plan.catalog.variants["flask-equal"] == flask | equal
    assert plan.catalog.variants["starlette-equal"] == {"framework": "starlette", "server": "gunicorn-uvicorn"} | equal


@pytest.mark.parametrize("name", ["ladder", "factorial"])
def test_each_cell_is_at_the_levels_of_its_setting(name: str) -> None:
    """Read back from the cells themselves, side by side with the catalog's factors."""
    plan = load_plan(name)
    factors, by_name = plan.catalog.factors["factors"], {cell.name: cell for cell in plan.cells}
    for row in design(plan).rows:
        for side in SIDES:
            cell = by_name[row.cells[side]]
            have = dict(plan.catalog.variants[cell.variant]) | {"generator": cell.generator, "profile": cell.profile}
            if "article" in have:  # the article's own closes connections without being told
                have |= {"keep_alive": False} if side == SYNC else {}
            for factor in EIGHT:
                wanted = factors[factor]["equal" if factor in row.equal else "article"][side]
                assert {key: have.get(key) for key in wanted} == wanted, (row, side, factor)


def test_a_factor_changes_nothing_on_the_side_where_its_levels_are_alike() -> None:
    on = {factor.name: factor.on for factor in design(load_plan("ladder")).factors}
    assert on == dict.fromkeys(EIGHT, SIDES) | {"keep_alive": (SYNC,), "debug": (ASYNC,), "response": (SYNC,)}


def test_a_design_is_kept_with_the_plan(tmp_path: Path) -> None:
    for name in ("ladder", "factorial"):
        plan = load_plan(name)
        data = json.loads(json.dumps(plan.to_json()))
        again = Plan.from_json(data, plan.catalog)
        assert again == plan
        assert Design.from_json(data["design"]).to_json() == plan.design
    assert load_plan("ladder").to_json()["design"]["orders"] == {"forward": EIGHT, "backward": EIGHT[::-1]}
    assert "design" not in load_plan("quick").to_json()
    cells = [{"variant": "aiohttp", "workload": "redis", "generator": "locust-fast", "users": 1, "profile": "article"}]
    other = load_plan(written(tmp_path, {"kind": "map", "of": [1, 2]}, cells=cells))
    assert other.to_json()["design"] == {"kind": "map", "of": [1, 2]}
    assert design_of(other.to_json()) is None
    assert len(other.cells) == 1


def test_what_no_factor_of_the_design_sets_stays_the_articles(tmp_path: Path) -> None:
    plan = load_plan(written(tmp_path, LADDER))
    assert {(cell.generator, cell.profile) for cell in plan.cells} == {("locust-http", "article")}
    assert plan.catalog.variants["flask-equal-server"] == {
        "framework": "flask", "server": "gunicorn-gthread", "threads": 10, "client": "new", "response": "text",
        "access_log": True, "debug": False, "processes": 1, "keep_alive": False,
    }  # fmt: skip
    assert [sorted(row.equal) for row in design(plan).rows] == [[], ["client"], ["client", "server"], ["server"]]


def test_a_plan_may_bring_factors_and_sides_of_its_own(tmp_path: Path) -> None:
    threads = {
        "title": "threads",
        "article": {"title": "10", "sync": {"threads": 10}, "async": {}},
        "equal": {"title": "40", "sync": {"threads": 40}, "async": {}},
    }
    fast = {"generator": "locust-fast", "profile": "controlled"}
    sides = {"sync": {"variant": "flask-gunicorn-gthread", **fast}, "async": {"variant": "aiohttp", **fast}}
    own = {"factors": {"factors": {"threads": threads}, "sides": sides}}
    plan = load_plan(written(tmp_path, LADDER | {"factors": ["threads", "client"]}, catalog=own))
    assert {(cell.generator, cell.profile) for cell in plan.cells} == {("locust-fast", "controlled")}
    gthread = {k: v for k, v in plan.catalog.variants["flask-gunicorn-gthread"].items() if k != "article"}
    assert plan.catalog.variants["flask-equal-threads"] == gthread | {"threads": 40, "client": "new"}
    assert len(plan.cells) == 4 + 2, "threads change nothing on the async side"
    assert set(plan.catalog.factors["sides"]) == set(SIDES)


ONE_LEVEL = {
    "title": "x",
    "article": {"title": "a", "sync": {"client": "new"}, "async": {}},
    "equal": {"title": "b", "sync": {"client": "new"}, "async": {}},
}
SAME_KEY = ONE_LEVEL | {"equal": {"title": "b", "sync": {"client": "pool"}, "async": {}}}
CANNOT = ONE_LEVEL | {"equal": {"title": "b", "sync": {}, "async": {"keep_alive": True}}}
UNKNOWN = ONE_LEVEL | {"equal": {"title": "b", "sync": {"generator": "wget"}, "async": {}}}


@pytest.mark.parametrize(
    ("changes", "factor", "told"),
    [
        ({"factors": ["client", "servr"]}, None, 'unknown factor "servr" (mine.yml: design.factors): did you mean "se'),
        ({"factors": ["client", "client"]}, None, "the design is singular: the factor client is there twice"),
        ({"factors": ["client", "mine"]}, ONE_LEVEL, "the factor mine has one level: article and equal are alike"),
        ({"factors": ["client", "mine"]}, SAME_KEY, "singular: client and mine both set client on the sync side"),
        ({"factors": ["mine"]}, CANNOT, "cannot run: uvicorn cannot be told whether to keep connections"),
        ({"factors": ["mine"]}, UNKNOWN, 'unknown generator "wget"'),
        ({"factors": []}, None, "there is nothing in it"),
        ({"workload": "rdis"}, None, 'unknown workload "rdis" (mine.yml: design.workload): did you mean "redis"?'),
        ({"workload": None}, None, "workload"),
        ({"users": 0}, None, "0 is out of range (mine.yml: design.users)"),
        ({"kind": "spiral"}, None, "'spiral' is not known here (mine.yml: design.kind): use one of ladder, factorial"),
        ({"kind": "factorial", "full": ["x"]}, None, 'full names "x", which is none of the factors'),
        ({"kind": "factorial", "generators": {"server": ["client"]}}, None, "of resolution 2: client cannot be told"),
    ],
)
def test_a_design_that_tells_nothing_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], factor: Any, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    own = {"catalog": {"factors": {"factors": {"mine": factor}}}} if factor else {}
    with pytest.raises(BenchError) as caught:
        load_plan(written(Path(), LADDER | changes, **own))
    assert told in str(caught.value).replace(f"{tmp_path}/", "")
    assert "\n" not in str(caught.value)


def test_cells_and_a_design_that_makes_its_own_do_not_go_together(tmp_path: Path) -> None:
    cells = [{"variant": "aiohttp", "workload": "redis", "generator": "locust-fast", "users": 1, "profile": "article"}]
    with pytest.raises(BenchError, match=r"there are cells beside a design .*: remove them: a ladder makes its own"):
        load_plan(written(tmp_path, LADDER, cells=cells))
    with pytest.raises(BenchError, match=r'the key "cells" is missing .*: add cells: a list of cells'):
        load_plan(written(tmp_path, {"kind": "map"}))
    path = tmp_path / "none.yml"
    path.write_text(yaml.safe_dump(GOOD))
    with pytest.raises(BenchError, match='the key "cells" is missing'):
        load_plan(path)
