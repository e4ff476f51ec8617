"""What a run is said to show: nothing that is not there, and what is there, with its figures."""

from __future__ import annotations

import math
import re

import pytest

from collect.findings.page import findings, findings_data
from collect.findings.statement import FOUND, NONE, UNKNOWN, Finding
from collect.plan import Cell
from collect.statistics.sequential import widened
from tests.support.cells import cells
from tests.support.figured import figured
from tests.support.found import TWO, claims, is_async, noisy, of_kind, table


@pytest.mark.parametrize(("blocks", "runs"), [(3, 40), (8, 16)])
def test_where_nothing_differs_a_page_seldom_claims_anything(blocks: int, runs: int) -> None:
    """In 5 % of runs at most, whatever is looked at; the article's own ratios are true differences from 1."""
    wrong, alone = 0, 0
    for seed in range(runs):
        found = findings(table(seed, blocks=blocks), ())
        false = [
            each
            for kind in ("ratios", "article", "limits", "cost")
            for each in claims(found, kind)
            if "the article has" not in each.text
        ]
        assert len(false) > 15
        wrong += any(each.says == FOUND for each in false)
        alone += any(min(test.p for test in each.tests) < 0.05 for each in false)
    assert wrong / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    assert alone / runs > 0.4  # as often as that without the correction: the test can fail


def test_a_real_difference_is_told_with_its_figures() -> None:
    told = 0
    for seed in range(8):
        figures = table(seed, lambda cell: 1400.0 if is_async(cell) and cell.workload == "redis" else 1000.0)
        redis = [each for each in claims(findings(figures, ()), "ratios") if each.text.startswith("On Redis")]
        assert len(redis) == 2
        told += sum(each.says == FOUND and each.figure is not None and each.figure > 1.2 for each in redis)
    assert told / 16 > 0.9


def test_each_figure_in_a_sentence_is_the_datas() -> None:
    found = findings(table(3, lambda cell: 1500.0 if is_async(cell) else 1000.0), ())
    sentences = [each for group in found.groups for each in (*group.lead, *group.single)]
    assert len(sentences) > 40
    for each in sentences:
        assert each.links, each.text
        if each.figure is None or each.of != "blocks":
            continue
        assert each.low is not None
        assert each.high is not None
        texts = [
            (f"{each.figure:,.{digits}f}", f"95 % interval {each.low:,.{digits}f} to {each.high:,.{digits}f}, 8 blocks")
            for digits in ((0,) if each.unit == "requests/s" else (2, 3))
        ]
        assert any(figure in each.text and interval in each.text for figure, interval in texts), each.text
        assert each.n == 8
        assert each.trials
        assert each.text.endswith(".")


def test_fewer_than_three_blocks_carry_no_statement() -> None:
    found = findings(table(1, lambda cell: 9000.0 if is_async(cell) else 1000.0, blocks=2), ())
    assert found.tested == 0
    assert "Nothing was tested" in found.rule
    assert {each.says for each in of_kind(found, "ratios") if each.of == "blocks"} == {UNKNOWN}
    assert "no interval from fewer than 3 blocks" in of_kind(found, "ratios")[-1].text


def test_a_ratio_that_the_client_limited_is_said_to_be_none_of_the_servers() -> None:
    found = findings(table(1, lambda cell: 1500.0 if is_async(cell) else 1000.0), ())
    for each in claims(found, "ratios"):
        its_way = "measured the article's way" in each.text
        assert its_way == ("this is no ratio of the servers: each was held back by the load generator" in each.text)
        assert its_way != ("the app itself limited both" in each.text)
    (summary,) = [each for each in of_kind(found, "ratios") if not each.tests]
    assert summary.text.startswith("4 of 8 ratios of an asynchronous to a synchronous framework are the servers' own")
    assert "in 4 more, in 0 fewer" in summary.text


def test_a_trial_that_cannot_be_used_is_in_no_sentence() -> None:
    cell = cells(("redis",), TWO[:1], ("controlled",))[0].name
    found = findings(table(1, invalid=[(cell, 2), (cell, 5)]), ())
    (each,) = [each for each in claims(found, "ratios") if each.text.startswith("On Redis I/O, with")]
    assert each.n == 6
    assert not any(trial.startswith(("b2-", "b5-")) and "flask" in trial for trial in each.trials)
    assert len(each.trials) == 6 + 8


def doubted(each: Finding) -> bool:
    """Say whether the sentence's own interval leaves out 1."""
    return each.low is not None and each.high is not None and not each.low <= 1 <= each.high


