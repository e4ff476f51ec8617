"""Sentences made from the data of a report's own sections: they hold where these do, and only there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from collect.designs.composition import compose
from collect.designs.estimates import holm, over_blocks
from collect.designs.told import composition_data
from collect.findings.page import Findings, findings
from collect.findings.statement import FOUND, NONE, UNKNOWN, Finding
from collect.report.extras import Extra
from tests.support.cells import cells
from tests.support.factored import Effects, factorial_design, ladder_design, log_rates
from tests.support.figured import figured
from tests.support.found import TWO, claims, of_kind

EFFECTS: Effects = {"sync": {("ports",): 0.6, ("server",): 0.3}, "async": {("ports",): 0.1}}
"""So the ratio falls by 0.5 of its logarithm with the ports and by 0.3 with the server, of 0.8; nothing is left."""
FACTORS = ("ports", "server", "debug")


def page(name: str, data: Mapping[str, Any], lines: tuple[str, ...] = ()) -> Findings:
    plan = {"design": {"kind": name}}
    figures = figured(cells(("redis",), TWO, ("controlled",)), lambda cell, block: 1000.0 + block, plan=plan)
    return findings(figures, [Extra(name, "What it is", "none.j2", None, data, lines)])


def composed(kind: str, effects: Effects = EFFECTS, *, noise: float = 0.02, blocks: int = 6, seed: int = 1) -> Findings:
    design = (ladder_design if kind == "ladder" else factorial_design)(FACTORS)
    logs = log_rates(design, effects, blocks=blocks, noise=noise, seed=seed)
    return page(kind, composition_data(compose(design, logs, {"sync-ports": "was held back by its client"}, 1)))


def only(found: list[Finding], part: str) -> Finding:
    (each,) = [each for each in found if part in each.text]
    return each


@pytest.mark.parametrize("kind", ["ladder", "factorial"])
def test_each_cause_is_told_with_its_part_of_the_whole(kind: str) -> None:
    found = claims(composed(kind), "composition")
    whole = only(found, "measured the article's way, the asynchronous side answered 2.2")
    assert (whole.says, whole.n) == (FOUND, 6)
    assert whole.figure == pytest.approx(math.exp(0.8), rel=0.05)
    assert only(found, "what async itself does on equal terms cannot be told from none").says == NONE
    ports, server = (only(found, f" is the {name}, a factor of ") for name in ("ports", "server"))
    for each, part in ((ports, 0.5), (server, 0.3)):
        assert each.says == FOUND
        assert each.figure == pytest.approx(math.exp(part), rel=0.05)
        assert each.text.startswith("Of the factor 2.2")
        assert (
            f"measured the article's way, {100 * math.log(each.figure or 1) / math.log(whole.figure or 1):.0f} %"
            in each.text
        )
    assert only(found, "That the debug is any part of the factor").says == NONE
    assert "it rests on trials that the server did not limit" in ports.text
    assert {link.anchor for each in found for link in each.links} == {kind}


def test_a_factorial_tells_effects_and_interactions() -> None:
    both: Effects = {"sync": {("ports",): 0.6, ("ports", "server"): 0.4}, "async": {}}
    found = claims(composed("factorial", both), "composition")
    ports = only(found, "The ports on equal terms makes the synchronous side's rate 2.2")
    assert ports.says == FOUND
    assert (
        only(
            found,
            "The ports × the server: where one is on equal terms, the other's effect on the ratio of async to sync"
            " is 0.8",
        ).says
        == FOUND
    )
    assert only(found, "That the debug on equal terms changes the asynchronous side's rate cannot be told").says == NONE


def test_interactions_that_no_run_tells_apart_are_told_together() -> None:
    design = factorial_design((*FACTORS, "log"))
    both: Effects = {"sync": {("ports", "server"): 0.4}, "async": {("debug", "log"): 0.4}}
    for noise, says in ((0.001, FOUND), (0.3, NONE)):
        logs = log_rates(design, {**both, **({"async": {}} if says == FOUND else {})}, blocks=6, noise=noise)
        found = claims(page("factorial", composition_data(compose(design, logs, {}, 1))), "composition")
        each = only(found, "The ports × the server, the debug × the log (all together, as no run tells them apart): ")
        assert each.says == says
    assert "that they change one another's effect cannot be told from none" in each.text


def test_an_interaction_is_by_how_many_times_the_others_effect_differs_from_its_average() -> None:
    """By the cells themselves: the effect of the ports with the server on equal terms, over that of both averaged."""
    design = factorial_design(("ports", "server"))
    both: Effects = {"sync": {("ports",): 0.6, ("ports", "server"): 0.4}, "async": {("server",): 0.1}}
    logs = log_rates(design, both, blocks=3)
    ratio = {row.equal: logs[row.cells["async"]][1] - logs[row.cells["sync"]][1] for row in design.rows}
    effects = [ratio[frozenset({"ports"} | other)] - ratio[frozenset(other)] for other in (set[str](), {"server"})]
    (effect,) = [
        each for each in composition_data(compose(design, logs, {}, 1))["effects"]["ratio"] if len(each["term"][0]) == 2
    ]
    assert effect["value"] == pytest.approx(math.exp(effects[1] - sum(effects) / 2))


@pytest.mark.parametrize("kind", ["ladder", "factorial"])
def test_where_no_factor_does_anything_none_is_named(kind: str) -> None:
    wrong = 0
    for seed in range(30):
        found = claims(composed(kind, {}, noise=0.1, seed=seed), "composition")
        wrong += any(each.says == FOUND and " is the " in each.text for each in found)
    assert wrong <= 5  # 1.5 are expected at most


def test_two_blocks_of_a_design_carry_no_statement() -> None:
    found = of_kind(composed("ladder", blocks=2), "composition")
    assert {each.says for each in found} == {UNKNOWN}


def test_a_section_that_could_not_tell_gives_no_sentence() -> None:
    assert (
        of_kind(page("ladder", {"kind": "ladder", "why": "no block holds a usable trial of every cell"}), "composition")
        == []
    )


def place(users: int, delay_ms: float, values: list[float], doubts: tuple[str, ...] = ()) -> dict[str, Any]:
    (estimate,) = holm([over_blocks(values)])
    sides = {
        side: {"cell": f"{variant}.redis.locust-fast.10.controlled"}
        for side, variant in zip(("sync", "async"), TWO, strict=True)
    }
    return {
        "users": users,
        "delay_ms": delay_ms,
        "ratio": estimate.to_json(),
        "allowed_ratio": 2.0,
        "doubts": list(doubts),
        **sides,
    }


def test_places_of_a_map_are_told_one_by_one_and_together() -> None:
    places = [
        place(100, 20, [1.0, 1.1, 1.05, 1.02]),
        place(10, 0, [-0.5, -0.45, -0.52, -0.49]),
        place(10, 5, [0.1, -0.1, 0.05, -0.05]),
        place(1000, 0, [0.5, 0.6, 0.55, 0.52], ("starlette-uvicorn was held back by the load generator",)),
        place(1, 0, [0.5, 0.6]) | {"ratio": None},
    ]
    one = {"client": "pool", "top": TWO[1], "bottom": TWO[0], "users": [], "delays_ms": [], "places": places}
    found = page("map", {"maps": [one]})
    single = claims(found, "map")
    assert [each.says for each in single] == [FOUND, FOUND, NONE, FOUND]
    begin = "With 100 users, 20 ms of delay and a pool of Redis clients, starlette-uvicorn answered 2.84 times"
    assert single[0].text.startswith(begin)
    assert "allow 2.00" in single[0].text
    assert len(single[0].trials) == 16
    assert "held back by the load generator" in single[3].text
    (summary,) = [each for each in of_kind(found, "map") if not each.tests]
    assert "Of 4 places of users, delay and client, 3 have ratios that are the servers' own" in summary.text
    assert "in 1 more, in 1 fewer, in 1 a difference cannot be told from none" in summary.text


def hypotheses(*levels: tuple[str, Any, float, list[float] | None], blocks: int = 5) -> Findings:
    data = {
        "blocks": blocks, "fits": [{"fit": 0.2, "low": 0.15, "high": 0.25}],
        "levels": [
            {"factor": factor, "level": level, "mean": mean, "best": mean, "beyond": beyond}
            for factor, level, mean, beyond in levels
        ],
    }  # fmt: skip
    return page("hypotheses", data, ("The nearest is one by one: a fit of 0.20 (0.15 to 0.25).",))


def test_what_the_article_left_out_is_told_by_choice() -> None:
    found = hypotheses(
        ("ports", 16384, 0.20, None), ("ports", 28232, 0.40, [0.17, 0.23]),
        ("ramp", True, 0.30, None), ("ramp", False, 0.31, [-0.02, 0.04]),
    )  # fmt: skip
    ports, ramp = claims(found, "hypotheses")
    assert (ports.says, ramp.says) == (FOUND, NONE)
    worse = "28,232 ports fits the article worse than 16,384 ports by 0.20 (95 % interval 0.17 to 0.23, 5 blocks)"
    assert worse in ports.text
    assert "all at once cannot be told from users one by one" in ramp.text
    (nearest,) = [each for each in of_kind(found, "hypotheses") if not each.tests]
    assert nearest.text == "The nearest is one by one: a fit of 0.20 (0.15 to 0.25)."
    assert (nearest.figure, nearest.low, nearest.high, nearest.n) == (0.2, 0.15, 0.25, 5)


def test_a_choice_is_told_to_be_worse_just_where_its_interval_is_above_0() -> None:
    spans = [[0.001, 0.399], [-0.001, 0.401], [-0.3, -0.1], [0.0, 0.0]]
    for span, told in zip(spans, (True, False, False, False), strict=True):
        found = hypotheses(("ports", 16384, 0.20, None), ("ports", 28232, 0.40, span))
        (ports,) = claims(found, "hypotheses")
        assert (ports.tests[0].p < 0.05) == told
        assert not told or ports.tests[0].p > 0.045, "t is counted once"


def test_one_block_of_hypotheses_carries_no_statement() -> None:
    found = hypotheses(("ports", 16384, 0.20, None), ("ports", 28232, 0.40, None), blocks=1)
    assert [each.says for each in of_kind(found, "hypotheses")] == ["counted", UNKNOWN]


def test_a_run_to_a_precision_says_why_it_ended() -> None:
    data = {"stopped": {"block": 12, "reason": "precise"}, "ratios": [{"enough": True}, {"enough": False}]}
    (each,) = of_kind(page("precision", data, ("Measuring ended after 12 blocks.",)), "precision")
    assert (each.text, each.figure, each.n) == ("Measuring ended after 12 blocks.", 1.0, 12)
    (cut,) = of_kind(page("precision", data | {"stopped": None}, ("The run was interrupted.",)), "precision")
    assert cut.n == 0
