"""Effects that are known are found again, and the intervals hold."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from collect.designs.composition import compose, factorial
from collect.designs.effects import fit_side
from collect.designs.estimates import LogEstimate, holm, over_blocks, with_error
from collect.designs.factorial import Fraction
from collect.designs.model import SIDES
from collect.designs.told import composition_data, percent, term_name
from tests.support.factored import Effects, factorial_design, ladder_design, log_rates

ON = {"b": ("sync",), "d": ("async",)}
NAMES = ("a", "b", "c", "d", "e", "f", "g", "h")
TRUTH: Effects = {
    "sync": {("a",): 0.3, ("b",): 0.5, ("e",): -0.1, ("a", "e"): 0.2, ("c", "f"): -0.06},
    "async": {("a",): 0.1, ("d",): 0.25, ("e",): 0.05, ("a", "d"): 0.08},
}


def main_effect(side: str, name: str) -> float:
    """Return the truth averaged over the levels of all others: half of an interaction each."""
    return sum(size * 0.5 ** (len(names) - 1) for names, size in TRUTH[side].items() if name in names)


def test_without_noise_every_effect_is_found() -> None:
    design = factorial_design(NAMES, on=ON)
    found = factorial(design, log_rates(design, TRUTH), 1)
    assert found is not None
    for side in SIDES:
        named = {term_name(effect.term): effect.estimate.log for effect in found.effects[side]}
        own = [name for name in NAMES if side in ON.get(name, SIDES)]
        for name in own:
            assert named[name] == pytest.approx(main_effect(side, name), abs=1e-9)
        assert not set(NAMES) - set(own) & set(named), "what changes nothing on a side is no effect there"
        for effect in found.effects[side]:
            if len(effect.term[0]) == 2:  # a group has the sum of its members
                wanted = sum(TRUTH[side].get(pair, 0.0) / 2 for pair in effect.term)
                assert effect.estimate.log == pytest.approx(wanted, abs=1e-9), effect.term
    ratio = {term_name(effect.term): effect.estimate.log for effect in found.effects["ratio"]}
    for name in NAMES:
        wanted = sum(sign * main_effect(side, name) for side, sign in (("async", 1), ("sync", -1)))
        assert ratio[name] == pytest.approx(wanted, abs=1e-9)
    assert {name: estimate.log for name, estimate in found.measured.items()} == pytest.approx(
        {"whole": found.whole.log, "left": found.left.log}
    )


def test_full_factors_have_their_interaction_of_three() -> None:
    design = factorial_design(("a", "b", "c"), ("a", "b", "c"))
    truth: Effects = {"sync": {("a", "b", "c"): 0.8}, "async": {("a",): 0.1}}
    found = factorial(design, log_rates(design, truth), 1)
    assert found is not None
    named = {term_name(effect.term): effect.estimate.log for effect in found.effects["sync"]}
    assert named == pytest.approx(dict.fromkeys(named, 0.2)), "of three that only work together, all is shared"
    assert set(named) == {"a", "b", "c", "a x b", "a x c", "b x c", "a x b x c"}
    assert [share.estimate.log for share in found.shares] == pytest.approx([0.8 / 3 - 0.1, 0.8 / 3, 0.8 / 3])


@pytest.mark.parametrize(("memory", "adjacent"), [(0.0, False), (0.5, True)])
def test_intervals_hold_in_noise_that_has_a_memory(memory: float, adjacent: bool) -> None:
    """Also that of a trial's neighbours: the order of the settings in a block is random."""
    design, experiments = factorial_design(NAMES, on=ON), 30
    covered: dict[str, list[bool]] = {"main": [], "share": [], "whole": []}
    for seed in range(experiments):
        logs = log_rates(design, TRUTH, blocks=6, noise=0.12, memory=memory, adjacent=adjacent, seed=seed)
        found = factorial(design, logs, seed)
        assert found is not None
        whole = 6.6 - 5.8
        for share in found.shares:
            wanted = main_effect("sync", share.factor) - main_effect("async", share.factor)
            assert share.interval is not None
            covered["share"].append(share.interval[0] <= wanted <= share.interval[1])
        for side in SIDES:
            for effect in found.effects[side]:
                if len(effect.term[0]) == 1:
                    wanted = main_effect(side, effect.term[0][0])
                    covered["main"].append(held(effect.estimate, wanted))
        covered["whole"].append(held(found.whole, whole))
    rates = {name: float(np.mean(each)) for name, each in covered.items()}
    assert rates["main"] > 0.92
    assert rates["share"] > 0.92
    assert rates["whole"] > 0.83, "of 30 only"
    assert rates["main"] < 0.99, "and are no wider than they must be"


