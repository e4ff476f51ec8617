"""Tags and notes beside a run: kept, found, and seen through when they were tampered with."""

from __future__ import annotations

import errno
import getpass
import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from collect.archive import labels as module
from collect.archive.labels import NOTE, TAG, UNTAG, Labels, add, add_all, check, labelled, labels, path_of
from collect.archive.store import Archive
from collect.archive.sums import write_sums
from collect.errors import BenchError
from tests.support.tiny import tiny_run


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


@pytest.fixture
def run_id(archive: Archive) -> str:
    return tiny_run(archive)


def lines(archive: Archive, run_id: str) -> list[bytes]:
    return path_of(archive, run_id).read_bytes().splitlines(keepends=True)


def rewrite(archive: Archive, run_id: str, content: list[bytes]) -> None:
    path_of(archive, run_id).write_bytes(b"".join(content))


def test_a_run_without_labels_has_none(archive: Archive, run_id: str) -> None:
    assert labels(archive, run_id) == Labels()
    assert check(archive, run_id) == []
    assert labelled(archive) == []
    assert [path.name for path in archive.path.iterdir()] == [run_id]  # to look leaves nothing behind


def test_what_is_said_of_a_run_is_kept_beside_it(archive: Archive, run_id: str) -> None:
    assert add(archive, run_id, TAG, "baseline", by="ann")
    assert add(archive, run_id, NOTE, "new BIOS\nturbo off", by="bob")
    assert add_all(archive, run_id, [(TAG, "i7"), (UNTAG, "baseline"), (TAG, "août")]) == 3
    known = labels(archive, run_id)
    assert known.tags == ("i7", "août")
    assert [(note.by, note.text) for note in known.notes] == [("bob", "new BIOS\nturbo off")]
    assert known.notes[0].at.endswith("+00:00")
    assert len(lines(archive, run_id)) == 5
    assert check(archive, run_id) == []
    assert labelled(archive) == [run_id]
    assert archive.verify(run_id) == []  # the sealed run is as it was


def test_the_chain_can_be_checked_by_hand(archive: Archive, run_id: str) -> None:
    add_all(archive, run_id, [(TAG, "a"), (NOTE, "é"), (UNTAG, "a")])
    written = lines(archive, run_id)
    previous = (archive.folder(run_id) / "SHA256SUMS").read_bytes()
    for raw in written:
        said = json.loads(raw)
        assert list(said) == ["at", "kind", "text", "by", "previous", "sum"]
        assert said["previous"] == hashlib.sha256(previous).hexdigest()
        told = json.dumps({key: said[key] for key in list(said)[:-1]}, ensure_ascii=False)
        assert said["sum"] == hashlib.sha256(told.encode()).hexdigest()
        previous = raw


def test_what_is_so_already_adds_no_line(archive: Archive, run_id: str) -> None:
    assert add(archive, run_id, TAG, "a")
    assert not add(archive, run_id, TAG, "a")
    assert add_all(archive, run_id, [(TAG, "b"), (TAG, "b"), (TAG, "a")]) == 1
    assert len(lines(archive, run_id)) == 2
    with pytest.raises(BenchError, match=r'there is no tag "c" .*: it has a, b'):
        add(archive, run_id, UNTAG, "c")
    add_all(archive, run_id, [(UNTAG, "a"), (TAG, "a")])
    assert labels(archive, run_id).tags == ("b", "a")


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        (TAG, "", "cannot be a tag"),
        (TAG, " ", "cannot be a tag"),
        (TAG, "-x", "cannot be a tag"),
        (TAG, "a b", "cannot be a tag"),
        (TAG, "a,b", "cannot be a tag"),
        (TAG, "$(reboot)", "cannot be a tag"),
        (TAG, "a\n", "cannot be a tag"),
        (TAG, "x" * 65, "cannot be a tag"),
        (TAG, "a\udcff", "is not UTF-8"),
        (UNTAG, "a b", "cannot be a tag"),
        (NOTE, "", "it is empty"),
        (NOTE, " \n", "it is empty"),
        (NOTE, "x" * 2001, "it has 2001 characters"),
        (NOTE, "\udcff", "is not UTF-8"),
        ("remark", "x", "no kind of label"),
    ],
)
def test_what_cannot_be_said_is_refused_and_nothing_of_it_is_kept(
    archive: Archive, run_id: str, kind: str, text: str, says: str
) -> None:
    with pytest.raises(BenchError, match=says):
        add_all(archive, run_id, [(TAG, "good"), (kind, text)])
    assert not path_of(archive, run_id).exists()


@pytest.mark.parametrize("name", ["20990101T000000Z-000000", "..", "../x", "", "nope"])
def test_only_sealed_runs_can_be_labelled(archive: Archive, run_id: str, name: str) -> None:
    with pytest.raises(BenchError, match="there is no sealed run"):
        add(archive, name, NOTE, "x")
    (archive.path / "20990101T000000Z-000000").mkdir()  # without its sums
    with pytest.raises(BenchError, match="there is no sealed run"):
        add(archive, "20990101T000000Z-000000", NOTE, "x")
    assert labelled(archive) == []


