"""Which runs the index takes in."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from collect.archive import stamps
from collect.archive.index import Index
from collect.archive.kept import as_sealed, keep
from collect.archive.store import Archive
from tests.support.replicas import Replicas

TICK_S = 0.012


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps, "SETTLED_NS", int(0.8e9 * TICK_S))


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """An archive of three runs, at rest."""
    replicas = Replicas(tmp_path / "replicas")
    for number in range(3):
        replicas.add(tmp_path / "archive", number)
    time.sleep(TICK_S)
    return Archive(tmp_path / "archive")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("SHA256SUMS", b"  trials.parquet", b"  trials.parquex"),
        ("manifest.json", b"small", b"large"),
        ("trials.parquet", b"PAR1", b"PAR2"),
    ],
)
def test_what_is_not_as_it_was_sealed_is_not_kept(archive: Archive, name: str, old: bytes, new: bytes) -> None:
    first, second, _ = archive.run_ids()
    path = archive.folder(first) / name
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new))
    time.sleep(TICK_S)
    assert [as_sealed(archive.folder(run_id)) for run_id in (first, second)] == [False, True]
    assert [keep(archive, run_id) is None for run_id in (first, second)] == [True, False]
    assert Index(archive).snapshot().kept.keys() == {*archive.run_ids()} - {first}


def test_a_run_under_another_name_is_not_kept(archive: Archive) -> None:
    first = archive.run_ids()[0]
    other = "20270101T000000Z-abcdef"
    shutil.copytree(archive.folder(first), archive.folder(other))
    time.sleep(TICK_S)
    assert as_sealed(archive.folder(other))
    assert keep(archive, other) is None
    assert keep(archive, first) is not None