def held(estimate: LogEstimate, wanted: float) -> bool:
    assert estimate.low_log is not None
    assert estimate.high_log is not None
    return estimate.low_log <= wanted <= estimate.high_log


def test_the_ladders_intervals_hold() -> None:
    design, covered = ladder_design(("a", "c", "e"), on=ON), []
    for seed in range(150):
        logs = log_rates(design, TRUTH, blocks=7, noise=0.12, memory=0.4, seed=seed)
        made = compose(design, logs, {}, 1).ladder
        assert made is not None
        wanted = {"a": 0.3 - 0.1, "c": 0.0, "e": -0.1 + 0.2 - 0.05}  # e after a: their interaction comes with it
        covered += [held(step.part, wanted[step.factor]) for step in made.orders["forward"]]
    assert 0.92 < np.mean(covered) < 0.98


def test_few_blocks_give_no_interval_and_few_no_bootstrap() -> None:
    design = factorial_design(("a", "b", "c"))
    for blocks, interval, bootstrap in ((1, False, False), (2, False, False), (3, True, False), (5, True, True)):
        logs = log_rates(design, TRUTH, blocks=blocks, noise=0.1)
        found = factorial(design, logs, 1)
        assert found is not None
        assert (found.shares[0].interval is not None) == interval
        assert (found.shares[0].bootstrap is not None) == bootstrap
        assert (found.whole.low is not None) == interval == (found.effects["ratio"][0].estimate.p is not None)


def test_a_missing_trial_costs_no_more_than_itself() -> None:
    design = factorial_design(NAMES, on=ON)
    logs = log_rates(design, TRUTH, blocks=6)
    del logs["sync-b-c-e-h" if "sync-b-c-e-h" in logs else next(iter(logs))][2]
    made = compose(design, logs, {}, 1)
    assert made.factorial is not None
    assert (made.blocks, made.dropped) == ([1, 3, 4, 5, 6], [2])
    for effect in made.factorial.effects["sync"]:
        if len(effect.term[0]) == 1:
            assert effect.estimate.log == pytest.approx(main_effect("sync", effect.term[0][0]), abs=1e-9)


def test_what_cannot_be_told_apart_is_said() -> None:
    design = factorial_design(("a", "b", "c"))
    logs = log_rates(design, TRUTH, blocks=3)
    logs["sync-a"].clear()
    made = compose(design, logs, {"sync-a": "has no valid trial"}, 1)
    assert made.factorial is not None, "7 of 8 settings tell 7 coefficients apart"
    logs["sync-b"].clear()
    made = compose(design, logs, {}, 1)
    assert (made.factorial, made.why) == (None, "too few of the cells have a usable trial to tell the effects apart")
    assert composition_data(made)["why"] == made.why
    ladder = ladder_design(("a", "b"))
    made = compose(ladder, {cell: ({} if cell == "sync-a" else {1: 1.0}) for cell in log_rates(ladder, {})}, {}, 1)
    assert (made.ladder, made.why) == (None, "no block holds a usable trial of every cell")


def test_what_the_model_leaves_out_is_noticed() -> None:
    design = factorial_design(("a", "b", "c"))
    terms = Fraction(design.names, (), {}).terms()
    for size, noticed in ((0.0, False), (0.6, True)):
        logs = log_rates(design, {"sync": {("a", "b", "c"): size}}, blocks=6, noise=0.05, seed=3)
        fit = fit_side(design, terms, logs, "sync")
        assert fit is not None
        assert fit.lack_of_fit_p is not None
        assert (fit.lack_of_fit_p < 0.01) == noticed


