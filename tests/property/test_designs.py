"""The arithmetic of a ratio's parts: whatever the rates are, ladders multiply, shares sum, and equals share alike."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from collect.designs.composition import compose, factorial
from collect.designs.effects import log_ratio
from collect.designs.factorial import Fraction, fraction
from collect.designs.model import SIDES, Setting
from tests.support.factored import factorial_design, ladder_design, log_rates

NAMES = ("a", "b", "c", "d", "e")
SIZES = st.floats(-1, 1).map(lambda size: round(size, 3))
PRODUCTS = [product for size in (1, 2, 3) for product in itertools.combinations(NAMES, size)]
TRUTHS = st.fixed_dictionaries({side: st.dictionaries(st.sampled_from(PRODUCTS), SIZES, max_size=6) for side in SIDES})
ON = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([("sync",), ("async",)]), max_size=2)
COUNT = st.integers(1, 5)
NOISE = st.sampled_from([0.0, 0.2])
few = settings(deadline=None, max_examples=40)


@few
@given(count=COUNT, truth=TRUTHS, on=ON, noise=NOISE, blocks=st.integers(1, 6), seed=st.integers(0, 2**32))
def test_steps_multiply_to_the_whole(
    count: int, truth: dict[str, dict[tuple[str, ...], float]], on: dict[str, tuple[str, ...]], noise: float,
    blocks: int, seed: int,
) -> None:  # fmt: skip
    design = ladder_design(NAMES[:count], on)
    made = compose(design, log_rates(design, truth, noise=noise, blocks=blocks, seed=seed), {}, 1).ladder
    assert made is not None
    for order, steps in made.orders.items():
        assert made.product_error(order) < 1e-9
        product = math.prod(step.part.value for step in steps) * made.left.value
        assert math.isclose(product, made.whole.value, rel_tol=1e-9)
        assert sorted(step.factor for step in steps) == list(design.names)
        assert math.isclose(steps[-1].running, made.left.log, abs_tol=1e-9)


@few
@given(count=COUNT, truth=TRUTHS, on=ON, noise=NOISE, blocks=st.integers(1, 5), seed=st.integers(0, 2**32))
def test_shares_sum_to_the_whole_and_are_shapleys(
    count: int, truth: dict[str, dict[tuple[str, ...], float]], on: dict[str, tuple[str, ...]], noise: float,
    blocks: int, seed: int,
) -> None:  # fmt: skip
    design = factorial_design(NAMES[:count], on=on)
    found = factorial(design, log_rates(design, truth, noise=noise, blocks=blocks, seed=seed), 1)
    assert found is not None
    assert found.sum_error < 1e-9
    assert math.isclose(found.removed.log, found.whole.log - found.left.log, abs_tol=1e-9)
    values = {setting: found.whole.log - log_ratio(found.ratio, setting).log for setting in every(design.names)}
    wanted = by_all_orders(design.names, lambda setting: values[setting])
    for share in found.shares:
        assert math.isclose(share.estimate.log, wanted[share.factor], abs_tol=1e-9)


def every(names: tuple[str, ...]) -> list[Setting]:
    return [frozenset(some) for size in range(len(names) + 1) for some in itertools.combinations(names, size)]


def by_all_orders(names: tuple[str, ...], value: Callable[[Setting], float]) -> dict[str, float]:
    """Return Shapley shares as they are defined: what each adds, averaged over all orders."""
    shares = dict.fromkeys(names, 0.0)
    orders = list(itertools.permutations(names))
    for order in orders:
        for count, name in enumerate(order):
            shares[name] += value(frozenset(order[: count + 1])) - value(frozenset(order[:count]))
    return {name: share / len(orders) for name, share in shares.items()}


@few
@given(truth=TRUTHS, own=SIZES, together=SIZES, count=st.integers(2, 5))
def test_factors_that_do_the_same_share_alike(
    truth: dict[str, dict[tuple[str, ...], float]], own: float, together: float, count: int
) -> None:
    """a and b swapped leave every rate as it is."""
    symmetric = {
        side: {names: size for names, size in effects.items() if not {"a", "b"} & set(names)}
        | {("a",): own, ("b",): own, ("a", "b"): together}
        for side, effects in truth.items()
    }
    design = factorial_design(NAMES[:count], NAMES[:count])
    found = factorial(design, log_rates(design, symmetric, blocks=1), 1)
    assert found is not None
    shares = {share.factor: share.estimate.log for share in found.shares}
    assert math.isclose(shares["a"], shares["b"], abs_tol=1e-9)


@few
@given(truth=TRUTHS, count=st.integers(1, 5))
def test_with_all_settings_measured_the_shares_are_the_truths(
    truth: dict[str, dict[tuple[str, ...], float]], count: int
) -> None:
    names = NAMES[:count]
    design = factorial_design(names, names)

    def ratio(setting: Setting) -> float:
        of = {side: sum(size for some, size in truth[side].items() if set(some) <= setting) for side in SIDES}
        return of["async"] - of["sync"]

    found = factorial(design, log_rates(design, truth, blocks=1), 1)
    assert found is not None
    wanted = by_all_orders(names, lambda setting: -ratio(setting))
    for share in found.shares:
        assert math.isclose(share.estimate.log, wanted[share.factor], abs_tol=1e-9)


@few
@given(count=st.integers(1, 12), full=st.sets(st.integers(0, 11), max_size=3))
def test_every_fraction_is_of_resolution_four_and_estimates_what_it_names(count: int, full: set[int]) -> None:
    names = tuple(f"f{number}" for number in range(count))
    made: Fraction = fraction(names, [names[index] for index in full if index < count], "here")
    assert made.resolution is None or made.resolution >= 4
    runs = made.settings()
    assert len(set(runs)) == len(runs)
    assert {frozenset(), frozenset(names)} <= set(runs)
    columns = [tuple(math.prod(1 if name in run else -1 for name in term[0]) for run in runs) for term in made.terms()]
    assert len(set(columns)) == len(columns) < len(runs)
    for column in columns:
        assert sum(column) == 0
    main = columns[:count]
    assert all(sum(a * b for a, b in zip(x, y, strict=True)) == 0 for x in main for y in columns if x != y)
