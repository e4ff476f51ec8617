"""Verifying many runs: on all cores, with word of how far it is, gone on with after an interruption."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from collect.archive.labels import NOTE, add, path_of
from collect.archive.store import Archive
from collect.archive.verified import FILE, Verified, fingerprint
from collect.archive.verifying import everything, verify_runs
from collect.cli import main
from collect.errors import BenchError
from tests.support.tiny import tiny_id, tiny_run

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    (tmp_path / "archive").mkdir()
    return Archive(tmp_path / "archive")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let each test begin without a memory, in which files need not be at rest first; return where it is."""
    monkeypatch.setenv("BENCH_INDEX", str(tmp_path / "index"))
    monkeypatch.setattr("collect.archive.verified.SETTLED_NS", 0)
    return tmp_path / "index"


def verified(capsys: Capture, archive: Archive, *arguments: str, code: int = 0) -> Mapping[str, Any]:
    arguments = arguments if "--processes" in arguments else (*arguments, "--processes", "1")  # this one is patched
    assert main(["verify", *arguments, "--json", "--archive", str(archive.path)]) == code
    found: Mapping[str, Any] = json.loads(capsys.readouterr().out)
    return found


def damage(archive: Archive, run_id: str) -> None:
    """Change a byte of a file and put its time back."""
    path = archive.folder(run_id) / "logs" / "app.log"
    time.sleep(0.02)  # so that the clock of files ticks meanwhile
    before = path.stat()
    path.write_bytes(b"x\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_each_kind_of_damage_is_told(archive: Archive, capsys: Capture) -> None:
    ids = [tiny_run(archive, number) for number in range(7)]
    damage(archive, ids[1])
    (archive.folder(ids[2]) / "logs" / "app.log").unlink()
    (archive.folder(ids[3]) / "more").write_text("")
    (archive.folder(ids[4]) / "SHA256SUMS").unlink()
    add(archive, ids[5], NOTE, "right")
    add(archive, ids[6], NOTE, "wrong")
    labels = path_of(archive, ids[6])
    labels.write_bytes(labels.read_bytes().replace(b"wrong", b"WRONG"))
    under_way = archive.path / f"{tiny_id(8)}.partial"
    under_way.mkdir()
    orphan = archive.path / f"{tiny_id(9)}.labels.jsonl"
    orphan.write_bytes(b"")
    for processes in ("1", "3"):
        found = verified(capsys, archive, "--all", "--processes", processes, code=1)
        assert list(found) == [*ids, under_way.name, orphan.name]
        assert {name: said["problems"] for name, said in found.items()} == {
            ids[0]: [],
            ids[1]: ["logs/app.log: changed"],
            ids[2]: ["logs/app.log: missing"],
            ids[3]: ["more: not in SHA256SUMS"],
            ids[4]: ["not sealed"],
            ids[5]: [],
            ids[6]: [f"{labels.name}: line 1: not a label"],
            under_way.name: [f"not sealed: go on with -e resume={tiny_id(8)}"],
            orphan.name: ["there is no run of this name: take the file away, or bring the run back"],
        }


def test_in_a_pipe_each_run_has_its_line(archive: Archive, capsys: Capture) -> None:
    ids = [tiny_run(archive, number) for number in range(3)]
    damage(archive, ids[1])
    where = ("--archive", str(archive.path))
    assert main(["verify", "--all", *where]) == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [f"{ids[0]}: ok", f"{ids[1]}: logs/app.log: changed", f"{ids[2]}: ok"]
    assert captured.err == ""  # it took no 15 s
    assert main(["verify", *where]) == 0
    assert capsys.readouterr().out == f"{ids[2]}: ok\n"


def test_what_was_found_right_is_passed_over_until_it_is_touched(archive: Archive, capsys: Capture) -> None:
    ids = [tiny_run(archive, number) for number in range(4)]
    damage(archive, ids[3])
    first = verified(capsys, archive, "--all", code=1)
    assert not any(said["remembered"] for said in first.values())
    again = verified(capsys, archive, "--resume", code=1)
    assert [said["remembered"] for said in again.values()] == [True, True, True, False]  # a damaged one never is
    damage(archive, ids[0])
    (archive.folder(ids[1]) / "SHA256SUMS").write_bytes(b"")
    again = verified(capsys, archive, "--resume", code=1)
    assert [said["remembered"] for said in again.values()] == [False, False, True, False]
    assert [said["ok"] for said in again.values()] == [False, False, True, False]
    anew = verified(capsys, archive, "--all", code=1)
    assert not any(said["remembered"] for said in anew.values())


def test_a_run_that_was_mended_is_read_again(archive: Archive, capsys: Capture) -> None:
    run_id = tiny_run(archive)
    path = archive.folder(run_id) / "logs" / "app.log"
    verified(capsys, archive, "--all")
    damage(archive, run_id)
    verified(capsys, archive, "--resume", code=1)
    path.write_bytes(b"0\n")
    assert verified(capsys, archive, "--resume") == {run_id: {"ok": True, "problems": [], "remembered": False}}
    assert verified(capsys, archive, "--resume")[run_id]["remembered"]


def test_labels_are_looked_at_also_where_the_run_is_passed_over(archive: Archive, capsys: Capture) -> None:
    run_id = tiny_run(archive)
    verified(capsys, archive, "--all")
    path_of(archive, run_id).write_bytes(b"{}\n")
    said = verified(capsys, archive, "--resume", code=1)[run_id]
    assert (said["remembered"], said["problems"]) == (True, [f"{run_id}.labels.jsonl: line 1: not a label"])


def test_an_interrupted_verification_is_gone_on_with(archive: Archive, capsys: Capture) -> None:
    ids = [tiny_run(archive, number) for number in range(5)]
    memory = Verified(archive.path / "state")
    assert memory.forget()
    results: Iterator[Any] = verify_runs(archive, ids, processes=1)
    for result in (next(results), next(results)):
        memory.add(result.name, result.fingerprint)
    again = list(verify_runs(archive, ids, processes=1, known=memory.known()))
    assert [result.remembered for result in again] == [True, True, False, False, False]
    assert not any(result.problems for result in again)


@pytest.mark.parametrize(
    ("content", "known"),
    [
        (b"", []),
        (b"\xff\xfe", []),
        (b"[]\n", []),
        (b'{"version": 99}\n{"run_id": "a", "fingerprint": "b"}\n', []),
        (b'{"run_id": "a", "fingerprint": "b"}\n', []),
        (b'{"version": 1}\n{"run_id": "a", "fingerprint": "b"}\n{"run_id": "c", "finger', ["a"]),
        (b'{"version": 1}\nnull\n{"run_id": 1, "fingerprint": "b"}\n{"run_id": "a", "fingerprint": "b"}\n', ["a"]),
        (b'{"version": 1}\n' + b"[" * 100_000 + b"\n", []),
    ],
)
def test_a_memory_that_is_damaged_or_strange_is_none(tmp_path: Path, content: bytes, known: list[str]) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert list(Verified(tmp_path).known()) == known


def test_where_nothing_can_be_remembered_verification_goes_on(archive: Archive, state: Path, capsys: Capture) -> None:
    state.write_text("no folder")
    run_id = tiny_run(archive)
    assert verified(capsys, archive, "--all")[run_id]["ok"]
    assert not verified(capsys, archive, "--resume")[run_id]["remembered"]


def test_a_fingerprint_changes_with_any_file(archive: Archive) -> None:
    folder = archive.folder(tiny_run(archive))
    seen = {fingerprint(folder)}
    changes: list[Callable[[], object]] = [
        lambda: (folder / "manifest.json").write_bytes(b"[1]\n"),
        lambda: (folder / "manifest.json").chmod(0o444),
        lambda: (folder / "manifest.json").rename(folder / "manifest"),
        lambda: (folder / "more").write_bytes(b""),
        lambda: (folder / "SHA256SUMS").write_bytes(b""),
        lambda: os.utime(folder / "logs" / "app.log", ns=(0, 0)),
    ]
    for change in changes:
        before = len(seen)
        change()
        seen.add(fingerprint(folder))
        assert len(seen) == before + 1
    (folder / "SHA256SUMS").unlink()
    assert fingerprint(folder) is None


def test_a_process_that_dies_is_told(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [tiny_run(archive, number) for number in range(2)]
    monkeypatch.setattr("collect.archive.verifying._verify", _die)
    with pytest.raises(BenchError, match=r"a process that verified was ended .*go on with --resume"):
        list(verify_runs(archive, ids, processes=2))


def _die(folder: Path, job: tuple[str, str | None]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_ctrl_c_ends_it_in_time_without_a_word(archive: Archive) -> None:
    for number in range(4):
        folder = archive.folder(tiny_id(number))
        folder.mkdir()
        (folder / "SHA256SUMS").write_bytes(b"")
        with (folder / "large").open("wb") as file:
            file.truncate(2**36)  # of nothing: it takes minutes to read and no room
    program = "from collect.cli import main; raise SystemExit(main())"
    started = subprocess.Popen(
        [sys.executable, "-c", program, "verify", "--all", "--processes", "2", "--archive", str(archive.path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while not _reading(started.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(started.pid, signal.SIGINT)
    out, err = started.communicate(timeout=10)
    assert (started.returncode, out, err) == (130, "", "")


def _reading(pid: int) -> bool:
    """Say whether a process that was started has a run's file open."""
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(pid).children(recursive=True)
        return any(file.path.endswith("large") for child in children for file in child.open_files())
    return False


def test_runs_and_all_do_not_go_together(archive: Archive, capsys: Capture) -> None:
    tiny_run(archive)
    for option in ("--all", "--resume"):
        assert main(["verify", "latest", option, "--archive", str(archive.path)]) == 2
        assert "runs are named, and all are asked for" in capsys.readouterr().err


def test_an_empty_archive_is_as_it_should_be(archive: Archive, capsys: Capture) -> None:
    assert everything(archive) == []
    assert verified(capsys, archive, "--all") == {}
    assert main(["verify", "--archive", str(archive.path)]) == 2
    assert "the archive is empty" in capsys.readouterr().err


def test_a_run_at_rest_alone_is_remembered(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = archive.folder(tiny_run(archive))
    monkeypatch.setattr("collect.archive.verified.SETTLED_NS", 3_600_000_000_000)
    assert fingerprint(folder) is None
    (result,) = verify_runs(archive, [folder.name])
    assert (result.problems, result.fingerprint) == ((), None)
