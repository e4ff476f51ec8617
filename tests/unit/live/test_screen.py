"""What a terminal shows of the trial under way."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from collect.live.curves import bar, curve
from collect.live.lines import finished
from collect.live.read import LIVE
from collect.live.screen import Screen, block, drawn
from collect.live.write import append
from tests.support.plans import small_plan
from tests.support.streamed import LOAD, seconds
from tests.support.terminal import Terminal

FIRST, SECOND, *_ = small_plan().trials()
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def shown(told: list[dict[str, Any]], columns: int = 140, rows: int = 40, **options: Any) -> list[str]:
    return block(told, columns, rows, **{"colour": False, **options})


def test_a_wide_terminal_shows_all_in_two_columns() -> None:
    empty, progress, title, load, hosts = shown(seconds(FIRST)[:-1])
    assert empty == ""
    assert progress.startswith("  ░░")
    assert "trial 1 of 6  window 3 of 3 s  1:30 left" in progress
    assert title == f"  {FIRST.cell.name}  1 failed"
    assert re.search(r"req/s +423  .*p95 +25\.6 ms", load)
    assert re.search(r"server +0\.81/2 cpus .*client +0\.96/2 cpus", hosts)


def test_curves_rise_with_their_figures() -> None:
    load = shown(seconds(FIRST)[:-1])[3]
    shape = load.split("423", 1)[1].split("p95")[0].strip()
    assert len(shape) == 7, "a block a second"
    assert shape[0] == "▁"
    assert shape[1] in "▅▆"
    assert set(shape[-3:]) == {"█"}


def test_a_narrow_terminal_shows_one_curve_a_row() -> None:
    rows = shown(seconds(FIRST), columns=60)
    assert len(rows) == 7
    assert [row.split()[0] for row in rows[3:]] == ["req/s", "p95", "server", "client"]


def test_the_time_left_is_still_there_in_forty_columns() -> None:
    assert shown(seconds(FIRST)[:-1], columns=40)[1] == "  1 of 6  window 3 of 3 s  1:30 left"


@pytest.mark.parametrize("rows", [1, 2, 8])
def test_a_low_terminal_shows_one_row(rows: int) -> None:
    [row] = shown(seconds(FIRST)[:-1], rows=rows)
    assert "trial 1 of 6  window 3 of 3 s  423 req/s  p95 25.6 ms  server 0.81/2 cpus" in row


@pytest.mark.parametrize("columns", [*range(1, 30), 59, 60, 61, 80, 99, 100, 101, 250])
@pytest.mark.parametrize("rows", [5, 30])
def test_no_row_is_as_wide_as_the_terminal(columns: int, rows: int) -> None:
    for colour in (False, True):
        for row in shown(seconds(FIRST), columns, rows, colour=colour):
            assert len(COLOUR.sub("", row)) <= max(1, columns - 1)


def test_no_colour_is_no_escape_at_all() -> None:
    assert not [row for row in shown(seconds(FIRST)) if "\x1b" in row]
    assert [row for row in shown(seconds(FIRST), colour=True) if "\x1b[36m" in row]


@pytest.mark.parametrize(
    ("index", "said"), [(0, "the app is awaited"), (1, "ramp"), (3, "warm-up"), (-1, "the load has ended")]
)
def test_the_phase_is_said(index: int, said: str) -> None:
    told = seconds(FIRST)
    until = told[: index + 1] if index >= 0 else told
    assert said in shown(until)[1]


def test_when_the_load_has_ended_its_last_figures_stay() -> None:
    assert re.search(r"req/s +423 ", shown(seconds(FIRST))[3])


def test_a_run_that_may_end_early_says_so() -> None:
    assert "trial 1 of at most 6" in shown(seconds(FIRST), at_most=True)[1]


def test_kinds_of_trials_are_named_and_nothing_reaches_the_controls() -> None:
    told = [{**line, "trial_kind": "probe", "cell": "\x1b[2Jx\n"} for line in seconds(FIRST)]
    assert shown(told)[2].startswith("   [2Jx   probe")


@pytest.mark.parametrize("missing", [None, "many", True, {}, float("nan"), -1e300])
def test_lines_of_another_making_are_shown_as_far_as_they_go(missing: Any) -> None:
    odd = [dict.fromkeys(line, missing) | {"trial_id": "t"} for line in seconds(FIRST)]
    for columns, rows in ((140, 40), (60, 40), (60, 4)):
        assert all(row.isprintable() for row in shown(odd, columns, rows))
    assert shown([{"trial_id": "t"}])[2] == "  t"


@pytest.fixture
def telling(tmp_path: Path) -> tuple[Path, Screen]:
    for line in seconds(SECOND):
        append(tmp_path, line)
    return tmp_path, Screen(tmp_path / LIVE)


def test_what_was_told_before_is_not_shown(telling: tuple[Path, Screen]) -> None:
    folder, screen = telling
    assert not screen.read()
    assert screen.draw(140, 40, colour=False) == ""
    append(folder, seconds(FIRST)[0])
    assert screen.read()
    assert not screen.read(), "nothing new"
    assert FIRST.cell.name in screen.draw(140, 40, colour=False)


def test_each_trial_begins_its_own_curves(telling: tuple[Path, Screen]) -> None:
    folder, screen = telling
    for line in seconds(FIRST):
        append(folder, line)
    append(folder, finished(FIRST.to_json(), {"rps": 1.0, "validity": "valid"}, 1.0))
    append(folder, seconds(SECOND, LOAD[:2])[1])
    assert screen.read()
    load = screen.draw(140, 40, colour=False).split("\n")[3]
    assert load.split("288", 1)[1].split("p95")[0].strip() == "█"


def test_a_trial_on_record_draws_nothing_by_itself(telling: tuple[Path, Screen]) -> None:
    folder, screen = telling
    append(folder, finished(FIRST.to_json(), {"rps": 1.0, "validity": "valid"}, 1.0))
    assert not screen.read()


def test_a_file_that_comes_later_and_goes_again(tmp_path: Path) -> None:
    screen = Screen(tmp_path / LIVE)
    assert not screen.read()
    append(tmp_path, seconds(FIRST)[0])
    assert screen.read()
    (tmp_path / LIVE).unlink()
    assert not screen.read()
    assert screen.draw(80, 24, colour=False)


def test_drawing_leaves_what_was_said_and_rests_at_its_begin() -> None:
    terminal = Terminal(40, 10)
    terminal.feed("said\n" + drawn(["", "one", "two"]) + drawn(["", "three"]))
    assert terminal.lines() == ["said", "", "three"]
    terminal.feed("^C[ERROR]: interrupted\n" + drawn(["", "four"]))
    assert terminal.lines() == ["said", "^C[ERROR]: interrupted", "", "four"]


@pytest.mark.parametrize(
    ("values", "top", "width", "expected"),
    [
        ([0, 1, 2, 4], 4, 4, "▁▃▅█"),
        ([1, None, 9, -1], 1, 6, "█ █▁  "),
        ([1, 2, 3], 3, 2, "▆█"),
        ([0, 0], 0, 2, "▁▁"),
        ([], 1, 3, "   "),
        ([1], 1, 0, ""),
        ([1], 1, -4, ""),
    ],
)
def test_a_curve(values: list[float | None], top: float, width: int, expected: str) -> None:
    assert curve(values, top, width) == expected


def test_a_bar() -> None:
    assert bar(0.5, 4) == "██░░"
    assert bar(7, 3) == "███"
    assert bar(-1, 3) == "░░░"


def test_a_long_trial_shows_its_last_minute(tmp_path: Path) -> None:
    screen = Screen(tmp_path / LIVE)
    window = seconds(FIRST)[4]
    for second in range(200):
        told = {"second": second, "window_second": second, "window_s": 300.0, "rps": 1000.0 - second}
        append(tmp_path, {**window, **told})
    assert screen.read()
    rows = screen.draw(300, 40, colour=False).split("\n")
    assert "window 199 of 300 s" in rows[1]
    shape = rows[3].split("801", 1)[1].split("p95")[0].strip()
    assert len(shape) == 60
    assert (shape[0], shape[-1]) == ("█", "█"), "860 down to 801: full at the most that is shown"
