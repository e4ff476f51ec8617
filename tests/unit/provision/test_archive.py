from __future__ import annotations

import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from collect.provision.archive import MTIME, digest, files_of, pack, sha256


def tree(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "run").write_text("#!/bin/sh\n")
    (folder / "bin" / "run").chmod(0o750)
    (folder / "bin" / "link").symlink_to("run")
    (folder / "notes.txt").write_text("notes\n")
    return folder


def packed(folder: Path, to: Path) -> Path:
    pack(folder, files_of(folder), to)
    return to


def test_the_same_contents_are_the_same_bytes(tmp_path: Path) -> None:
    one, other = tree(tmp_path / "one"), tree(tmp_path / "other")
    os.utime(other / "notes.txt", (1, 1))
    (other / "notes.txt").chmod(0o600)
    assert sha256(packed(one, tmp_path / "1.tar")) == sha256(packed(other, tmp_path / "2.tar"))
    assert digest(one, files_of(one)) == digest(other, files_of(other))


CHANGES: list[Callable[[Path], object]] = [
    lambda folder: (folder / "notes.txt").write_text("other\n"),
    lambda folder: (folder / "notes.txt").rename(folder / "note.txt"),
    lambda folder: (folder / "notes.txt").chmod(0o755),
    lambda folder: (folder / "bin" / "link").unlink(),
]


@pytest.mark.parametrize("change", CHANGES)
def test_names_modes_links_and_contents_count(tmp_path: Path, change: Callable[[Path], object]) -> None:
    folder = tree(tmp_path / "one")
    before = digest(folder, files_of(folder))
    change(folder)
    assert digest(folder, files_of(folder)) != before


def test_what_is_packed_is_of_root_and_of_one_time(tmp_path: Path) -> None:
    with tarfile.open(packed(tree(tmp_path / "one"), tmp_path / "1.tar")) as tar:
        assert tar.getnames() == ["bin/link", "bin/run", "notes.txt"]
        assert {(member.uid, member.gid, member.uname, member.mtime) for member in tar} == {(0, 0, "root", MTIME)}
        assert {member.name: member.mode for member in tar if member.isfile()} == {"bin/run": 0o755, "notes.txt": 0o644}


def test_patterns_choose(tmp_path: Path) -> None:
    folder = tree(tmp_path / "one")
    assert [path.name for path in files_of(folder, "*.txt", "bin/r*")] == ["run", "notes.txt"]
