"""live.jsonl while it grows: whole lines only, each once, whatever is wrong with the rest of the file."""

from __future__ import annotations

import errno
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from collect.archive.partial import PartialRun, begin_run
from collect.archive.store import Archive
from collect.errors import BenchError
from collect.live import read
from collect.live.lines import encode, finished, number
from collect.live.read import LIVE, SILENT_S, follow, progress
from collect.live.write import append
from collect.precision import with_precision
from tests.support.plans import small_plan
from tests.support.streamed import LOAD, seconds
from tests.support.synthetic import Setting, finish

NOW = 1_700_000_100.0


def told(second: int, trial_id: str = "b01-p01-x", **more: Any) -> dict[str, Any]:
    return {"at": NOW + second, "trial_id": trial_id, "second": second, "phase": "window", "left_s": 60.0, **more}


def test_a_line_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / LIVE
    append(tmp_path, told(0))
    lines, byte = follow(path, 0)
    assert lines == [told(0)]
    assert byte == path.stat().st_size
    assert follow(path, byte) == ([], byte)
    append(tmp_path, told(1))
    assert follow(path, byte)[0] == [told(1)]
    assert follow(path, 0)[0] == [told(0), told(1)]


def test_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    path, whole = tmp_path / LIVE, encode(told(0))
    path.write_bytes(whole + whole[:20])
    lines, byte = follow(path, 0)
    assert (lines, byte) == ([told(0)], len(whole))
    path.write_bytes(whole + whole)
    assert follow(path, byte) == ([told(0)], 2 * len(whole))


def test_a_file_that_is_not_there_or_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / LIVE
    assert follow(path, 0) == ([], 0)
    assert follow(path, 77) == ([], 77)
    assert follow(tmp_path / "file" / LIVE, 3) == ([], 3)
    path.write_bytes(encode(told(0)))
    assert follow(path, 10_000)[0] == [told(0)], "shorter than what was read"
    assert follow(path, -5)[0] == [told(0)]


@pytest.mark.parametrize(
    "odd",
    [b"", b"{", b"[1]", b"null", b'{"at": 1}', b'{"trial_id": 7}', b"\xff\xfe", b'{"trial_id": "x"'],
    ids=["empty", "torn", "list", "null", "no trial", "number", "not text", "no end"],
)
def test_what_is_no_line_is_skipped(tmp_path: Path, odd: bytes) -> None:
    (tmp_path / LIVE).write_bytes(encode(told(0)) + odd + b"\n" + encode(told(1)))
    assert follow(tmp_path / LIVE, 0)[0] == [told(0), told(1)]


def test_a_line_without_an_end_that_never_comes_is_no_trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "CHUNK_BYTES", 64)
    (tmp_path / LIVE).write_bytes(b"x" * 1000 + b"\n" + b'{"trial_id":"a"}\n')
    byte = 0
    lines: list[dict[str, Any]] = []
    for _ in range(30):
        new, byte = follow(tmp_path / LIVE, byte)
        lines += new
    assert lines == [{"trial_id": "a"}]


def test_a_torn_line_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / LIVE).write_bytes(encode(told(0)) + b'{"at":17')
    append(tmp_path, told(1))
    append(tmp_path, told(2))
    assert follow(tmp_path / LIVE, 0)[0] == [told(0), told(1), told(2)]


def test_a_line_that_cannot_be_written_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(tmp_path / "gone", told(0))
    (tmp_path / LIVE).mkdir()
    append(tmp_path, told(0))

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    other = tmp_path / "full"
    other.mkdir()
    append(other, told(0))
    assert (other / LIVE).read_bytes() == b""


def test_lines_of_many_writers_stay_whole(tmp_path: Path) -> None:
    def write(number: int) -> None:
        for second in range(50):
            append(tmp_path, told(second, f"t{number}", cell="x" * 300))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines, _ = follow(tmp_path / LIVE, 0)
    assert len(lines) == 200
    for each in range(4):
        assert [line["second"] for line in lines if line["trial_id"] == f"t{each}"] == list(range(50))


def test_no_text_ends_a_line_early() -> None:
    line = told(0, trial_id="a\nb\u2028\x1b[2J\x85")
    assert encode(line).count(b"\n") == 1
    assert encode(line).isascii()
    assert json.loads(encode(line)) == line


