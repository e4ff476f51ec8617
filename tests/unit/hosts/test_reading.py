from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collect.hosts.reading import cpus_at, number, parse_cpus, show_cpus, text


@pytest.mark.parametrize(
    ("listed", "cpus"), [("", ()), ("0", (0,)), ("0-3,6", (0, 1, 2, 3, 6)), ("4, 1-2", (1, 2, 4)), ("7,7", (7,))]
)
def test_a_list_of_cpus_is_read(listed: str, cpus: tuple[int, ...]) -> None:
    assert parse_cpus(listed) == cpus


@pytest.mark.parametrize("listed", ["3-1", "a", "-1", "0;1", "1-", "performance"])
def test_what_is_no_list_is_refused(listed: str) -> None:
    with pytest.raises(ValueError, match="is no list of CPUs such as 0-3,6"):
        parse_cpus(listed)


@given(st.sets(st.integers(0, 300)))
def test_what_is_shown_reads_the_same(cpus: set[int]) -> None:
    assert set(parse_cpus(show_cpus(cpus))) == cpus


def test_cpus_are_shown_as_the_kernel_does() -> None:
    assert show_cpus([6, 3, 2, 1, 0, 8, 9]) == "0-3,6,8-9"


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("some words\n")
    assert text(tmp_path / "words") == "some words"
    assert (text(tmp_path / "none"), number(tmp_path / "none"), cpus_at(tmp_path / "none")) == (None, None, None)
    assert (number(tmp_path / "words"), cpus_at(tmp_path / "words")) == (None, None)
