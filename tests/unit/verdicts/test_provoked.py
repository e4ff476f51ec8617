"""The trials with a known limit: their plans are plans, and no word is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.accuracy import document_of, read_cases
from benchmarks.measuring import write_plan
from collect.plan import load_plan
from collect.verdicts import WORDS
from tests.support.provoked import Case

CASES = read_cases()


def test_every_word_is_provoked_and_has_its_cause_taken_away() -> None:
    cases = [case for _, cases in CASES.values() for case in cases]
    for word in WORDS:
        mine = [case for case in cases if case.word == word]
        assert [case for case in mine if case.right == (word,)], f"{word} is not provoked"
        assert [case for case in mine if word not in case.right], f"{word} has no reverse"


@pytest.mark.parametrize("name", CASES)
def test_its_plan_is_one_and_asks_for_a_database_only_where_it_needs_one(name: str, tmp_path: Path) -> None:
    entry, cases = CASES[name]
    plan = load_plan(write_plan(name, document_of(entry, cases), tmp_path))
    assert {cell.name for cell in plan.cells} == {case.cell for case in cases}
    assert plan.needs == (("database",) if name.startswith("database") else ())


def test_a_case_that_does_not_say_why_is_refused() -> None:
    defaults = {"variant": "flask-werkzeug", "workload": "none", "generator": "locust-http", "users": 10}
    with pytest.raises(ValueError, match="why is that the right word"):
        Case.of({"word": "database", "expect": "server-cpu"}, defaults)
    with pytest.raises(ValueError, match="databse"):
        Case.of({"word": "databse"}, defaults)
    known = Case.of({"word": "database", "workload": {"db_khashes": 0.5, "wait_ms": 5}}, defaults)
    assert known.workload == "db-0p5-wait-5"