@pytest.mark.parametrize("value", [None, True, "7", [1], float("nan"), float("inf"), 10**400])
def test_a_figure_that_is_none(value: Any) -> None:
    assert number({"rps": value}, "rps") is None
    assert number({}, "rps") is None


def begun(folder: Path, trials: int = 0) -> PartialRun:
    run = begin_run(folder, small_plan(2), inventory="local")
    for spec in run.trials()[:trials]:
        finish(run, spec, Setting())
    return run


def test_progress_before_anything_is_told(tmp_path: Path) -> None:
    run = begun(tmp_path)
    found = progress(Archive(tmp_path), run.run_id)
    assert (found.run_id, found.plan, found.inventory) == (run.run_id, "small", "local")
    assert (found.finished, found.total, found.failed) == (0, 4, 0)
    assert (found.now, found.at, found.left_s, found.trials) == (None, None, None, ())
    assert found.silent
    assert not found.at_most


def test_progress_in_the_middle_of_a_trial(tmp_path: Path) -> None:
    run = begun(tmp_path, 1)
    first, second, *_ = run.trials()
    for line in seconds(first):
        append(run.path, line)
    append(run.path, finished(first.to_json(), run.summary(first), NOW))
    for line in seconds(second, LOAD[:6], left_s=50.0):
        append(run.path, line)
    at = LOAD[5]["t"]
    found = progress(Archive(tmp_path), run.run_id, at + 4)
    assert (found.finished, found.total, found.silent) == (1, 4, False)
    assert found.now is not None
    assert (found.now["trial_id"], found.now["phase"], found.now["rps"]) == (second.trial_id, "window", 418.4)
    assert {line["trial_id"] for line in found.seconds} == {second.trial_id}
    assert len(found.seconds) == 5
    assert [line["trial_id"] for line in found.trials] == [first.trial_id]
    assert found.left_s == pytest.approx(46, abs=0.1)
    assert found.to_byte == (run.path / LIVE).stat().st_size
    late = progress(Archive(tmp_path), run.run_id, at + SILENT_S + 1)
    assert (late.silent, late.left_s) == (True, None)
    assert progress(Archive(tmp_path), run.run_id, at + 29).left_s == pytest.approx(21, abs=0.1)


def test_a_trial_that_is_measured_again_counts_once(tmp_path: Path) -> None:
    run = begun(tmp_path, 1)
    spec = run.trials()[0]
    for rps in (300.0, 400.0):
        for line in seconds(spec):
            append(run.path, line)
        append(run.path, finished(spec.to_json(), {**run.summary(spec), "rps": rps}, NOW))
    found = progress(Archive(tmp_path), run.run_id)
    assert [line["rps"] for line in found.trials] == [400.0]
    assert [line["second"] for line in found.seconds] == [line["second"] for line in seconds(spec)]


def test_a_failed_attempt_is_counted(tmp_path: Path) -> None:
    run = begun(tmp_path)
    run.fail_trial(run.trials()[0], run.trial_folder(run.trials()[0]), "the server has lost its wits")
    assert progress(Archive(tmp_path), run.run_id).failed == 1


def test_a_run_with_a_precision_has_at_most_so_many_trials(tmp_path: Path) -> None:
    run = begin_run(tmp_path, with_precision(small_plan(), 0.1, 5), inventory="local")
    assert progress(Archive(tmp_path), run.run_id).at_most


@pytest.mark.parametrize("run_id", ["..", "../etc", "", "latest", "20200101T000000Z", "x" * 5000, "a\0b"])
def test_an_id_that_is_none(tmp_path: Path, run_id: str) -> None:
    begun(tmp_path)
    with pytest.raises(BenchError, match="not the id of a run"):
        progress(Archive(tmp_path), run_id)


def test_a_sealed_run_is_told_as_such(tmp_path: Path) -> None:
    run = begin_run(tmp_path, small_plan(1), inventory="local")
    for spec in run.trials():
        finish(run, spec, Setting())
    append(run.path, seconds(run.trials()[0])[0])
    entry = run.seal()
    assert not list(entry.rglob(LIVE)), "what was told on the way is no part of what is sealed"
    assert Archive(tmp_path).verify(entry.name) == []
    with pytest.raises(BenchError, match="is sealed"):
        progress(Archive(tmp_path), entry.name)
    with pytest.raises(BenchError, match="there is no run"):
        progress(Archive(tmp_path), "20200101T000000Z-abcdef")
