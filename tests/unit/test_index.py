"""The index's own files: what is kept in which segment, and what happens where they do not fit."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from collect.archive import index as module
from collect.archive import stamps
from collect.archive.entries import entry_of
from collect.archive.index import Index
from collect.archive.kept import keep
from collect.archive.segments import Builder, Segment, write_segment
from collect.archive.store import Archive
from collect.archive.sums import write_sums
from collect.paths import index_dir
from tests.support.replicas import Replicas

TICK_S = 0.012


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Replicas:
    return Replicas(tmp_path_factory.mktemp("replicas"))


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps, "SETTLED_NS", int(0.8e9 * TICK_S))


@pytest.fixture
def archive(tmp_path: Path, replicas: Replicas) -> Archive:
    """An archive of three runs, at rest."""
    for number in range(3):
        replicas.add(tmp_path / "archive", number)
    time.sleep(TICK_S)
    return Archive(tmp_path / "archive")


def state(archive: Archive) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((index_dir(archive.path) / "state.json").read_bytes())
    return said


def tables_of(index: Index) -> list[Path]:
    """Return the files that hold the trials of all runs that can be read: the index's, and those of runs beside it."""
    found = index.snapshot()
    loose = [entry.folder for entry in found.entries() if not entry.problem and not found.tabled(entry.run_id)]
    return [segment.trials for segment in found.whole] + [folder / "trials.parquet" for folder in loose]


def rows_of(index: Index) -> list[tuple[str, int]]:
    """Return run and ordinal of every row in the files of trials."""
    tables = [pq.ParquetFile(path).read(columns=["run_id", "ordinal"]).to_pylist() for path in tables_of(index)]
    return sorted((row["run_id"], row["ordinal"]) for table in tables for row in table)


def truth(archive: Archive) -> list[tuple[str, int]]:
    return [(run_id, ordinal) for run_id in archive.run_ids() for ordinal in (1, 2)]


def test_entries_are_those_of_the_files(archive: Archive) -> None:
    index = Index(archive)
    first = list(index.entries())
    assert first == [entry_of(archive, run_id) for run_id in archive.run_ids()]
    assert len(state(archive)["segments"]) == 1
    assert list(Index(archive).entries()) == first
    entry = first[0]
    assert (entry.plan, entry.inventory, entry.validity, entry.trials) == ("small", "local", "valid", 2)
    assert entry.cpu_models == {"server1": "Synthetic CPU", "client1": "Synthetic CPU"}
    assert entry.cells[0] == "flask-werkzeug.redis.locust-http.10.article"
    assert set(entry.verdicts) == set(entry.cells)
    assert [ratio["bottom"]["cell"] for ratio in entry.ratios] == [entry.cells[0]]
    assert entry.bytes == sum(path.stat().st_size for path in entry.folder.iterdir())
    assert (entry.problem, entry.schema_version, entry.git_commit, entry.git_dirty) == (None, 2, "0" * 40, False)
    assert rows_of(index) == truth(archive)
    assert not [path for path in tables_of(index) if archive.path in path.parents]


def test_a_run_that_cannot_be_read_is_an_entry_with_a_problem(archive: Archive) -> None:
    first, second, _ = archive.run_ids()
    (archive.folder(first) / "manifest.json").write_text('{"schema_version": 2, "run_id": "x"}')
    (archive.folder(second) / "manifest.json").write_text('{"schema_version": 99}')
    entries = Index(archive).entries()
    assert [entry.validity for entry in entries] == ["unreadable", "unreadable", "valid"]
    assert "the manifest cannot be read" in (entries[0].problem or "")
    assert "has schema 99" in (entries[1].problem or "")
    assert entries[0].created_at == "2026-01-01T00:00:00+00:00"
    assert (entries[0].cells, entries[0].ratios, entries[0].cpu_models) == ((), [], {})
    assert rows_of(Index(archive)) == truth(archive)[4:]


def test_a_run_that_was_just_sealed_is_not_kept_yet(
    archive: Archive, replicas: Replicas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamps, "SETTLED_NS", 60 * 10**9)
    assert keep(archive, archive.run_ids()[0]) is None
    assert len(Index(archive).entries()) == 3
    assert not (index_dir(archive.path) / "state.json").exists()
    assert rows_of(Index(archive)) == truth(archive)


def test_columns_that_are_not_todays_are_read_from_the_runs_own_file(archive: Archive, replicas: Replicas) -> None:
    older = replicas.add(archive.path, 7, lack=("db_selects", "warnings"))
    newer = replicas.add(archive.path, 8)
    path = archive.folder(newer) / "trials.parquet"
    table = pq.ParquetFile(path).read()
    pq.write_table(table.append_column("of_tomorrow", table.column("rps")), path)
    write_sums(archive.folder(newer))
    time.sleep(TICK_S)
    index = Index(archive)
    (segments,) = [path for path in tables_of(index) if path.parent == index_dir(archive.path)]
    kept = pq.ParquetFile(segments).read()
    assert set(kept.column("run_id").to_pylist()) == {*archive.run_ids()} - {newer}
    assert tables_of(index)[1:] == [path]
    gone = [row["db_selects"] for row in kept.to_pylist() if row["run_id"] == older]
    assert gone == [None, None]
    assert index.snapshot().kept.keys() == set(archive.run_ids())


