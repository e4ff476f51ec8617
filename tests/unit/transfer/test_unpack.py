"""Tars from anywhere: what may be unpacked is, to the byte, and of all else nothing."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collect.errors import BenchError
from collect.transfer import unpack as unpacking
from collect.transfer.unpack import survey, unpack

Member = tuple[tarfile.TarInfo, bytes]


def file(name: str, content: bytes = b"x", **attributes: object) -> Member:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, content


def special(name: str, kind: bytes, target: str = "") -> Member:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def tar(path: Path, *members: Member, form: int = tarfile.PAX_FORMAT, mode: str = "w:gz") -> Path:
    """Write a tar, whatever is in it."""
    opened: Any = tarfile.open
    with opened(path, mode, format=form) as made:
        for info, content in members:
            made.addfile(info, io.BytesIO(content))
    return path


def refused(path: Path, tmp_path: Path, **limits: int) -> str:
    """Return what is said of a tar that may not be unpacked, by both of its readings alike."""
    with pytest.raises(BenchError) as first:
        survey(path, **limits)
    folder = tmp_path / "unpacked"
    folder.mkdir()
    with pytest.raises(BenchError) as second:
        unpack(path, folder, **limits)
    assert str(first.value) == str(second.value)
    assert str(first.value).isprintable()
    return str(first.value)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_what_is_packed_comes_out(tmp_path: Path, form: int, mode: str) -> None:
    contents = {
        "run/manifest.json": b"{}",
        "run/logs/" + "a" * 90 + "/" + "b" * 80 + ".log": b"y" * 100_000,
        "run/empty": b"",
        "run/whole-blocks": b"z" * 1024,
        "run/über": b"u",
    }
    directory = tarfile.TarInfo("run/folder")
    directory.type = tarfile.DIRTYPE
    members = [file(name, content) for name, content in contents.items()]
    path = tar(tmp_path / "run.tar", (directory, b""), *members, form=form, mode=mode)
    assert survey(path) == sum(map(len, contents.values()))
    folder = tmp_path / "unpacked"
    folder.mkdir()
    unpack(path, folder)
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == contents
    assert (folder / "run" / "folder").is_dir()


def test_names_may_begin_at_the_folder_itself(tmp_path: Path) -> None:
    root = tarfile.TarInfo(".")
    root.type = tarfile.DIRTYPE
    path = tar(tmp_path / "run.tgz", (root, b""), file("./a/./b"))
    folder = tmp_path / "unpacked"
    folder.mkdir()
    unpack(path, folder)
    assert [each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()] == ["a/b"]


@pytest.mark.parametrize(
    ("member", "says"),
    [
        (file("../out"), "lies outside"),
        (file("run/../../out"), "lies outside"),
        (file("/tmp/out"), "lies outside"),
        (file("a/" * 20 + "deep"), "too deep"),
        (file("run/\x1b[31mred"), "is no name of a file of a run"),
        (file("run/two\nlines"), "is no name of a file of a run"),
        (file("run/back\\slash"), "is no name of a file of a run"),
        (file("run/" + "n" * 256), "is no name of a file of a run"),
        (special("run/link", tarfile.SYMTYPE, "/etc/passwd"), "neither a plain file nor a folder"),
        (special("run/link", tarfile.SYMTYPE, "manifest.json"), "neither a plain file nor a folder"),
        (special("run/link", tarfile.LNKTYPE, "run/manifest.json"), "neither a plain file nor a folder"),
        (special("run/pipe", tarfile.FIFOTYPE), "neither a plain file nor a folder"),
        (special("run/device", tarfile.CHRTYPE), "neither a plain file nor a folder"),
        (special("run/disk", tarfile.BLKTYPE), "neither a plain file nor a folder"),
    ],
)
def test_members_that_are_no_files_of_a_run(tmp_path: Path, member: Member, says: str) -> None:
    path = tar(tmp_path / "evil.tgz", file("run/manifest.json"), member)
    assert says in refused(path, tmp_path)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path.parent / "out").exists()


def test_a_file_may_not_come_twice_nor_be_a_folder_too(tmp_path: Path) -> None:
    for number, members in enumerate(((file("a"), file("a")), (file("a"), file("a/b")), (file("a/b"), file("./a/b")))):
        path = tar(tmp_path / f"{number}.tgz", *members)
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(BenchError, match="comes twice"):
            unpack(path, folder)
        assert [each.read_bytes() for each in folder.rglob("*") if each.is_file()] == [b"x"]


def test_a_bomb_is_found_before_it_goes_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_BYTES", 2**20)
    zeros = tar(tmp_path / "zeros.tgz", file("run/zeros", bytes(2**20 + 1)))
    assert zeros.stat().st_size < 2**12
    assert "would unpack to more than" in refused(zeros, tmp_path)
    assert list((tmp_path / "unpacked").rglob("*")) == []


def test_a_length_that_is_only_claimed_counts(tmp_path: Path) -> None:
    info = tarfile.TarInfo("run/huge")
    info.size = 2**40
    path = tmp_path / "claims.tgz"
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)))
    assert "would unpack to more than" in refused(path, tmp_path)


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_FILES", 10)
    path = tar(tmp_path / "many.tgz", *(file(f"run/{number}", b"") for number in range(11)))
    assert "would unpack to more than 10 files" in refused(path, tmp_path)


def test_more_than_there_is_room_for(tmp_path: Path) -> None:
    path = tar(tmp_path / "run.tgz", file("run/a", bytes(3 * 2**20)))
    assert "the 2 MiB that are free" in refused(path, tmp_path, room_bytes=2 * 2**20)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_as_long_as_memory_is_not_read(tmp_path: Path, kind: bytes) -> None:
    """The reader of a tar takes such a header into memory whole, however long it says it is."""
    info = tarfile.TarInfo("header")
    info.type, info.size = kind, 2**33
    path = tmp_path / "header.tgz"
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(2**20)))
    assert "a header is too long" in refused(path, tmp_path)


def test_headers_within_headers_come_to_an_end(tmp_path: Path) -> None:
    info = tarfile.TarInfo("header")
    info.type, info.size = tarfile.XHDTYPE, 0
    path = tmp_path / "nested.tgz"
    path.write_bytes(gzip.compress(info.tobuf(tarfile.USTAR_FORMAT) * 5000 + bytes(1024)))
    assert "cannot be read as a tar" in refused(path, tmp_path)


def test_holes_are_not_taken_for_content(tmp_path: Path) -> None:
    sparse = file("run/sparse", b"", type=tarfile.GNUTYPE_SPARSE)
    path = tar(tmp_path / "sparse.tgz", sparse, form=tarfile.GNU_FORMAT)
    assert "neither a plain file nor a folder" in refused(path, tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"hello" * 1000,
        lambda content: os.urandom(5000),
        lambda content: content[: len(content) // 2],
        lambda content: b"\x1f\x8b\x08" + bytes(6) + b"\xff" * 100,
        lambda content: b"\x1f\x8b",
    ],
)
def test_what_is_no_tar_or_cut_off(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    whole = tar(tmp_path / "whole.tgz", file("run/a", os.urandom(50_000))).read_bytes()
    path = tmp_path / "damaged.tgz"
    path.write_bytes(damage(whole))
    folder = tmp_path / "unpacked"
    folder.mkdir()
    with pytest.raises(BenchError, match=r"cannot be read as a tar|is cut off"):
        unpack(path, folder)


def test_a_tar_that_is_not_packed_and_cut_off(tmp_path: Path) -> None:
    whole = tar(tmp_path / "whole.tar", file("run/a", bytes(5000)), mode="w").read_bytes()
    path = tmp_path / "cut.tar"
    path.write_bytes(whole[:2000])
    folder = tmp_path / "unpacked"
    folder.mkdir()
    with pytest.raises(BenchError, match="it is cut off"):
        unpack(path, folder)
