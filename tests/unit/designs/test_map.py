"""The map on made-up runs: what is true of them is found, with its cause, and nothing that is not."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from collect.archive.store import Archive
from collect.designs.map import Map, Place, maps
from collect.report.comparison import headline, lead
from collect.report.extras import Extra
from collect.report.figures import RunFigures, figures_of
from collect.report.html import render
from collect.report.maps import section
from collect.report.variants import rankings
from tests.support.judged import change
from tests.support.mapped import CEILINGS, CPU_MS, RELAY, allowed, mapped, small_map
from tests.support.synthetic import Setting, write_run

NAMES = {"new": ("flask-gthread-new", "starlette-loop-new"), "pool": ("flask-gthread-pool", "starlette-loop-pool")}


@pytest.fixture(scope="module")
def figures() -> RunFigures:
    return mapped(small_map())


@pytest.fixture(scope="module")
def found(figures: RunFigures) -> dict[str, Map]:
    return {each.client: each for each in maps(figures)}


def place(of: Map, users: int, delay_ms: float) -> Place:
    there = of.at(users, delay_ms)
    assert there
    assert there.ratio
    return there


def test_there_is_a_map_for_each_client_of_pairs_that_share_it(found: dict[str, Map]) -> None:
    assert {client: (each.bottom, each.top) for client, each in found.items()} == NAMES
    assert all((each.users, each.delays_ms) == ([1, 100], [0, 5, 100]) for each in found.values())
    assert all(len(each.places) == 6 for each in found.values())


def test_where_threads_wait_for_the_delay_async_wins_by_as_much_as_is_true(found: dict[str, Map]) -> None:
    for client in NAMES:
        many = place(found[client], 100, 100)
        assert many.ratio
        cells_of = {cell.name: cell for cell in small_map().cells}
        truth = allowed(cells_of[many.top.cell.name], 100) / allowed(cells_of[many.bottom.cell.name], 100)
        assert many.ratio.value == pytest.approx(truth, rel=0.06)
        assert many.allowed_ratio == pytest.approx(truth, rel=0.06)
        assert many.ratio.low
        assert many.ratio.high
        assert many.ratio.low < truth < many.ratio.high
        assert (many.wins, many.bottom.bound.by, many.bottom.bound.slots) == ("async", "threads", 10)
        assert many.bottom.bound.few == "threads"


def test_where_one_user_waits_they_cannot_be_told_apart(found: dict[str, Map]) -> None:
    one = place(found["pool"], 1, 100)
    assert (one.wins, one.top.bound.by, one.bottom.bound.by) == ("unknown", "users", "users")
    assert one.ratio
    assert one.ratio.value == pytest.approx(1, abs=0.05)


def test_what_is_taken_of_what_is_allowed_is_all_of_it(found: dict[str, Map]) -> None:
    shares = [side.taken_share for each in found.values() for at in each.places for side in (at.top, at.bottom)]
    assert all(share == pytest.approx(1, abs=0.08) for share in shares)
    assert place(found["new"], 100, 0).bottom.bound.cpu_s == pytest.approx(CPU_MS["flask-gthread-new"] / 1000, rel=0.05)


def test_where_sync_is_faster_it_says_so() -> None:
    plan = small_map(delays=(0, 5))
    slow = mapped(plan, lambda cell, delay: 100.0 if cell.variant.startswith("starlette") else 200.0)
    assert {at.wins for each in maps(slow) for at in each.places} == {"sync"}


def test_without_any_difference_nothing_is_found() -> None:
    same = mapped(small_map(), lambda cell, delay: 150.0, noise=0.2)
    assert {at.wins for each in maps(same) for at in each.places} == {"unknown"}


def test_what_the_client_held_back_is_in_doubt_and_what_few_users_did_is_not() -> None:
    plan = small_map(users=(100,), delays=(0, 5))
    words = {
        cell.name: "generator"
        for cell in plan.cells
        if cell.variant == "starlette-loop-new" and cell.workload == "redis-0ms"
    }
    some = {each.client: each for each in maps(mapped(plan, words={**words, "": "concurrency"}))}
    doubtful = place(some["new"], 100, 0)
    assert doubtful.wins == "in doubt"
    assert doubtful.doubts == ["starlette-loop-new: limited by the load generator"]
    assert place(some["new"], 100, 5).doubts == []
    assert place(some["pool"], 100, 5).wins == "async"


def test_too_few_blocks_tell_no_place_apart() -> None:
    few = mapped(small_map(blocks=2))
    every = [at for each in maps(few) for at in each.places]
    assert {(at.wins, at.ratio.low, at.ratio.p) for at in every if at.ratio} == {("unknown", None, None)}
    shown = section(few)
    assert shown
    assert "at 12 they cannot be told apart" in shown.lines[0]


def test_a_run_without_delays_has_no_map() -> None:
    plain = mapped(small_map(delays=(5,)))
    assert maps(plain) == []
    assert section(plain) is None


def test_waits_are_reckoned_where_nobody_counted_them() -> None:
    netem = {**CEILINGS, "relay": {**RELAY, "by": "netem"}}
    for ceilings, waits in ((CEILINGS, 2), (netem, 3)):
        run = mapped(small_map(), ceilings=ceilings)
        for row in run.rows:
            row["redis_waits"] = row["redis_delay_p50_ms"] = None  # type: ignore[index]
        (new,) = (each for each in maps(figures_of(run.run_id, run.manifest, run.rows)) if each.client == "new")
        assert place(new, 100, 100).bottom.bound.wait_s == pytest.approx(waits * 0.1)


def test_the_headline_tells_it_and_nothing_is_ranked(figures: RunFigures) -> None:
    told = headline(figures)
    assert re.match(r"Async is faster at \d+ of 12 places of users and delay of Redis, by up to ", told)
    assert re.search(r" 10\.\d times \(\d+\.\d to \d+\.\d\) with 100 users and 100 ms; sync at none\.$", told)
    assert len(told) < 150
    beside = lead(figures)
    assert re.match(r"Where async is so by most, client (new|pool), .* limited ", beside)
    assert re.search(r"In \d blocks; at \d+ they cannot be told apart", beside)
    assert rankings(figures) == []
    assert "By most, 10." in (section(figures) or Extra("", "", "", None, {})).lines[0]


def test_terminal_and_data_show_it(figures: RunFigures) -> None:
    shown = section(figures)
    assert shown
    assert "* told from 1" in shown.lines[1]
    assert [line for line in shown.lines if "33% of the 60,000 without" in line]
    assert [line for line in shown.lines if line.strip().startswith("100 ms")]
    data = json.loads(json.dumps(shown.data))
    assert data["looked_at"] == 12
    assert data["relay"]["by"] == "relay"
    for each in data["maps"]:
        (many,) = [at for at in each["places"] if (at["users"], at["delay_ms"]) == (100, 100)]
        assert many["sync"]["allowed_by"] == "threads"
        assert many["sync"]["little_rps"] == pytest.approx(10 / 0.2 if each["client"] == "new" else 100)


def test_the_page_shows_it(tmp_path: Path) -> None:
    plan = small_map(blocks=1, users=(10,), delays=(0, 5))
    plan = replace(plan, cells=tuple(cell for cell in plan.cells if cell.variant.endswith("pool")))
    entry = write_run(tmp_path, plan, Setting(rps=60)).seal()
    change(entry, ceilings=CEILINGS)
    archive = Archive(tmp_path)
    text = render(archive, archive.resolve("latest"))
    assert '<section id="map">' in text
    assert text.count("taken of what is allowed.") == 2
    assert 'data-delay="100.0"' in text
    change(entry, ceilings={**CEILINGS, "relay": {"missing": "no port"}})
    assert "was not measured: no port." in render(archive, archive.resolve("latest"))
