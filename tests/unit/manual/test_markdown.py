from __future__ import annotations

from collect.manual.markdown import code, table


def test_a_table_is_not_ended_by_what_a_cell_says() -> None:
    assert table(("a", "b"), [("x | y", "two\nlines  and more"), ("", "{{ z | default('') }}")]) == [
        "| a | b |",
        "| --- | --- |",
        "| x \\| y | two lines and more |",
        "|  | {{ z \\| default('') }} |",
    ]


def test_figures_stand_to_the_right() -> None:
    assert table(("cell", "rps", "ms"), [("a", "1", "2")], left=1)[1:] == ["| --- | ---: | ---: |", "| a | 1 | 2 |"]


def test_nothing_is_no_code() -> None:
    assert (code("x"), code("")) == ("`x`", "")
