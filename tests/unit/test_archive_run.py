"""From begin to sealed entry, and through the troubles on the way."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collect.archive import seal as sealing
from collect.archive.names import RUN_ID, partial_ids
from collect.archive.partial import PartialRun, begin_run, open_partial, resume_run
from collect.archive.space import bytes_needed, check_archive_dir
from collect.archive.store import UPGRADES, Archive
from collect.errors import BenchError
from tests.support.plans import small_plan
from tests.support.synthetic import Setting, finish, write_run, write_trial


def begun(folder: Path, blocks: int = 3) -> PartialRun:
    return begin_run(folder, small_plan(blocks), inventory="local")


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    folder = tmp_path_factory.mktemp("archive")
    write_run(folder, small_plan()).seal()
    return Archive(folder)


def test_a_sealed_entry_is_complete_and_checks_without_this_project(sealed: Archive) -> None:
    (run_id,) = sealed.run_ids()
    folder = sealed.folder(run_id)
    assert RUN_ID.fullmatch(run_id)
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "manifest.json", "trials.parquet", "samples.parquet", "requests.parquet", "locust", "logs", "SHA256SUMS",
    }  # fmt: skip
    done = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, check=True)
    assert len(done.stdout.splitlines()) == sum(path.is_file() for path in folder.rglob("*")) - 1
    assert sealed.verify(run_id) == []
    assert not [path for path in folder.rglob("*") if path.is_file() and path.stat().st_mode & 0o222]
    assert [path.name for path in sealed.path.iterdir()] == [run_id]


def test_the_manifest_says_what_is_needed_to_do_it_again(sealed: Archive) -> None:
    manifest = sealed.manifest(sealed.resolve("latest"))
    assert manifest["schema_version"] == 2
    assert manifest["plan"] == json.loads(json.dumps(small_plan().to_json()))
    assert set(manifest["catalog"]["variants"]) >= {"flask-werkzeug", "starlette-uvicorn"}
    assert set(manifest["hosts"]) == {"server1", "client1"}
    assert manifest["git"].keys() == {"commit", "dirty"}
    assert "uv.lock" in manifest["locks"]
    assert [trial["validity"] for trial in manifest["trials"]] == ["valid"] * 6
    assert manifest["trials"][0]["clocks"]["client1"]["uncertainty_s"] == 0.0005
    assert (manifest["validity"], manifest["reasons"]) == ("valid", [])
    assert manifest["sessions"][0]["ended_at"]


def test_a_run_is_told_by_id_prefix_or_latest(tmp_path: Path) -> None:
    ids = []
    for second in (1, 2):
        run = begun(tmp_path, 1)
        renamed = tmp_path / f"2026112{second}T000000Z-abcdef.partial"
        run.path.rename(renamed)
        content = json.loads((renamed / "run.json").read_text()) | {"run_id": renamed.name.removesuffix(".partial")}
        (renamed / "run.json").write_text(json.dumps(content))
        run = open_partial(renamed)
        for spec in run.trials():
            finish(run, spec, Setting())
        ids.append(run.seal().name)
    archive = Archive(tmp_path)
    assert archive.run_ids() == ids
    assert archive.resolve("latest") == archive.resolve(ids[1]) == archive.resolve("20261122") == ids[1]
    for wrong, told in (("202611", "fits 2 runs"), ("2025", "there is no run"), ("", "there is no run")):
        with pytest.raises(BenchError, match=told):
            archive.resolve(wrong)
    with pytest.raises(BenchError, match="there is no archive"):
        Archive(tmp_path / "nope")


def test_an_interrupted_run_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    run = begun(tmp_path, 1)
    first, second = run.trials()
    finish(run, first, Setting())
    write_trial(run.trial_folder(second), second, Setting())  # here the control node dies
    assert partial_ids(tmp_path) == [run.run_id]
    assert Archive(tmp_path).run_ids() == []
    assert Archive(tmp_path).verify(f"{run.run_id}.partial") == [f"not sealed: go on with -e resume={run.run_id}"]
    with pytest.raises(BenchError, match="is not sealed"):
        Archive(tmp_path).resolve(run.run_id)
    with pytest.raises(BenchError, match="1 of 2 trials are not measured yet"):
        run.seal()

    resumed = resume_run(tmp_path, run.run_id, plan=small_plan(1), inventory="local")
    assert resumed.remaining() == [second]
    finish(resumed, second, Setting())
    entry = resumed.seal()
    manifest = Archive(tmp_path).manifest(run.run_id)
    assert len(manifest["sessions"]) == 2
    assert manifest["failed_attempts"] == [f"{second.trial_id}-1"]
    error = json.loads((entry / "failed" / f"{second.trial_id}-1" / "error.json").read_text())
    assert error["error"] == "interrupted"
    assert Archive(tmp_path).verify(run.run_id) == []

    whole = write_run(tmp_path / "whole", small_plan(1)).seal()
    assert {path.name for path in whole.iterdir()} | {"failed"} == {path.name for path in entry.iterdir()}


def test_resume_refuses_what_is_not_the_same_run(tmp_path: Path) -> None:
    run = begun(tmp_path, 1)
    with pytest.raises(BenchError, match=f"those there are: {run.run_id}"):
        resume_run(tmp_path, "20200101T000000Z-000000")
    with pytest.raises(BenchError, match="there is no run"):
        resume_run(tmp_path, "../etc")
    with pytest.raises(BenchError, match="inventory local, not lab"):
        resume_run(tmp_path, run.run_id, inventory="lab")
    with pytest.raises(BenchError, match="another plan or catalog"):
        resume_run(tmp_path, run.run_id, plan=replace(small_plan(1), seed=2))
    for spec in run.trials():
        finish(run, spec, Setting())
    run.seal()
    with pytest.raises(BenchError, match="is sealed"):
        resume_run(tmp_path, run.run_id)


def test_failed_attempts_are_kept_with_their_error(tmp_path: Path) -> None:
    run = begun(tmp_path, 1)
    spec = run.trials()[0]
    for number in (1, 2):
        folder = run.trial_folder(spec)
        (folder / "app.log.tail").write_text("boom")
        kept = run.fail_trial(spec.to_json(), folder, "expected 200 got 500")
        assert kept.name == f"{spec.trial_id}-{number}"
        assert json.loads((kept / "error.json").read_text())["error"] == "expected 200 got 500"
    assert run.remaining()[0] == spec
    assert not folder.exists()


def test_an_incomplete_run_can_be_sealed_on_demand_and_says_so(tmp_path: Path) -> None:
    run = begun(tmp_path, 1)
    with pytest.raises(BenchError, match="2 of 2 trials"):
        run.seal(incomplete=True)
    finish(run, run.trials()[0], Setting())
    run.seal(incomplete=True)
    manifest = Archive(tmp_path).manifest(run.run_id)
    assert (manifest["validity"], manifest["reasons"]) == ("degraded", ["1 of 2 trials were not measured"])


@pytest.mark.parametrize("step", ["write_sums", "fsync_tree", "rename_durably", "remove_tree"])
def test_a_crash_while_sealing_leaves_the_run_or_the_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    run = write_run(tmp_path, small_plan(1))

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sealing, step, crash)
        with pytest.raises(KeyboardInterrupt):
            run.seal()
    archive = Archive(tmp_path)
    if step == "remove_tree":
        assert archive.verify(run.run_id) == []
        assert partial_ids(tmp_path) == []
        sealing.remove_leftovers(tmp_path)
    else:
        assert archive.run_ids() == []
        open_partial(run.path).seal()
    assert archive.verify(run.run_id) == []
    assert [path.name for path in tmp_path.iterdir()] == [run.run_id]


def test_damage_is_found_and_named(sealed: Archive, tmp_path: Path) -> None:
    run_id = sealed.resolve("latest")

    def copy() -> Archive:
        shutil.rmtree(tmp_path / "a", ignore_errors=True)
        shutil.copytree(sealed.path, tmp_path / "a")
        for path in (tmp_path / "a").rglob("*"):
            path.chmod(path.stat().st_mode | stat.S_IWUSR)
        return Archive(tmp_path / "a")

    damaged = copy()
    (damaged.folder(run_id) / "trials.parquet").unlink()
    assert damaged.verify(run_id) == ["trials.parquet: missing"]
    damaged = copy()
    (damaged.folder(run_id) / "more.txt").write_text("")
    assert damaged.verify(run_id) == ["more.txt: not in SHA256SUMS"]
    damaged = copy()
    (damaged.folder(run_id) / "logs" / "link").symlink_to("/etc/passwd")
    assert damaged.verify(run_id) == ["logs/link: not a plain file"]
    damaged = copy()
    sums = damaged.folder(run_id) / "SHA256SUMS"
    sums.write_text(sums.read_text().upper().replace("MANIFEST.JSON", "manifest.json"))
    assert damaged.verify(run_id)
    damaged = copy()
    sums = damaged.folder(run_id) / "SHA256SUMS"
    sums.write_text("".join(reversed(sums.read_text().splitlines(keepends=True))))
    assert damaged.verify(run_id) == ["SHA256SUMS: changed"]
    sums.unlink()
    assert damaged.verify(run_id) == ["not sealed"]


def test_schemas_newer_are_refused_by_name_and_older_upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "20261124T000000Z-000000"
    folder.mkdir()
    (folder / "SHA256SUMS").write_text("")
    for version, told in ((3, "has schema 3, this checkout reads up to 2"), ("1", "schema 1"), (None, "schema")):
        (folder / "manifest.json").write_text(json.dumps({"schema_version": version}))
        with pytest.raises(BenchError, match=told):
            Archive(tmp_path).manifest(folder.name)
    for damage in ("", "{", "[]", "{}"):
        (folder / "manifest.json").write_text(damage)
        with pytest.raises(BenchError, match="manifest cannot be read"):
            Archive(tmp_path).manifest(folder.name)
    monkeypatch.setitem(UPGRADES, 0, lambda old, _: {**old, "schema_version": 1, "plan": old["scheme"]})
    (folder / "manifest.json").write_text(json.dumps({"schema_version": 0, "scheme": "quick"}))
    manifest = Archive(tmp_path).manifest(folder.name)
    assert (manifest["plan"], manifest["schema_version"], manifest["read_as"]) == ("quick", 2, 0)


def test_an_archive_that_cannot_take_a_run_is_found_before_it(tmp_path: Path) -> None:
    plan = small_plan()
    check_archive_dir(tmp_path / "new" / "deep", plan)
    assert list((tmp_path / "new" / "deep").iterdir()) == []
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/none")):
        with pytest.raises(BenchError, match=r"archive_dir cannot be written: .*choose another with -e archive_dir="):
            check_archive_dir(folder, plan)


def test_too_little_disk_is_found_before_the_first_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=bytes_needed(small_plan()) - 1))
    with pytest.raises(BenchError, match="MiB are free, a run of this plan may take"):
        begun(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_costs_the_trial_under_way_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(tmp_path, 1)
    first, second = run.trials()
    finish(run, first, Setting())

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(BenchError, match=r"the disk is full .*finished trials are kept"):
            finish(run, second, Setting())
    assert resume_run(tmp_path, run.run_id).remaining() == [second]


def test_a_folder_that_is_no_run_under_way_is_told(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="not a run under way"):
        open_partial(tmp_path)
    run = begun(tmp_path, 1)
    content = json.loads((run.path / "run.json").read_text()) | {"schema_version": 7}
    (run.path / "run.json").write_text(json.dumps(content))
    with pytest.raises(BenchError, match="begun with schema 7"):
        open_partial(run.path)


def test_requests_are_compact(sealed: Archive) -> None:
    import pyarrow.parquet as pq

    path = sealed.folder(sealed.resolve("latest")) / "requests.parquet"
    file = pq.ParquetFile(path)
    assert file.metadata.num_row_groups == 6  # a trial each, so that one can be read alone
    assert path.stat().st_size / file.metadata.num_rows < 6
