"""Disks that are full, small or read-only, for real: a tmpfs of our own each."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collect.archive.labels import TAG, add, check, labels, path_of
from collect.archive.partial import begin_run, resume_run
from collect.archive.space import check_archive_dir
from collect.archive.store import Archive
from collect.archive.sums import write_sums
from collect.cli import main
from collect.errors import BenchError
from collect.transfer.export import export_file
from collect.transfer.take import Importer, importing
from tests.support.many_runs import FLASK, ManyRuns
from tests.support.plans import small_plan
from tests.support.synthetic import Setting, finish, write_run, write_trial
from tests.support.tiny import tiny_run

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
Disk = Callable[[str], Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take what is left of the disk."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    return filler


def test_a_disk_too_small_or_read_only_is_found_before_the_first_trial(disk: Disk) -> None:
    small, read_only = disk("size=8m"), disk("ro")
    with pytest.raises(BenchError, match=r"8 MiB are free, .*choose another disk with -e archive_dir="):
        begin_run(small, small_plan(), inventory="local")
    with pytest.raises(BenchError, match="archive_dir cannot be written: Read-only file system"):
        begin_run(read_only, small_plan(), inventory="local")
    fill(small)
    with pytest.raises(BenchError, match="archive_dir cannot be written: No space left on device"):
        check_archive_dir(small)


def test_a_disk_that_fills_up_loses_nothing_that_was_finished(disk: Disk) -> None:
    folder = disk("size=128m")
    run = begin_run(folder, small_plan(1), inventory="local")
    first, second = run.trials()
    finish(run, first, Setting())
    raw = run.trial_folder(second)
    record, _ = write_trial(raw, second, Setting())
    filler = fill(folder)
    with pytest.raises(BenchError, match=r"the disk is full .*go on with -e resume=; finished trials are kept"):
        run.finish_trial(second, raw, record)
    filler.unlink()

    resumed = resume_run(folder, run.run_id)
    assert resumed.remaining() == [second]
    finish(resumed, second, Setting())
    filler = fill(folder)
    with pytest.raises(BenchError, match="the disk is full"):
        resumed.seal()
    filler.unlink()
    assert Archive(folder).run_ids() == []
    resume_run(folder, run.run_id).seal()
    assert Archive(folder).verify(run.run_id) == []
    assert shutil.disk_usage(folder).free > 100 * 2**20


def test_from_a_read_only_disk_runs_are_read_and_nothing_changes(
    disk: Disk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = ManyRuns(tmp_path / "runs")
    runs.path = disk("size=32m")
    archive, ids = runs.archive, [runs.add({FLASK: [100.0]}) for _ in range(2)]
    for run_id in ids:
        write_sums(archive.folder(run_id))
    add(archive, ids[1], TAG, "baseline")
    subprocess.run(["mount", "-o", "remount,ro", str(runs.path)], check=True)
    where = ("--archive", str(runs.path))
    removal = ["gc", "--keep", "1"]
    for command in (["list"], ["verify", "--all"], ["cite"], ["tag", "latest"], removal):
        assert main([*command, *where]) == 0
    capsys.readouterr()
    for command in (["tag", "latest", "b"], ["tag", ids[0], "b"], ["note", "latest", "x"], [*removal, "--yes"]):
        assert main([*command, *where]) == 2
        captured = capsys.readouterr()
        assert captured.err.startswith("error: cannot write: Read-only file system (")
        assert (captured.err.count("\n"), captured.out) == (1, "")
    assert archive.run_ids() == ids
    assert labels(archive, ids[1]).tags == ("baseline",)


def test_a_full_disk_takes_no_label_and_keeps_no_part_of_one(disk: Disk) -> None:
    archive = Archive(disk("size=1m"))
    run_id = tiny_run(archive)
    filler = fill(archive.path)
    with pytest.raises(BenchError, match="cannot write: No space left on device"):
        add(archive, run_id, TAG, "a")
    assert not path_of(archive, run_id).exists()
    filler.unlink()
    assert add(archive, run_id, TAG, "a")
    assert check(archive, run_id) == []


def imported(archive: Path, run: Path) -> None:
    """Import a run; see that nothing is left but it and the lock's empty file, whatever comes of it."""
    try:
        with importing(archive) as importer:
            list(importer.take(run))
    finally:
        assert {path.name for path in archive.iterdir()} <= {run.name, ".import.lock", "filler"}


def test_an_import_that_a_disk_has_no_room_for_leaves_nothing(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "source", small_plan(1)).seal()
    small, read_only = disk("size=64k"), disk("ro")
    with pytest.raises(BenchError, match=f"there is no room for the run {run.name}"):
        imported(small, run)
    with pytest.raises(BenchError, match="cannot write: Read-only file system"):
        imported(read_only, run)
    # Where another process takes the room that was there.
    monkeypatch.setattr(Importer, "_room_bytes", lambda self: 2**40)
    with pytest.raises(BenchError, match="cannot write: No space left on device"):
        imported(small, run)
    assert Archive(small).run_ids() == []


def test_an_import_goes_on_where_room_was_made(disk: Disk, tmp_path: Path) -> None:
    run = write_run(tmp_path / "source", small_plan(1)).seal()
    folder = disk("size=64m")
    filler = fill(folder)
    with pytest.raises(BenchError, match=r"there is no room|cannot write: No space left on device"):
        imported(folder, run)
    filler.unlink()
    imported(folder, run)
    assert Archive(folder).verify(run.name) == []


def test_an_export_that_a_disk_has_no_room_for_leaves_no_file(disk: Disk, tmp_path: Path) -> None:
    run = write_run(tmp_path / "source", small_plan(1)).seal()
    archive = Archive(run.parent)
    small, read_only = disk("size=8k"), disk("ro")
    views = {"csv": "requests", "parquet": "requests", "openmetrics": "samples", "locust": None}
    for form, view in views.items():
        for folder, says in ((small, "No space left on device"), (read_only, "Read-only file system")):
            with pytest.raises(BenchError, match=says):
                export_file(archive, [run.name], form, view, folder / "out")
            assert list(folder.iterdir()) == []