def test_whatever_is_done_to_a_line_shows(archive: Archive, run_id: str) -> None:
    add_all(archive, run_id, [(NOTE, "one"), (NOTE, "two"), (TAG, "three")])
    good = lines(archive, run_id)
    name = path_of(archive, run_id).name
    forged = json.loads(good[2]) | {"text": "four"}
    for done, says in [
        ([good[0].replace(b"one", b"uno"), *good[1:]], "line 1: not a label"),
        ([good[0], good[2]], "line 2: does not follow the line before it"),
        (good[1:], "line 1: does not follow the run"),
        ([good[0], good[0], *good[1:]], "line 2: does not follow the line before it"),
        ([good[1], good[0], good[2]], "line 1: does not follow the run"),
        ([*good[:2], good[2].replace(b"three", b"threE")], "line 3: not a label"),
        ([*good[:2], json.dumps(forged).encode() + b"\n"], "line 3: not a label"),
        ([*good, b"\n"], "line 4: not a label"),
        ([*good, b"[" * 100_000 + b"\n"], "line 4: not a label"),
        ([*good, b"\xff\n"], "line 4: not a label"),
        ([*good, b"null\n"], "line 4: not a label"),
    ]:
        rewrite(archive, run_id, done)
        assert any(problem.startswith(f"{name}: {says}") for problem in check(archive, run_id)), done
        before = path_of(archive, run_id).read_bytes()
        with pytest.raises(BenchError, match="the labels are damaged: line"):
            add(archive, run_id, TAG, "more")
        assert path_of(archive, run_id).read_bytes() == before
    rewrite(archive, run_id, good)
    assert check(archive, run_id) == []


def test_labels_are_of_their_run_alone(archive: Archive, run_id: str) -> None:
    add(archive, run_id, TAG, "baseline")
    other = tiny_run(archive, 1)
    path_of(archive, run_id).rename(path_of(archive, other))
    assert "does not follow the run" in check(archive, other)[0]
    path_of(archive, other).rename(path_of(archive, run_id))
    (archive.folder(run_id) / "manifest.json").write_bytes(b'{"other": true}\n')
    write_sums(archive.folder(run_id))
    assert archive.verify(run_id) == []
    assert "does not follow the run" in check(archive, run_id)[0]  # another run under the old name


def test_a_line_that_a_crash_cut_gives_way_to_the_next(archive: Archive, run_id: str) -> None:
    add(archive, run_id, TAG, "a")
    (whole,) = lines(archive, run_id)
    rewrite(archive, run_id, [whole, whole[:40]])
    assert labels(archive, run_id).tags == ("a",)
    assert "the last line is unfinished" in check(archive, run_id)[0]
    assert add(archive, run_id, TAG, "b")
    assert check(archive, run_id) == []
    assert labels(archive, run_id).tags == ("a", "b")


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_disk_leaves_the_labels_as_they_were(
    archive: Archive, run_id: str, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    real_write = os.write

    def full(handle: int, *data: bytes) -> int:
        if call == "write":
            return real_write(handle, data[0][:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    for said in ((NOTE, "first"), (NOTE, "second")):
        before = path_of(archive, run_id).read_bytes() if path_of(archive, run_id).exists() else None
        with monkeypatch.context() as patched:
            patched.setattr(os, call, full)
            with pytest.raises(BenchError, match="cannot write: No space left on device"):
                add(archive, run_id, *said)
        after = path_of(archive, run_id).read_bytes() if path_of(archive, run_id).exists() else None
        assert after == before
        add(archive, run_id, *said)
    assert check(archive, run_id) == []


def test_what_is_no_plain_file_is_never_read_or_written(archive: Archive, run_id: str, tmp_path: Path) -> None:
    path = path_of(archive, run_id)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("keep\n")
    path.symlink_to(elsewhere)
    assert labels(archive, run_id) == Labels()
    assert "symbolic links" in check(archive, run_id)[0]
    with pytest.raises(BenchError, match="the labels are damaged"):
        add(archive, run_id, TAG, "a")
    assert elsewhere.read_text() == "keep\n"
    path.unlink()
    os.mkfifo(path)  # to open one waits for a writer
    assert labels(archive, run_id) == Labels()
    assert check(archive, run_id) == [f"{path.name}: not a plain file"]


def test_many_at_once_wait_for_one_another(archive: Archive, run_id: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: add(archive, run_id, NOTE, f"note {number}"), range(24)))
    assert check(archive, run_id) == []
    assert {note.text for note in labels(archive, run_id).notes} == {f"note {number}" for number in range(24)}


def test_labels_do_not_grow_without_end(archive: Archive, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    add(archive, run_id, NOTE, "x" * 100)
    with pytest.raises(BenchError, match="longer than 1000 bytes"):
        add(archive, run_id, NOTE, "y" * 900)
    assert len(labels(archive, run_id).notes) == 1
    path_of(archive, run_id).write_bytes(b"z" * 1001)
    assert check(archive, run_id) == [f"{path_of(archive, run_id).name}: longer than 1000 bytes"]


def test_who_says_it_is_kept(archive: Archive, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "ann")
    add(archive, run_id, NOTE, "one")
    monkeypatch.setenv("SUDO_USER", "b\udcffb")  # as a name in another encoding comes in
    add(archive, run_id, NOTE, "two")
    monkeypatch.delenv("SUDO_USER")
    monkeypatch.setattr(getpass, "getuser", lambda: (_ for _ in ()).throw(KeyError("no such user")))
    add(archive, run_id, NOTE, "three")
    assert [note.by for note in labels(archive, run_id).notes] == ["ann", "b?b", f"uid {os.getuid()}"]
    assert check(archive, run_id) == []
