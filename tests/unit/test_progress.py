"""How far a long piece of work is: in a log, on a terminal, and nowhere in the answer."""

from __future__ import annotations

import sys

import pytest

from collect.cli import progress as module
from collect.cli.progress import duration, progress

Capture = pytest.CaptureFixture[str]


class Clock:
    """A clock that goes on by what is told."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_a_log_gets_a_line_every_now_and_then(clock: Clock, capsys: Capture) -> None:
    with progress("verifying", 1000, "runs", every_s=15) as step:
        for _ in range(400):
            clock.now_s += 0.125
            step()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "verifying runs: 120 of 1,000, about 2 min left",
        "verifying runs: 240 of 1,000, about 95 s left",
        "verifying runs: 360 of 1,000, about 80 s left",
    ]


def test_what_is_done_soon_needs_no_word(clock: Clock, capsys: Capture) -> None:
    for total in (0, 1, 20):
        with progress("verifying", total, "runs") as step:
            for _ in range(total):
                clock.now_s += 0.7
                step()
    with progress("verifying", 2, "runs") as step:
        for _ in range(2):
            step()
            clock.now_s += 100  # the last step itself is no news
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_that_goes_away(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    before = sys.stdout
    with progress("verifying", 3, "runs") as step:
        assert sys.stdout is before  # the answer may go into a file
        for _ in range(3):
            step()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "verifying runs" in captured.err


def test_the_bar_goes_away_when_the_work_fails(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(ZeroDivisionError), progress("verifying", 3, "runs"):
        1 / 0  # noqa: B018
    assert captured_shows_cursor(capsys.readouterr().err)


def captured_shows_cursor(text: str) -> bool:
    """Say whether a cursor that was hidden is shown again."""
    return text.rfind("\x1b[?25h") >= text.rfind("\x1b[?25l")


@pytest.mark.parametrize(
    ("seconds", "says"), [(0.4, "0 s"), (59.6, "60 s"), (99, "99 s"), (100, "2 min"), (5399, "90 min"), (9000, "2.5 h")]
)
def test_a_time_in_words(seconds: float, says: str) -> None:
    assert duration(seconds) == says
