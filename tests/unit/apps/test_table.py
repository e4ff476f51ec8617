from __future__ import annotations

import json
import sys
import threading
from types import ModuleType
from typing import Any

import pytest

from apps.options import Options
from apps.table import NAME_LENGTH, as_json, as_text, name_in, students
from tests.unit.apps.test_options import ENV

DATABASE = {**ENV, "DATABASE_NAME": "bench", "DATABASE_PASSWORD": "x"}


class Made:
    """Stands for either module's Students."""

    count = 0

    def __init__(self, database: Any) -> None:
        assert database.name == "bench"
        Made.count += 1


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> str:
    made = ModuleType("made_up_students")
    made.Students = Made  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, made.__name__, made)
    monkeypatch.setattr(Made, "count", 0)
    return made.__name__


def test_it_is_loaded_when_it_is_first_wanted_and_once(module: str) -> None:
    table = students(Options.from_env(DATABASE), module)
    assert Made.count == 0
    threads = [threading.Thread(target=table) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Made.count == 1
    assert table() is table()


def test_it_is_loaded_at_once_where_the_workload_asks_for_it(module: str) -> None:
    students(Options.from_env({**DATABASE, "APP_WORKLOAD": json.dumps({"db_selects": 1})}), module)
    assert Made.count == 1


@pytest.mark.parametrize("workload", ["{}", '{"db_selects": 1}'])
def test_without_a_database_the_app_starts_and_asking_fails(module: str, workload: str) -> None:
    table = students(Options.from_env({**ENV, "APP_WORKLOAD": workload}), module)
    for _ in range(2):
        with pytest.raises(LookupError, match=r"there is no database \(environment\): set DATABASE_NAME"):
            table()


def test_rows_as_they_are_answered() -> None:
    rows = [(1, "student-1"), (7, "grüße")]
    assert as_json(rows) == [{"id": 1, "name": "student-1"}, {"id": 7, "name": "grüße"}]
    assert as_text(rows) == "1 student-1\n7 grüße"
    assert (as_json([]), as_text([])) == ([], "")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"name": "student"}, "student"),
        ({"name": "x" * NAME_LENGTH, "more": 1}, "x" * NAME_LENGTH),
        ({"name": "x" * (NAME_LENGTH + 1)}, ""),
        ({"name": ""}, ""),
        ({"name": None}, ""),
        ({}, ""),
        (None, ""),
        (["name"], ""),
        ("name", ""),
    ],
)
def test_only_a_name_that_fits_is_taken(body: Any, name: str) -> None:
    assert name_in(body) == name