def test_runs_that_come_and_go_leave_few_segments(archive: Archive, replicas: Replicas) -> None:
    index = Index(archive)
    for number in range(10, 10 + module.MOST_FEW + 3):
        replicas.add(archive.path, number)
        time.sleep(TICK_S)
        assert rows_of(index) == truth(archive)
        assert 0 < len(state(archive)["segments"]) <= module.MOST_FEW + 1
    for run_id in archive.run_ids()[::2]:
        shutil.rmtree(archive.folder(run_id))
    assert rows_of(index) == truth(archive)
    assert rows_of(Index(archive)) == truth(archive)
    held = [run_id for name in state(archive)["segments"] for run_id in Segment(index_dir(archive.path), name).runs]
    assert sorted(held) == archive.run_ids()


def test_segments_that_nothing_names_are_removed_in_time(archive: Archive, replicas: Replicas) -> None:
    folder = index_dir(archive.path)
    Index(archive).entries()
    left = write_segment(folder, archive.path, archive.run_ids())
    assert left
    replicas.add(archive.path, 5)
    time.sleep(TICK_S)
    Index(archive).entries()
    assert (folder / f"{left}.json").exists()
    long_ago = time.time() - module.KEPT_S - 60
    for path in folder.glob(f"{left}*"):
        os.utime(path, (long_ago, long_ago))
    replicas.add(archive.path, 6)
    time.sleep(TICK_S)
    Index(archive).entries()
    assert not list(folder.glob(f"{left}*"))
    assert all((folder / f"{name}.json").exists() for name in state(archive)["segments"])


def spoil(archive: Archive, how: str) -> None:
    folder = index_dir(archive.path)
    said = state(archive)
    name = next(iter(said["segments"]))
    if how in ("version", "made_by", "archive"):
        (folder / "state.json").write_text(json.dumps(said | {how: "another"}))
    elif how == "no state":
        (folder / "state.json").write_text("[1]")
    elif how == "cut state":
        (folder / "state.json").write_bytes((folder / "state.json").read_bytes()[:-20])
    elif how == "gone":
        (folder / f"{name}.parts").unlink()
    else:
        path = folder / f"{name}.{how}"
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 255
        path.write_bytes(content)


@pytest.mark.parametrize(
    "how",
    [
        "version",
        "made_by",
        "archive",
        "no state",
        "cut state",
        "gone",
        "json",
        "parts",
        "trials.parquet",
        "runs.parquet",
    ],
)
def test_an_index_that_does_not_fit_is_made_anew(archive: Archive, how: str) -> None:
    first = list(Index(archive).entries())
    before = set(state(archive)["segments"])
    time.sleep(TICK_S)
    spoil(archive, how)
    assert list(Index(archive).entries()) == first
    assert not before & set(state(archive)["segments"])
    assert rows_of(Index(archive)) == truth(archive)
    assert Index(archive).snapshot().kept.keys() == set(archive.run_ids())


def test_where_nothing_can_be_written_the_files_are_read(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_INDEX", "/proc/none")
    assert [entry.run_id for entry in Index(archive).entries()] == archive.run_ids()
    assert rows_of(Index(archive)) == truth(archive)
    monkeypatch.setenv("BENCH_INDEX", os.devnull)
    assert [entry.run_id for entry in Index(archive).entries()] == archive.run_ids()


def test_a_full_disk_costs_nothing_but_time(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Builder) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Builder, "close", full)
    assert [entry.run_id for entry in Index(archive).entries()] == archive.run_ids()
    assert Index(archive).snapshot().kept == {}


def test_the_archive_itself_is_never_written(archive: Archive) -> None:
    def content() -> list[tuple[str, int]]:
        return sorted((str(path), path.stat().st_mtime_ns) for path in archive.path.rglob("*"))

    before = content()
    Index(archive).entries()
    assert content() == before


def test_many_ask_at_once(archive: Archive, replicas: Replicas) -> None:
    """Eight readers, each with an index of its own or in common, while runs come and go."""
    shared = Index(archive)
    wrong: list[Any] = []
    go_on = threading.Event()

    def ask(index: Callable[[], Index]) -> None:
        while not go_on.is_set():
            try:
                found = rows_of(index())
                if len(found) != len(set(found)):
                    wrong.append(found)
            except FileNotFoundError:
                continue  # a run went between the look and the reading: its own file was to be read
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=ask, args=(index,)) for index in [lambda: shared, lambda: Index(archive)] * 4]
    for thread in threads:
        thread.start()
    try:
        for number in range(20, 26):
            replicas.add(archive.path, number)
            time.sleep(2 * TICK_S)
        shutil.rmtree(archive.folder(archive.run_ids()[0]))
        time.sleep(2 * TICK_S)
    finally:
        go_on.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert rows_of(Index(archive)) == truth(archive)
    assert Index(archive).snapshot().kept.keys() == set(archive.run_ids())


def test_two_that_keep_the_same_runs_leave_each_once(archive: Archive) -> None:
    folder = index_dir(archive.path)
    folder.mkdir(parents=True)
    names = [write_segment(folder, archive.path, archive.run_ids()) for _ in range(2)]
    for name in names:
        Index(archive)._commit(name)
    assert len(state(archive)["segments"]) == 1
    assert rows_of(Index(archive)) == truth(archive)


def test_many_new_runs_are_read_by_several_processes(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MANY", 2)
    monkeypatch.setattr(module, "RUNS_EACH", 2)
    # Other processes have the time to wait of the module itself.
    time.sleep(2.1)
    assert Index(archive).snapshot().kept.keys() == set(archive.run_ids())
    assert len(state(archive)["segments"]) in (2, 3)
    assert rows_of(Index(archive)) == truth(archive)
