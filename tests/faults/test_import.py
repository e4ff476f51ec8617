"""Imports that are killed or may write no more: the archive is as it was, and the next import does it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from collect.archive.labels import NOTE, add, check, labels
from collect.archive.store import Archive
from collect.transfer.take import INCOMING, Taken, importing, items
from tests.support.plans import small_plan
from tests.support.synthetic import write_run

KILLED = """
import os, signal, sys
from pathlib import Path
from collect.transfer import chains, take

def die(*arguments, **options):
    os.kill(os.getpid(), signal.SIGKILL)

place, name = {place!r}, {name!r}
setattr({{"take": take, "chains": chains, "Importer": take.Importer}}[place], name, die)
with take.importing(Path(sys.argv[1])) as importer:
    for item in take.items(Path(sys.argv[2])):
        list(importer.take(item))
"""
LIMITED = """
import resource, sys
from pathlib import Path
from collect.cli import main

resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
raise SystemExit(main(["import", sys.argv[2], "--archive", sys.argv[1]]))
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed run with a label."""
    folder = tmp_path_factory.mktemp("source")
    entry = write_run(folder, small_plan(1)).seal()
    add(Archive(folder), entry.name, NOTE, "a note")
    return entry


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An archive that has another run."""
    folder = tmp_path / "archive"
    write_run(folder, small_plan(1)).seal()
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """Return all that a reader of an archive may see."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.relative_to(folder).parts[0].startswith((INCOMING, ".import.", ".labels."))
    }


def run(code: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def whole(archive: Path, source: Path) -> None:
    """Import what was not imported, and see that all is there and nothing else."""
    with importing(archive) as importer:
        (done,) = [each for item in items(source) for each in importer.take(item)]
    assert isinstance(done, Taken)
    opened = Archive(archive)
    assert len(opened.run_ids()) == 2
    assert all(opened.verify(run_id) == check(opened, run_id) == [] for run_id in opened.run_ids())
    assert [note.text for note in labels(opened, source.name).notes] == ["a note"]
    assert not list(archive.glob(f"{INCOMING}*"))


@pytest.mark.parametrize(
    ("place", "name"),
    [("take", "_make_read_only"), ("take", "fsync_tree"), ("take", "rename_durably"), ("Importer", "_check")],
)
def test_a_kill_before_the_run_has_its_name_leaves_nothing_to_see(
    archive: Path, source: Path, place: str, name: str
) -> None:
    before = content(archive)
    assert run(KILLED.format(place=place, name=name), archive, source).returncode == -signal.SIGKILL
    assert content(archive) == before
    assert len(Archive(archive).run_ids()) == 1
    assert list(archive.glob(f"{INCOMING}*")), "it was killed in the middle"
    whole(archive, source)


@pytest.mark.parametrize(("place", "name"), [("take", "merge_labels"), ("chains", "rename_durably")])
def test_a_kill_before_the_labels_leaves_the_run_and_the_next_import_adds_them(
    archive: Path, source: Path, place: str, name: str
) -> None:
    assert run(KILLED.format(place=place, name=name), archive, source).returncode == -signal.SIGKILL
    assert Archive(archive).verify(source.name) == []
    assert labels(Archive(archive), source.name).notes == ()
    whole(archive, source)


@pytest.mark.parametrize("limit", [0, 1000, 20_000])
def test_a_file_that_may_not_grow(archive: Path, source: Path, limit: int) -> None:
    before = content(archive)
    done = run(LIMITED.format(limit=limit), archive, source)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: cannot write: File too large")
    assert done.stderr.count("\n") == 1
    assert content(archive) == before
    assert not list(archive.glob(f"{INCOMING}*"))
    whole(archive, source)
