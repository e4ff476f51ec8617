"""A run against the one that it repeats: one answer, and what changed meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from collect.cli import main
from collect.compare.again import DIFFERENT, UNSURE, again_data, compare_again
from collect.compare.runs import SAME, UNKNOWN
from collect.errors import BenchError
from tests.support.many_runs import FLASK, STARLETTE, ManyRuns

AROUND = [0.99, 1.0, 1.01, 1.0, 0.995, 1.005]
Change = Callable[[dict[str, Any]], object]


def rates(flask: float = 400, starlette: float = 900) -> dict[str, list[float]]:
    means = {FLASK: flask, STARLETTE: starlette}
    return {cell: [mean * share for share in AROUND] for cell, mean in means.items()}


def kernel(manifest: dict[str, Any]) -> None:
    manifest["hosts"]["server1"].update(kernel="6.9")


def pair(
    runs: ManyRuns,
    second: dict[str, list[float]] | None = None,
    change: Change | None = None,
    *,
    asked: bool = True,
    despite: tuple[str, ...] = (),
    commit: str | None = "b" * 40,
) -> tuple[str, str]:
    """Add a run, and one that repeats it; return their ids."""
    first = runs.add(rates(), commit="a" * 40)

    def repeating(manifest: dict[str, Any]) -> None:
        manifest["repeats"] = {"run_id": first, "asked": asked, "despite": list(despite)}
        if change:
            change(manifest)

    return first, runs.add(second or rates(), commit=commit, change=repeating)


def test_the_same(runs: ManyRuns) -> None:
    first, second = pair(runs, commit="a" * 40)
    again = compare_again(runs.archive, second)
    assert (again.verdict, again.differing, again.changed) == (SAME, [], [])
    assert again.lines == [
        f"The same as {first} (2026-01-01): of 2 cells each is within 5 %, by RPS.",
        "Under the same conditions: machines, kernel, versions and settings.",
        "By the same code, aaaaaaaa.",
    ]


def test_not_the_same(runs: ManyRuns) -> None:
    first, second = pair(runs, rates(flask=320))
    again = compare_again(runs.archive, second)
    assert again.verdict == DIFFERENT
    assert [cell.cell for cell in again.differing] == [FLASK]
    assert again.lines[0].startswith(
        f"Not the same as {first} (2026-01-01): 1 of 2 cells differs, by RPS: {FLASK} slower 0.8"
    )
    assert again.lines[0].endswith("; 1 within 5 %, 0 not known.")
    assert again.lines[2] == "The code was aaaaaaaa, now it was bbbbbbbb."
    other = runs.empty()
    both = compare_again(other.archive, pair(other, rates(320, 700))[1])
    assert "2 of 2 cells differ, by RPS" in both.lines[0]


def test_not_known(runs: ManyRuns) -> None:
    first, second = pair(runs, {FLASK: [400.0, 401.0], STARLETTE: rates()[STARLETTE]})
    again = compare_again(runs.archive, second)
    assert again.verdict == UNKNOWN
    told = f"No difference from {first} (2026-01-01) that can be told, by RPS: 1 within 5 %, 1 not known."
    assert again.lines[0] == told


def test_what_changed_is_named_and_of_a_run_that_is_just_alike_refuses_nothing(runs: ManyRuns) -> None:
    _, second = pair(runs, change=kernel, asked=False)
    again = compare_again(runs.archive, second)
    assert again.verdict == SAME
    assert again.lines[1] == "What changed meanwhile: kernel (kernel of server): 6.1.0 / 6.9."
    assert again.found.despite == ("kernel",)


def test_of_a_rerun_only_what_was_allowed_may_differ(runs: ManyRuns) -> None:
    _, refused = pair(runs, change=kernel)
    with pytest.raises(BenchError, match="no cell can be compared"):
        compare_again(runs.archive, refused)
    assert compare_again(runs.archive, refused, despite={"kernel"}).verdict == SAME
    _, allowed = pair(runs, change=kernel, despite=("inventory", "kernel", "variables"))
    again = compare_again(runs.archive, allowed)
    assert (again.verdict, again.found.despite) == (SAME, ("kernel",))
    assert "6.1.0 / 6.9" in again.lines[1]


def test_a_cell_that_is_refused_is_no_sameness(runs: ManyRuns) -> None:
    def variant(manifest: dict[str, Any]) -> None:
        manifest["catalog"]["variants"]["flask-werkzeug"].update(debug=True)

    again = compare_again(runs.archive, pair(runs, change=variant)[1])
    assert again.verdict == UNKNOWN
    assert "1 within 5 %, 0 not known, 1 not compared" in again.lines[0]
    data = again_data(again)
    assert list(data["refused"]) == [FLASK]
    assert (data["verdict"], data["differing"], len(data["cells"])) == ("unknown", 0, 1)
    assert json.loads(json.dumps(data)) == data


def test_what_cannot_be_held_against_anything(runs: ManyRuns) -> None:
    first, second = pair(runs)
    with pytest.raises(BenchError, match="repeats no other"):
        compare_again(runs.archive, first)
    (runs.archive.folder(first) / "SHA256SUMS").unlink()
    with pytest.raises(BenchError, match=f"the run {first}, which it repeats, is not in the archive"):
        compare_again(runs.archive, second)


def test_many_changes_are_told_in_a_line(runs: ManyRuns) -> None:
    def much(manifest: dict[str, Any]) -> None:
        manifest["hosts"]["server1"].update(kernel="6.9", cpu_set="7", distribution="Other\nOS", clock_source="hpet")

    again = compare_again(runs.archive, pair(runs, change=much, asked=False)[1])
    assert again.lines[1].endswith("; and 1 more.")
    assert len(again.changed) == 4


def test_the_command_takes_one_run(runs: ManyRuns, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = pair(runs, rates(flask=320), kernel, asked=False)
    where = ("--archive", str(runs.path))
    assert main(["compare", second, *where]) == 1
    said = capsys.readouterr().out
    assert f"Not the same as {first}" in said
    assert "What changed meanwhile: kernel" in said
    assert main(["compare", "latest", "--json", *where]) == 1
    whole = json.loads(capsys.readouterr().out)
    assert (whole["answer"], whole["repeats"]["run_id"], whole["different"]) == ("different", first, True)
    assert main(["compare", "latest", "--by", "cpu", *where]) == 0
    assert main(["compare", first, *where]) == 2
    assert "repeats no other" in capsys.readouterr().err


def test_a_difference_is_no_surer_than_repeated_runs_allow(runs: ManyRuns) -> None:
    """Where no run was repeated it is said; with three of one commit how far they lie apart is counted."""
    _, second = pair(runs, rates(flask=320))
    assert compare_again(runs.archive, second).lines[3:] == [UNSURE]
    for mean in (400, 402, 398):
        runs.add(rates(flask=mean), commit="a" * 40)
    _, second = pair(runs, rates(flask=320))
    again = compare_again(runs.archive, second)
    assert (again.verdict, again.lines[3:]) == (DIFFERENT, [])


def test_of_another_number_of_clients_that_alone_is_told(runs: ManyRuns) -> None:
    def client(manifest: dict[str, Any]) -> None:
        manifest["hosts"]["client2"] = manifest["hosts"]["client1"]
        manifest["trials"][0]["clocks"]["client2"] = {}

    _, second = pair(runs, change=client, despite=("clients",))
    again = compare_again(runs.archive, second)
    assert again.lines[1] == "What changed meanwhile: number of clients: 1 / 2."
    assert again.verdict == SAME
