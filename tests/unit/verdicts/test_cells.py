from __future__ import annotations

from typing import Any

import pytest

from collect.verdicts.cells import cell_verdicts


def row(word: str, confidence: str = "high", **changes: Any) -> dict[str, Any]:
    return {
        "cell": "a", "kind": "cell", "validity": "valid", "limited_by": [word], "limited_by_confidence": [confidence],
    } | changes  # fmt: skip


def probe(outcome: str, named: bool = True, word: str = "server-app") -> dict[str, Any]:
    return {"cell": "a", "word": word, "named": named, "outcome": outcome, "text": f"{outcome} by {word}"}


def test_the_word_that_comes_first_most_often() -> None:
    rows = [row("generator"), row("server-app"), row("server-app", "low"), row("server-app", "medium")]
    found = cell_verdicts(rows, [])["a"]
    assert (found["limited_by"], found["confidence"]) == ("server-app", "medium")
    assert (found["agreeing"], found["usable"], found["verdict"]) == (3, 4, "untested")


def test_of_equals_the_one_that_more_trials_name() -> None:
    rows = [
        row("redis"),
        row("generator", limited_by=["generator", "redis"], limited_by_confidence=["high", "low"]),
    ]
    assert cell_verdicts(rows, [])["a"]["limited_by"] == "redis"


def test_what_is_no_trial_of_the_cell_or_invalid_has_no_say() -> None:
    rows = [
        row("redis"),
        row("generator", validity="invalid"),
        row("generator", kind="probe"),
        row("network", kind="ceiling"),
    ]
    assert cell_verdicts(rows, [])["a"]["usable"] == 1
    assert set(cell_verdicts([row("network", kind="ceiling")], [])) == set()


def test_a_cell_without_a_usable_trial_says_so() -> None:
    found = cell_verdicts([row("redis", validity="invalid")], [])["a"]
    assert found["limited_by"] is None
    assert "no trial of it is usable" in found["why"]


@pytest.mark.parametrize(
    ("probes", "verdict"),
    [
        ([], "untested"),
        ([probe("confirmed"), probe("confirmed", named=False)], "confirmed"),
        ([probe("confirmed")], "confirmed"),
        ([probe("confirmed"), probe("refuted", named=False)], "refuted"),
        ([probe("refuted"), probe("unclear", named=False)], "refuted"),
        ([probe("confirmed"), probe("unclear", named=False)], "unclear"),
        ([probe("confirmed", named=False)], "untested"),
        ([probe("confirmed", word="redis")], "unclear"),
        ([{"cell": "a", "word": "network", "untested": "not from here"}], "untested"),
        ([probe("confirmed") | {"cell": "b"}], "untested"),
    ],
)
def test_one_that_refutes_decides_and_the_named_must_be_confirmed(probes: list[dict[str, Any]], verdict: str) -> None:
    assert cell_verdicts([row("server-app")], probes)["a"]["verdict"] == verdict


def test_why_a_cell_is_untested_is_said() -> None:
    test = {"cell": "a", "word": "network", "untested": "not from here"}
    assert cell_verdicts([row("network")], [test])["a"]["why"] == "not from here"
