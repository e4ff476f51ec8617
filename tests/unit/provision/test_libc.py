from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from collect.provision.libc import needed_libc


@pytest.mark.parametrize(
    ("content", "needed"),
    [
        (b"\0GLIBC_2.9\0GLIBC_2.17\0\0GLIBC_2.2.5\0", "glibc-2.17"),
        (b"\0libc.so.6\0\0GLIBC_2.4\0", "glibc-2.4"),
        (b"what a text says of GLIBC_2.99 is no need", ""),
        (b"\0GLIBC_PRIVATE\0", ""),
        (b"", ""),
    ],
)
def test_the_newest_that_a_symbol_is_bound_to(tmp_path: Path, content: bytes, needed: str) -> None:
    (tmp_path / "python.tar").write_bytes(content)
    assert needed_libc(tmp_path / "python.tar") == needed


def test_no_archive(tmp_path: Path) -> None:
    assert needed_libc(tmp_path / "none.tar") == ""
    assert needed_libc(tmp_path) == "", "a folder is none"


def test_a_real_program() -> None:
    """This Python runs here, so it needs nothing newer than what there is."""
    kind, there = platform.libc_ver()
    needed = needed_libc(Path(sys.executable).resolve())
    if kind != "glibc" or not needed:
        pytest.skip("this Python is bound to no glibc")
    assert tuple(map(int, needed.removeprefix("glibc-").split("."))) <= tuple(map(int, there.split(".")))
