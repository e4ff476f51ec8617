"""Each kind of sentence: where there is something to say it says it, and which way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from collect.findings.page import findings
from collect.findings.statement import ALIKE, FOUND, NONE, Finding
from collect.plan import Cell
from tests.support.cells import cells
from tests.support.figured import figured
from tests.support.found import TWO, WORKLOADS, claims, is_async, noisy, of_kind, table


def controlled(variants: tuple[str, ...], workloads: tuple[str, ...]) -> tuple[Cell, ...]:
    return cells(workloads, variants, ("controlled",))


def only(found: list[Finding], part: str) -> Finding:
    (each,) = [each for each in found if part in each.text]
    return each


# What the article says.


@pytest.mark.parametrize(
    ("true", "says", "words"),
    [
        (2.0, FOUND, "less than the article's"),
        (8.0, FOUND, "more than the article's"),
        (4.32, NONE, "cannot be told from the article's"),
    ],
)
def test_the_articles_ratio_is_held_against_ours(true: float, says: str, words: str) -> None:
    found = findings(table(1, lambda cell: 1000.0 * (true if is_async(cell) else 1)), ())
    begin = "On Redis I/O the article has Starlette answer 4.3 times (3.98 by its text) as many requests as Flask"
    each = only(claims(found, "article"), f"{begin}; measured the article's way")
    assert each.says == says
    assert words in each.text


def test_file_and_none_are_alike_differ_or_cannot_be_told() -> None:
    def about(factor: float, sd: float) -> Finding:
        some = cells(("none", "file"), TWO, ("controlled",))
        rate = noisy(2, lambda cell: 1000.0 * (factor if cell.workload == "file" else 1), sd)
        found = findings(figured(some, rate, words="server-app"), ())
        return only(
            claims(found, "article"), "The article's figures for Flask on a file and without I/O are alike (0.98 times)"
        )

    assert about(1.0, 0.005).says == ALIKE
    assert about(0.6, 0.05).says == FOUND
    assert "they are not: the file gives 0.6" in about(0.6, 0.05).text
    assert about(1.0, 0.1).says == NONE


@pytest.mark.parametrize(
    ("db", "says", "words"),
    [(3.0, FOUND, "it is so here, too"), (1.2, FOUND, "it is not so here"), (2.0, NONE, "cannot be told")],
)
def test_the_largest_ratio_is_the_databases_or_is_not(db: float, says: str, words: str) -> None:
    found = findings(
        table(1, lambda cell: 1000.0 * ((db if cell.workload == "db" else 2.0) if is_async(cell) else 1)), ()
    )
    for each in [each for each in claims(found, "article") if "is largest on the database" in each.text]:
        assert each.says == says, each.text
        assert words in each.text


# Limits and costs.


def test_what_the_clients_limits_cost_is_told_of_figures_that_it_limited() -> None:
    def rate(cell: Cell) -> float:
        return 1000.0 if cell.profile == "article" else 1800.0

    found = findings(table(1, rate), ())
    single = claims(found, "limits")
    assert len(single) == 8
    assert {each.says for each in single} == {FOUND}
    assert (
        "the load generator limited Flask measured the article's way; with the client out of the way it answers 1."
        in single[0].text
    )
    assert (
        "Of 8 figures that the client limited measured the article's way, 8 can be told"
        in of_kind(found, "limits")[0].text
    )
    assert of_kind(findings(table(1, rate, words="server-app"), ()), "limits") == []


def test_a_request_that_costs_less_is_told_though_the_rates_are_the_clients() -> None:
    cost = noisy(5, lambda cell: 0.0006 if is_async(cell) else 0.001)
    found = findings(table(1, cpu_s=cost, words="generator"), ())
    assert {each.says for each in claims(found, "cost")} == {FOUND}
    over = [each for each in claims(found, "cost") if each.text.startswith("Over 4 pairs")]
    assert len(over) == 2
    assert over[0].figure == pytest.approx(0.6, rel=0.1)
    one = only(
        claims(found, "cost"), "On Redis I/O, measured the article's way, a request to Starlette cost its app 0."
    )
    assert "CPU seconds for 1,000 requests" in one.text


def test_pairs_together_are_of_one_way_and_only_those_that_have_every_block() -> None:
    some = tuple(
        Cell(variant, workload, generator, 10, "controlled")
        for generator in ("locust-http", "locust-fast")
        for workload in WORKLOADS
        for variant in TWO
    )
    cost = noisy(5, lambda cell: 0.0006 if is_async(cell) else 0.001)
    figures = figured(some, noisy(4, lambda cell: 1000.0), cpu_s=cost, invalid=[(some[0].name, 2)])
    one, other = (each for each in of_kind(findings(figures, ()), "cost") if each.text.startswith("Over"))
    assert one.text.startswith("Over 3 pairs")
    assert "; 1 pair that lacks a block left out" in one.text
    assert other.text.startswith("Over 4 pairs")
    assert "left out" not in other.text
    assert len(one.trials) == 3 * 2 * 8
    assert not [trial for trial in one.trials if trial.endswith((some[0].name, some[1].name))]
    assert len(other.trials) == 4 * 2 * 8
    assert all("locust-fast" in trial for trial in other.trials)


# Servers, Pythons, sizes.


def production(of: Callable[[Cell], float], blocks: int = 8) -> list[Finding]:
    variants = (
        "flask-production-sync",
        "flask-production-gthread",
        "starlette-production-uvicorn",
        "starlette-production-uvloop",
    )
    found = findings(figured(controlled(variants, ("none",)), noisy(4, of, 0.04), blocks=blocks), ())
    (ratio,) = claims(found, "ratios")
    (first,) = claims(found, "servers")
    return [ratio, first]


def test_the_fastest_variant_is_told_where_it_stands_out() -> None:
    ratio, first = production(lambda cell: 3000.0 if cell.variant.endswith("uvloop") else 2000.0)
    assert first.says == ratio.says == FOUND
    assert "starlette-production-uvloop answered most of 4 variants" in first.text
    assert "they are the fastest pair of 4" in ratio.text


def test_where_all_are_alike_none_is_called_the_fastest() -> None:
    ratio, first = production(lambda cell: 2000.0)
    assert (first.says, ratio.says) == (NONE, NONE)
    assert "which cannot be told from " in first.text
    assert ratio.tests[0].p == 1 or ratio.tests[0].p > 4 * 0.001  # it counts for all four pairs


def test_todays_python_is_told_by_variant_and_over_all() -> None:
    variants = ("flask-werkzeug", "flask-werkzeug-modern", "starlette-uvicorn", "starlette-uvicorn-modern")
    rate = noisy(4, lambda cell: 1500.0 if cell.variant.endswith("modern") else 1000.0, 0.04)
    found = findings(figured(controlled(variants, ("none", "redis")), rate), ())
    single = [each for each in claims(found, "pythons") if not each.text.startswith("Over")]
    assert len(single) == 4
    assert {each.says for each in single} == {FOUND}
    over = only(claims(found, "pythons"), "Over 4 pairs of cells that the server limited")
    assert over.says == FOUND
    assert over.figure == pytest.approx(1.5, rel=0.05)
    assert "flask-werkzeug on today's Python and packages answered 1." in single[0].text


def test_what_a_size_does_is_told_from_the_smallest_to_the_largest() -> None:
    base = {"path": "/file", "key": "text", "value": "x", "redis_gets": 0}
    workloads = {f"file-{size}": base | {"file_bytes": size} for size in (16384, 1024, 1048576)}
    some = controlled(TWO, tuple(workloads))
    rate = noisy(4, lambda cell: 500.0 if cell.workload == "file-1048576" else 1000.0, 0.04)
    found = findings(figured(some, rate, workloads=workloads), ())
    flask = only(claims(found, "sizes"), "Flask")
    assert flask.says == FOUND
    assert flask.figure == pytest.approx(0.5, rel=0.1)
    assert "with a file of 1,048,576 bytes Flask answered 0." in flask.text
    assert "as with a file of 1,024 bytes" in flask.text
    assert not any(is_async(cell) for cell in some if cell.variant == "flask-werkzeug")


def test_locust_against_wrk() -> None:
    some = tuple(
        Cell("flask-werkzeug", workload, tool, 10, "controlled")
        for workload in WORKLOADS
        for tool in ("locust-fast", "wrk")
    )
    found = findings(figured(some, noisy(4, lambda cell: 1000.0 if cell.generator == "wrk" else 700.0, 0.03)), ())
    assert {each.says for each in claims(found, "tools")} == {FOUND}
    assert "Flask under locust-fast answered 0." in claims(found, "tools")[0].text


def test_a_single_cell_is_told_as_it_is() -> None:
    found = findings(figured(controlled(("flask-production-sync",), ("none",)), lambda cell, block: 1000.0 + block), ())
    (group,) = found.groups
    assert group.name == "whose"
    assert "1,004 requests a second" in group.single[0].text
    assert group.lead[0].text == "Of 1 cell, the server limited 1, the client 0 and neither 0."
