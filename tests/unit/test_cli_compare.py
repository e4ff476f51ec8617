"""``collect compare`` and ``collect trend`` as a user or CI meets them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from collect.cli import main
from tests.support.many_runs import FLASK, STARLETTE, ManyRuns

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> ManyRuns:
    """16 runs; in the last 6 Flask is a fifth slower, on the same machine but for the very last."""
    runs = ManyRuns(tmp_path_factory.mktemp("runs"))
    for number in range(16):
        flask = 400 * (0.8 if number >= 10 else 1) * (1 + number % 3 / 1000)
        runs.add(
            {FLASK: [flask * 0.99, flask, flask * 1.01, flask], STARLETTE: [900, 910, 890, 900 + number % 2]},
            commit=f"{number:x}" * 40,
        )
    return runs


def said(capsys: Capture, expected: int, *arguments: str) -> str:
    assert main(arguments) == expected, capsys.readouterr().err
    return capsys.readouterr().out


def told(capsys: Capture, *arguments: str) -> str:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_compare_says_yes_and_no(runs: ManyRuns, capsys: Capture) -> None:
    ids, where = runs.archive.run_ids(), ("--archive", str(runs.path))
    table = said(capsys, 1, "compare", ids[0], ids[-1], *where)
    lines = [line.split("\t") for line in table.splitlines()]
    assert lines[0][:2] == ["cell", "blocks"]
    assert [line[5] for line in lines[1:3]] == ["slower", "same"]
    assert lines[1][2].startswith("0.800 (0.7")
    assert "Run to run: not known" in table
    assert said(capsys, 0, "compare", ids[0], ids[3], *where).count("\tsame\n") == 2
    whole = json.loads(said(capsys, 1, "compare", ids[0], "latest", "--json", *where))
    assert whole["different"]
    assert whole["second"] == {
        "run_id": ids[-1], "created_at": "2026-01-16T00:00:00+00:00", "plan": "small",
        "commit": "f" * 40, "dirty": False,
    }  # fmt: skip
    flask = whole["cells"][0]
    assert (flask["cell"], flask["verdict"]) == (FLASK, "slower")
    assert flask["figures"]["rps"]["ratio"] == pytest.approx(0.8, abs=0.01)
    assert flask["figures"]["cpu"]["verdict"] == "same"
    assert said(capsys, 0, "compare", ids[0], ids[-1], "--by", "cpu", *where)
    assert said(capsys, 0, "compare", ids[0], ids[-1], "--margin", "0.5", *where)


def test_trend_says_yes_and_no(runs: ManyRuns, capsys: Capture) -> None:
    where = ("--archive", str(runs.path))
    table = said(capsys, 1, "trend", FLASK, *where)
    assert "slower from 2026-01-11T00:00:00+00:00 on (aaaaaaaa; before it 99999999): 0.8" in table
    assert said(capsys, 0, "trend", FLASK, "--since", "2026-01-12", *where) == table
    assert "no change that can be told from chance" in said(capsys, 0, "trend", STARLETTE, *where)
    whole = json.loads(said(capsys, 1, "trend", FLASK, "--json", "--since", "2026-01-10", *where))
    assert (whole["worse"], whole["since"]) == (True, "2026-01-10T00:00:00+00:00")
    assert whole["changes"][0]["commit"] == "a" * 40
    assert len(whole["points"]) == 16


def test_few_runs_are_told(tmp_path: Path, capsys: Capture) -> None:
    few = ManyRuns(tmp_path)
    few.add({FLASK: [1, 2, 3]})
    assert "1 runs: a change can be told from chance with 8 or more" in said(
        capsys, 0, "trend", FLASK, "--archive", str(few.path)
    )


def test_a_refused_cell_is_a_row(runs: ManyRuns, capsys: Capture) -> None:
    other = runs.empty()
    rates = {FLASK: [400.0, 401, 402], STARLETTE: [900.0, 901, 902]}
    ids = [
        other.add(rates),
        other.add(rates, change=lambda manifest: manifest["catalog"]["variants"]["flask-werkzeug"].update(debug=True)),
    ]
    table = said(capsys, 0, "compare", *ids, "--archive", str(other.path))
    assert f"{FLASK}\t\t\t\t\trefused\tvariant (debug): False / True" in table
    assert "\tsame\n" in said(capsys, 0, "compare", *ids, "--despite", "variant, cpu", "--archive", str(other.path))


def test_bad_input_is_told_in_one_line(runs: ManyRuns, capsys: Capture) -> None:
    where = ("--archive", str(runs.path))
    ids = runs.archive.run_ids()
    assert "cannot be compared with itself" in told(capsys, "compare", "latest", ids[-1], *where)
    assert "there is no run" in told(capsys, "compare", "nope", ids[-1], *where)
    assert "repeats no other" in told(capsys, "compare", ids[0], *where)
    assert "Missing argument" in told(capsys, "compare", *where)
    for margin in ("0", "1", "-1", "nan", "x"):
        assert "--margin" in told(capsys, "compare", ids[0], ids[1], "--margin", margin, *where)
    assert 'did you mean "kernel"' in told(capsys, "compare", ids[0], ids[1], "--despite", "kernell", *where)
    assert "--by" in told(capsys, "compare", ids[0], ids[1], "--by", "latency", *where)
    assert f'did you mean "{FLASK}"' in told(capsys, "trend", "flask-werkzeug.redis", *where)
    assert "is no date" in told(capsys, "trend", FLASK, "--since", "x", *where)
    assert "known are" in told(capsys, "trend", "zzz", "--archive", str(runs.path))


def test_many_runs_are_read_fast(template_of_many: ManyRuns, capsys: Capture) -> None:
    begin = time.monotonic()
    said(capsys, 0, "trend", FLASK, "--archive", str(template_of_many.path))
    assert time.monotonic() - begin < 4


@pytest.fixture(scope="module")
def template_of_many(tmp_path_factory: pytest.TempPathFactory) -> ManyRuns:
    many = ManyRuns(tmp_path_factory.mktemp("many"))
    for number in range(40):
        many.add({FLASK: [400 + number % 7, 401, 402]})
    return many
