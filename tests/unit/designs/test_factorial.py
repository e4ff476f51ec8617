from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from collect.designs.factorial import Fraction, _table, fraction
from collect.errors import BenchError

EIGHT = ("generator", "ports", "keep_alive", "server", "client", "access_log", "debug", "response")
RUNS = {1: 2, 2: 4, 3: 8, 4: 8, 5: 16, 6: 16, 7: 16, 8: 16, 9: 32, 10: 32, 11: 32, 12: 32}


def levels(made: Fraction) -> Any:
    return np.array([[1 if name in setting else -1 for name in made.names] for setting in made.settings()])


@pytest.mark.parametrize(("count", "runs"), RUNS.items())
def test_every_fraction_of_the_data_is_orthogonal_and_of_resolution_four(count: int, runs: int) -> None:
    names = [f"f{number}" for number in range(count)]
    made = fraction(names, (), "here")
    x = levels(made)
    assert len(set(made.settings())) == len(x) == runs
    assert (x.T @ x == runs * np.eye(count)).all()
    assert made.resolution == (None if count <= 3 else 4)
    assert frozenset() in made.settings()
    assert frozenset(names) in made.settings(), "the article's setup and equal terms are both measured"
    # Resolution from the runs themselves: no main effect moves with an interaction of two; some of these do together.
    pairs = np.array([x[:, a] * x[:, b] for a, b in itertools.combinations(range(count), 2)]).reshape(-1, runs)
    assert not (pairs @ x).any()
    assert bool((np.abs(pairs @ pairs.T) == runs).sum() > len(pairs)) == (count > 3)


def test_the_table_ends_where_the_test_does() -> None:
    assert set(_table()) == set(RUNS) - {1, 2, 3}


def test_what_no_run_can_tell_apart_stands_in_one_group() -> None:
    made = fraction(EIGHT, (), "here")
    terms = made.terms()
    assert terms[:8] == [((name,),) for name in EIGHT]
    groups = terms[8:]
    assert [len(group) for group in groups] == [4] * 7, "28 interactions of two, 7 columns are left"
    x = dict(zip(EIGHT, levels(made).T, strict=True))
    for group in groups:
        columns = {tuple(x[a] * x[b]) for a, b in group}
        assert len(columns) == 1
    assert len({tuple(x[group[0][0]] * x[group[0][1]]) for group in groups}) == 7
    assert {frozenset(pair) for group in groups for pair in group} == {
        frozenset(pair) for pair in itertools.combinations(EIGHT, 2)
    }


def test_full_factors_are_crossed_with_a_fraction_of_the_others() -> None:
    made = fraction(EIGHT, ("server", "client"), "here")
    assert len(made.settings()) == 4 * 16
    assert made.resolution == 4
    assert not {"server", "client"} & {name for word in made.words for name in word}
    terms = made.terms()
    clear = [term for term in terms if len(term) == 1 and len(term[0]) == 2]
    assert (("server", "client"),) in clear
    assert len(clear) == 1 + 2 * 6, "and each with each of the others"
    three = fraction(("a", "b", "c"), ("a", "b", "c"), "here").terms()
    assert (("a", "b", "c"),) in three
    assert len(three) == 7


def test_a_plans_own_generators_go_before_the_table() -> None:
    made = fraction("abcdef", (), "here", {"f": ("a", "b", "c")})
    assert len(made.settings()) == 32
    assert made.words == [frozenset("abcf")]


@pytest.mark.parametrize(
    ("full", "generators", "told"),
    [
        (("x",), None, 'full names "x", which is none of the factors (here.full)'),
        ((), {"f": ("a", "x", "b")}, '"x" is none of the factors'),
        (("f",), {"f": ("a", "b", "c")}, '"f" is none of the factors that are not full'),
        ((), {"f": ("a",)}, "the design is of resolution 2: a cannot be told from f (here.generators)"),
        ((), {"f": ("a", "b", "c"), "e": ("a", "b", "c")}, "of resolution 2: e cannot be told from f"),
        ((), {"f": ("a", "b")}, "f is made of 2 factors, so that the article's own setup is none of the runs"),
        ((), {"f": ("a", "a", "b")}, "the design is singular: f is made of a twice"),
        ((), {"f": ("a", "b", "e"), "e": ("a", "b", "c")}, "the design is singular: f is made of e (here"),
    ],
)
def test_a_singular_design_is_told_in_one_line(full: Any, generators: Any, told: str) -> None:
    with pytest.raises(BenchError) as caught:
        fraction("abcdef", full, "here", generators)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_many_factors_are_told() -> None:
    with pytest.raises(BenchError, match=r"no fraction is known for 13 factors .* use at most 12 factors"):
        fraction([f"f{number}" for number in range(13)], (), "here")
