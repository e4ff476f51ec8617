from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from collect.archive.entries import Entry
from collect.archive.filters import Filters, fitting, select
from collect.archive.labels import TAG, UNTAG, add
from collect.archive.store import Archive
from collect.cli.filters import filter_options
from collect.errors import BenchError
from tests.support.many_runs import FLASK, STARLETTE, ManyRuns

NOWHERE = Path("/none")


def entry(day: int, **said: Any) -> Entry:
    texts = [json.dumps(said.pop(name, empty)) for name, empty in (("cells", []), ("cpu_models", {}))]
    plain = Entry(
        f"202601{day:02d}T120000Z-{day:06x}", NOWHERE, "quick", "local", f"2026-01-{day:02d}T12:00:01+00:00",
        f"2026-01-{day:02d}T13:00:00+00:00", "valid", (), 6, f"{day % 10}" * 40, False, 2, (*texts, "{}", "[]"),
    )  # fmt: skip
    return replace(plain, **said)


ENTRIES = [
    entry(1, cells=[FLASK], cpu_models={"server1": "Intel(R) Core(TM) i7-12700F", "client1": "i7-8700"}),
    entry(2, cells=[FLASK, STARLETTE], cpu_models={"server1": "AMD EPYC [rev. 2]"}, plan="table", validity="degraded"),
    entry(3, inventory="lab-berlin", git_commit="ABCDEF" + "0" * 34),
    entry(4, plan="", inventory="", validity="unreadable", problem="it is damaged", git_commit=None, created_at=""),
]


def days(**said: Any) -> list[int]:
    """Return the days of the runs that fit."""
    found = fitting(None, ENTRIES, Filters(**said))  # type: ignore[arg-type]  # no filter that asks the archive
    return [int(entry.run_id[6:8]) for entry in found]


@pytest.mark.parametrize(
    ("said", "fit"),
    [
        ({}, [1, 2, 3, 4]),
        ({"since": "2026-01-02"}, [2, 3, 4]),
        ({"since": "20260102"}, [2, 3, 4]),
        ({"since": "2026-01-02T12:00:01"}, [2, 3, 4]),
        ({"since": "2026-01-02T12:00:02"}, [3, 4]),
        ({"since": "2026-01-02T14:00:02+02:00"}, [3, 4]),
        ({"since": "20260102T120000Z-000002"}, [2, 3, 4]),
        ({"until": "2026-01-02"}, [1, 2]),
        ({"until": "2026-01-02T12:00:01Z"}, [1, 2]),
        ({"until": "2026-01-02T12:00:00Z"}, [1]),
        ({"until": "20260102T120000Z-000002"}, [1, 2]),
        ({"since": "2026-01-02", "until": "2026-01-02"}, [2]),
        ({"since": "2026-01-05"}, []),
        ({"plan": "quick"}, [1, 3]),
        ({"plan": "QUICK"}, [1, 3]),
        ({"plan": "qui"}, []),
        ({"plan": "*"}, [1, 2, 3]),
        ({"inventory": "lab*"}, [3]),
        ({"cpu_model": "i7"}, [1]),
        ({"cpu_model": "core(tm) I7"}, [1]),
        ({"cpu_model": "[rev. 2]"}, []),  # a pattern of one character
        ({"cpu_model": "*[[]rev. 2]"}, [2]),
        ({"cpu_model": "i7-8700"}, [1]),
        ({"cpu_model": "i7-????"}, [1]),
        ({"cell": "starlette"}, [2]),
        ({"cell": "FLASK*redis*"}, [1, 2]),
        ({"cell": "redis*"}, []),
        ({"cell": "redis"}, [1, 2]),
        ({"cell": "."}, [1, 2]),
        ({"cell": "flask.werkzeug"}, []),  # a dot is a dot
        ({"validity": "valid"}, [1, 3]),
        ({"validity": "unreadable"}, [4]),
        ({"commit": "abc"}, [3]),
        ({"commit": "2222"}, [2]),
        ({"commit": ""}, []),
        ({"cell": "flask", "validity": "degraded", "since": "2026-01-01"}, [2]),
    ],
)
def test_runs_that_fit(said: dict[str, Any], fit: list[int]) -> None:
    assert days(**said) == fit


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"since": "yesterday"}, '"yesterday" is no date, no moment and no run (--since): give one such as'),
        ({"until": "2026-13-01"}, "(--until)"),
        ({"since": ""}, "is no date"),
        ({"since": "20261301T000000Z-000000"}, "is no date"),
        ({"validity": "good"}, '"good" is no validity (--validity): use one of valid, degraded, invalid, unreadable'),
    ],
)
def test_what_is_no_filter_is_told_before_anything_is_read(said: dict[str, Any], told: str) -> None:
    with pytest.raises(BenchError) as error:
        Filters(**said)
    assert told in str(error.value)


@pytest.mark.parametrize("text", ["[", "*[", "\\", "(", "a{2}", "[!-"])
def test_text_that_is_half_a_pattern_fits_nothing_and_breaks_nothing(text: str) -> None:
    assert days(cell=text) == days(plan=text) == []


def test_tags_are_asked_of_the_runs_that_fit_otherwise(tmp_path: Path) -> None:
    runs = ManyRuns(tmp_path)
    first, second, third = (runs.add({FLASK: [1, 2, 3]}) for _ in range(3))
    archive = Archive(runs.path)
    for run_id in (first, third):
        add(archive, run_id, TAG, "baseline")
    assert [found.run_id for found in select(archive, Filters(tag="baseline"))] == [first, third]
    assert [found.run_id for found in select(archive, Filters(tag="baseline", since=second))] == [third]
    add(archive, third, UNTAG, "baseline")
    assert [found.run_id for found in select(archive, Filters(tag="baseline", indexed=False))] == [first]
    assert select(archive, Filters(tag="Baseline")) == []


def test_a_command_gets_its_filters() -> None:
    seen: list[Any] = []

    @click.command()
    @filter_options
    @click.option("--own", "plan")
    def asked(filters: Filters, plan: str | None) -> None:
        seen.append(filters)

    def given(*words: str) -> Filters:
        result = CliRunner().invoke(asked, words, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        found: Filters = seen[-1]
        return found

    assert given() == Filters()
    assert given("--since", "2026-01-01", "--cpu-model", "i7") == Filters(since="2026-01-01", cpu_model="i7")
    assert given("--no-index", "--cell", "*redis*").indexed is False
    with pytest.raises(BenchError):
        given("--validity", "x")