def test_a_claim_that_the_correction_takes_back_says_so() -> None:
    for seed in range(60):
        found = findings(table(seed), ())
        taken = [each for each in claims(found, "ratios") if each.says == NONE and doubted(each)]
        if taken:
            assert "it is one of many statements" in taken[0].text
            assert taken[0].tests[0].p < 0.05 <= taken[0].tests[0].corrected
            return
    pytest.fail("no seed has such a claim")


def test_what_limited_a_figure_is_told_with_its_trials() -> None:
    found = findings(table(1), ())
    first = next(each for each in of_kind(found, "whose") if each.of == "blocks")
    assert "the load generator limited it in 8 of 8 trials (95 % interval 63% to 100% of all)" in first.text
    assert "where the article says 315 (342 in its text)" in first.text
    summary = of_kind(found, "whose")[0]
    assert summary.text.startswith(
        "Of 8 of the article's 10 figures, measured its way, none were limited by the server"
    )


def test_json_has_every_sentence_with_figure_interval_number_and_trials() -> None:
    found = findings(table(1), ())
    data = findings_data(found)
    assert len(data["sentences"]) == found.count
    assert data["tested"] == sum(len(each["tests"]) for each in data["sentences"]) == found.tested
    for each in data["sentences"]:
        assert {"kind", "text", "says", "figure", "low", "high", "n", "of", "links", "trials", "tests"} <= set(each)
    assert f"{found.tested} statements were tested" in data["rule"]


def test_no_sentence_has_a_word_left_open() -> None:
    for blocks in (1, 2, 3, 8):
        for words in ("server-app", "unsteady", "concurrency", "client-ports"):
            found = findings(table(1, words=words, blocks=blocks), ())
            for group in found.groups:
                for each in (*group.lead, *group.single):
                    assert not re.search(r"None|nan|inf\b|[{}]|  |\.\.|;\.|, ;", each.text), each.text


def test_looking_at_a_run_while_it_is_measured_is_paid_for() -> None:
    """Each ratio's p value counts as many times as its look's level is smaller than 5 %."""
    names = [f"{variant}.redis.locust-fast.10.controlled" for variant in TWO]
    look = {"block": 8, "ratios": [{"top": names[1], "bottom": names[0], "level": 0.01}]}
    plain = findings(table(4), ())
    looked = findings(table(4, precision={"looks": [look]}), ())
    one, other = (
        next(each for each in claims(found, "ratios") if each.text.startswith("On Redis I/O, with the client"))
        for found in (plain, looked)
    )
    assert other.tests[0].p == pytest.approx(min(1, 5 * one.tests[0].p))
    assert one.low is not None
    assert other.low is not None
    assert other.low < one.low


def test_the_articles_ratio_pays_for_looking_as_ours_does() -> None:
    names = [f"{variant}.redis.locust-fast.10.controlled" for variant in TWO]
    look = {"block": 8, "ratios": [{"top": names[1], "bottom": names[0], "level": 0.01}]}
    begin = (
        "On Redis I/O the article has Starlette answer 4.3 times (3.98 by its text) as many requests as Flask; with the"
    )
    one, other = (
        next(each for each in claims(findings(figures, ()), "article") if each.text.startswith(begin))
        for figures in (
            table(4, lambda cell: 2000.0 if is_async(cell) else 1000.0, precision={"looks": looks})
            for looks in ([], [look])
        )
    )
    assert [test.p for test in other.tests] == pytest.approx([min(1, 5 * test.p) for test in one.tests])


def test_what_was_not_asked_for_pays_as_the_dearest_of_what_was() -> None:
    some = (
        *cells(("redis",), (*TWO, *(f"{variant}-modern" for variant in TWO)), ("controlled",)),
        *(Cell(variant, "redis", "wrk", 10, "controlled") for variant in TWO),
    )
    names = [f"{variant}.redis.locust-fast.10.controlled" for variant in TWO]
    ratios = [
        {"top": names[1], "bottom": names[0], "level": 0.01},
        {"top": f"{TWO[1]}-modern", "bottom": f"{TWO[0]}-modern", "level": 0.03},
        {"top": "too", "bottom": "few", "level": None},
    ]
    plain, looked = (
        figured(some, noisy(4, lambda cell: 1000.0), precision={"looks": looks})
        for looks in ([], [{"block": 8, "ratios": ratios}])
    )
    for kind in ("tools", "pythons"):
        for one, other in zip(getattr(plain, kind), getattr(looked, kind), strict=True):
            assert other.ratio == widened(one.ratio, 0.01) != one.ratio
    assert len(looked.tools) == len(looked.pythons) == 2
