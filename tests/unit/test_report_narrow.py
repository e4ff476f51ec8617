"""Tables on terminals that are too narrow for them: no word is cut, and nothing is left out."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from collect.report.terminal import CUT, FOLDED, plain_table

NAMES = ("flask-werkzeug", "starlette-equal-access-log-debug")


def printed(width: int) -> str:
    table = plain_table("redis, 10 users: mean over blocks")
    table.add_column("variant", overflow="fold")
    table.add_column("req/s", justify="right", no_wrap=True)
    table.add_column("limited by")
    table.add_column("", no_wrap=True)
    for name in NAMES:
        table.add_row(name, Text("1,234.5").append("\n± 11.0%", style="dim"), "server-app\nhigh, untested", "")
    console = Console(width=width, file=io.StringIO())
    console.print(table)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_a_wide_terminal_has_a_table() -> None:
    lines = printed(100).splitlines()
    [head] = [line for line in lines if "variant" in line]
    assert "req/s limited by" in head
    assert [line.split()[:2] for line in lines if line.startswith(NAMES)] == [[name, "1,234.5"] for name in NAMES]


def test_names_are_folded_before_the_table_is_given_up() -> None:
    lines = printed(FOLDED + len(" ± 11.0% limited by  ")).splitlines()
    assert any("req/s limited by" in line for line in lines)
    assert not any(NAMES[0] in line for line in lines)


@pytest.mark.parametrize("width", [20, 30, 36, 40, 60])
def test_no_word_is_cut(width: int) -> None:
    text = printed(width)
    assert CUT not in text
    assert max(map(len, text.splitlines())) <= width
    for part in ("1,234.5", "11.0%", "server-app", "high,", "untested"):
        assert text.count(part) == len(NAMES), part
    assert "starlette" in text


def test_a_narrow_terminal_has_a_line_for_each_figure() -> None:
    lines = [line.rstrip() for line in printed(31).splitlines()]
    begin = lines.index(NAMES[0])
    assert lines[begin:] == [
        NAMES[0],
        "  req/s: 1,234.5, ± 11.0%",
        "  limited by: server-app, high,",
        "  untested",
        NAMES[1][:31],
        NAMES[1][31:],
        "  req/s: 1,234.5, ± 11.0%",
        "  limited by: server-app, high,",
        "  untested",
    ]