def test_parts_on_trials_that_something_else_limited_are_marked() -> None:
    names = ("a", "b")
    design = ladder_design(names)
    held_back = {"sync-a": "was held back by the load generator"}
    data = composition_data(compose(design, log_rates(design, TRUTH), held_back, 1))
    marked = {order: [step["marked"] for step in data["steps"][order]] for order in ("forward", "backward")}
    assert marked == {"forward": [True, True], "backward": [False, False]}
    assert data["steps"]["forward"][0]["marks"] == [{"cell": "sync-a", "held": "was held back by the load generator"}]
    assert (data["whole"]["marked"], data["left"]["marked"]) == (False, False)
    data = composition_data(compose(factorial_design(names), log_rates(factorial_design(names), TRUTH), held_back, 1))
    ratio, sync = ({effect["name"]: effect for effect in data["effects"][name]} for name in ("ratio", "sync"))
    assert ratio["a"]["held"] == {"article": [0, 4], "equal": [1, 4]}
    assert sync["b"]["held"] == {"article": [1, 2], "equal": [0, 2]}
    assert all(effect["marked"] for effect in (*ratio.values(), *sync.values()))
    assert not any(effect["marked"] for effect in data["effects"]["async"])


def test_holm() -> None:
    made = holm([LogEstimate(0.1, 0.01, 1, p, 5) for p in (0.01, 0.04, 0.03, None)])
    assert [each.p_holm for each in made] == pytest.approx([0.03, 0.06, 0.06, None])
    assert [each.known for each in made] == [True, False, False, False]
    assert not LogEstimate(0.1, -0.01, 1, 0.01, 5).known, "its interval says otherwise"


def test_an_interval_is_students() -> None:
    values = [0.1, 0.2, 0.4]
    made = over_blocks(values)
    error = np.std(values, ddof=1) / math.sqrt(3)
    assert made.low_log is not None
    assert made.log - made.low_log == pytest.approx(4.302653 * error, rel=1e-6)
    assert over_blocks([0.1, 0.1, 0.1]).p == 0
    assert with_error(0.0, 0.0, 3, 4).p == 1


def test_a_part_is_in_per_cent_only_of_a_whole_that_is_one() -> None:
    part, sure, unsure = (LogEstimate(0.2, low, 1.0, 0.1, 5) for low in (0.1, 0.1, -0.1))
    assert percent(part, sure) == pytest.approx(100)
    assert percent(part, unsure) is None
    assert percent(part, LogEstimate(0.2, None, None, None, 2)) is None


def test_a_share_is_known_only_where_the_interval_that_is_shown_leaves_out_none() -> None:
    design = factorial_design(("a", "b", "c"))
    made = compose(design, log_rates(design, TRUTH, blocks=6, noise=0.1), {}, 1)
    assert made.factorial is not None
    (a, *_) = made.factorial.shares
    assert a.estimate.known
    assert composition_data(made)["shares"][0]["known"]
    wide = replace(a, bootstrap=(-0.01, 0.5))
    assert not wide.shown.known
    told = composition_data(replace(made, factorial=replace(made.factorial, shares=[wide])))["shares"][0]
    assert not told["known"]
    assert told["low"] < 1 < told["high"]
    assert told["model_low"] == a.estimate.low


def test_a_factorial_says_how_many_blocks_its_fit_has() -> None:
    design = factorial_design(("a", "b", "c"))
    logs = log_rates(design, TRUTH, blocks=6, noise=0.01)
    del logs["sync"][2]
    data = composition_data(compose(design, logs, {}, 1))
    assert (data["blocks"], data["dropped_blocks"]) == (6, [2])
    ladder = ladder_design(("a", "b", "c"))
    logs = log_rates(ladder, TRUTH, blocks=6, noise=0.01)
    del logs["sync"][2]
    data = composition_data(compose(ladder, logs, {}, 1))
    assert (data["blocks"], data["dropped_blocks"]) == (5, [2])
