"""Runs on their way in: as they were sealed, or not at all."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tarfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from collect.archive.labels import NOTE, TAG, add, check, labels, path_of
from collect.archive.store import Archive
from collect.archive.sums import write_sums
from collect.cli import main
from collect.errors import BenchError
from collect.transfer.chains import ADDED, DAMAGED, DIFFER
from collect.transfer.chains import SAME as KNOWN
from collect.transfer.take import IMPORTED, INCOMING, SAME, RefusedError, Taken, importing, items

Copy = Callable[[str], Path]
Capture = pytest.CaptureFixture[str]


def take(archive: Path, *paths: Path) -> list[Taken | RefusedError]:
    """Import, and see that nothing is left of how."""
    with importing(archive) as importer:
        done = [outcome for path in paths for item in items(path) for outcome in importer.take(item)]
    assert not list(archive.glob(f"{INCOMING}*"))
    return done


def taken(archive: Path, *paths: Path) -> list[tuple[str, str]]:
    """Return outcome and labels of runs of which none is refused."""
    done = take(archive, *paths)
    assert all(isinstance(outcome, Taken) for outcome in done), done
    return [(outcome.outcome, outcome.labels) for outcome in done if isinstance(outcome, Taken)]


def refusal(archive: Path, path: Path) -> str:
    """Return why the one run that was to be taken was refused; the archive is as it was."""
    before = state(archive)
    (outcome,) = take(archive, path)
    assert isinstance(outcome, RefusedError), outcome
    assert state(archive) == before
    return str(outcome)


def state(archive: Path) -> dict[str, tuple[int, int]]:
    """Return all that is in an archive but the locks' empty files."""
    return {
        path.relative_to(archive).as_posix(): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in archive.rglob("*")
        if not path.name.endswith(".lock") and path.is_file()
    }


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def tarred(path: Path, folder: Path, name: str | None = None) -> Path:
    with tarfile.open(path, "w:gz") as made:
        made.add(folder, name or folder.name)
    return path


def other(folder: Path, run_id: str) -> Path:
    """Turn a copied run into one of another id, sealed anew; only its manifest and trials say which it is."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    manifest = json.loads((folder / "manifest.json").read_text()) | {"run_id": run_id}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    table = pq.read_table(folder / "trials.parquet")
    ids = pa.array([run_id] * table.num_rows)
    place = table.schema.get_field_index("run_id")
    pq.write_table(table.set_column(place, "run_id", ids), folder / "trials.parquet")
    write_sums(folder)
    renamed = folder.with_name(run_id)
    folder.rename(renamed)
    return renamed


def test_a_run_arrives_as_it_was_sealed(sealed: Archive, tmp_path: Path) -> None:
    archive = tmp_path / "new" / "archive"
    (run_id,) = sealed.run_ids()
    assert taken(archive, sealed.folder(run_id)) == [(IMPORTED, "")]
    arrived = Archive(archive)
    assert arrived.run_ids() == [run_id]
    assert arrived.verify(run_id) == []
    assert contents(arrived.folder(run_id)) == contents(sealed.folder(run_id))
    modes = {stat.S_IMODE(path.stat().st_mode) for path in arrived.folder(run_id).rglob("*") if path.is_file()}
    assert modes == {0o444}


def test_the_same_run_again_changes_nothing(sealed: Archive, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    folder = sealed.folder(sealed.resolve("latest"))
    take(archive, folder)
    before = state(archive)
    assert taken(archive, folder) == [(SAME, "")]
    assert taken(archive, tarred(tmp_path / "run.tar.gz", folder)) == [(SAME, "")]
    assert state(archive) == before


@pytest.mark.parametrize("name", ["manifest.json", "requests.parquet", "SHA256SUMS"])
def test_a_changed_byte_is_refused(copied: Copy, tmp_path: Path, name: str) -> None:
    folder = copied("changed")
    content = bytearray((folder / name).read_bytes())
    content[40] ^= 1
    (folder / name).write_bytes(content)
    archive = tmp_path / "archive"
    archive.mkdir()
    assert "the run is damaged: " in refusal(archive, folder)
    assert "the run is damaged: " in refusal(archive, tarred(tmp_path / "run.tgz", folder))


def test_a_missing_file_and_one_too_many_are_refused(copied: Copy, tmp_path: Path) -> None:
    missing, more = copied("missing"), copied("more")
    (missing / "samples.parquet").unlink()
    (more / "extra").write_text("x")
    archive = tmp_path / "archive"
    archive.mkdir()
    assert "samples.parquet: missing" in refusal(archive, missing)
    assert "extra: not in SHA256SUMS" in refusal(archive, more)
    write_sums(missing)
    assert "samples.parquet: missing" in refusal(archive, missing), "sums alone make no run"


def test_links_and_pipes_are_refused_and_not_followed(copied: Copy, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    linked, piped = copied("linked"), copied("piped")
    (linked / "logs" / "link").symlink_to("/etc/passwd")
    assert "link: not a plain file" in refusal(archive, linked)
    os.mkfifo(piped / "pipe")
    assert "pipe: not a plain file" in refusal(archive, piped)
    unread = copied("unread")
    (unread / "manifest.json").unlink()
    os.mkfifo(unread / "manifest.json")
    assert "its manifest cannot be read" in refusal(archive, unread)


def test_another_run_of_the_same_id_is_refused(sealed: Archive, copied: Copy, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    run_id = sealed.resolve("latest")
    take(archive, sealed.folder(run_id))
    forged = copied("forged")
    (forged / "logs" / "note").write_text("x")
    write_sums(forged)
    assert f"another run {run_id} is in the archive" in refusal(archive, forged)
    assert Archive(archive).verify(run_id) == []


def test_the_same_as_a_damaged_one_is_told(sealed: Archive, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    run_id = sealed.resolve("latest")
    take(archive, sealed.folder(run_id))
    damaged = archive / run_id / "requests.parquet"
    damaged.chmod(0o644)
    damaged.write_bytes(b"")
    assert "and damaged there: requests.parquet: changed" in refusal(archive, sealed.folder(run_id))


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        ('{"run_id": "20261126T000000Z-000000", "schema_version": 99}', "has schema 99"),
        ('{"run_id": "../../out", "schema_version": 2}', "its manifest names no run"),
        ('{"run_id": 7, "schema_version": 2}', "its manifest names no run"),
        ("[]", "its manifest cannot be read"),
        ("{", "its manifest cannot be read"),
        ("[" * 100_000, "its manifest cannot be read"),
        ('{"run_id": "20261126T000000Z-000000", "schema_version": "\\u001b[31m"}', "has schema ?[31m"),
    ],
)
def test_manifests_that_make_no_run(copied: Copy, tmp_path: Path, manifest: str, says: str) -> None:
    folder = copied("odd")
    (folder / "manifest.json").write_text(manifest)
    write_sums(folder)
    archive = tmp_path / "archive"
    archive.mkdir()
    assert says in refusal(archive, folder)


def test_trials_of_another_run_are_refused(sealed: Archive, copied: Copy, tmp_path: Path) -> None:
    folder = copied("mixed")
    renamed = other(folder, "20260101T000000Z-000001")
    shutil.copyfile(sealed.folder(sealed.resolve("latest")) / "trials.parquet", renamed / "trials.parquet")
    write_sums(renamed)
    archive = tmp_path / "archive"
    archive.mkdir()
    assert "its trials are of another run" in refusal(archive, renamed)


def test_a_run_under_way_here_is_not_thrown_away(sealed: Archive, tmp_path: Path) -> None:
    """The raw files of a run that is there sealed, too, are removed as left behind."""
    run_id = sealed.resolve("latest")
    archive = tmp_path / "archive"
    (archive / f"{run_id}.partial").mkdir(parents=True)
    assert f"the run {run_id} is under way here" in refusal(archive, sealed.folder(run_id))
    assert (archive / f"{run_id}.partial").is_dir()


def many(copied: Copy, count: int) -> Path:
    """Return an archive of so many runs that differ in nothing but who they are."""
    ids = [f"202601{number + 1:02d}T000000Z-00000{number}" for number in range(count)]
    folders = [other(copied(f"many-{run_id}"), run_id) for run_id in ids]
    archive = folders[0].parent.with_name("many")
    archive.mkdir()
    for folder in folders:
        folder.rename(archive / folder.name)
    return archive


def test_a_whole_archive_and_a_tar_of_it(copied: Copy, tmp_path: Path) -> None:
    source = many(copied, 3)
    (source / "20260201T000000Z-000009.partial").mkdir()
    ids = Archive(source).run_ids()
    damaged = source / ids[1] / "requests.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    for number, path in enumerate((source, tarred(tmp_path / "all.tgz", source))):
        archive = tmp_path / f"archive-{number}"
        outcomes = take(archive, path)
        assert [isinstance(outcome, Taken) for outcome in outcomes] == [True, False, True]
        assert Archive(archive).run_ids() == [ids[0], ids[2]]


def test_a_tar_of_a_runs_content_and_one_under_another_name(sealed: Archive, tmp_path: Path) -> None:
    run_id = sealed.resolve("latest")
    for number, name in enumerate((".", "mine", f"a/b/{run_id}")):
        archive = tmp_path / f"archive-{number}"
        path = tarred(tmp_path / f"{number}.tgz", sealed.folder(run_id), name)
        assert taken(archive, path) == [(IMPORTED, "")]
        assert Archive(archive).verify(run_id) == []


def test_an_evil_tar_leaves_the_archive_as_it_was(sealed: Archive, tmp_path: Path) -> None:
    run_id = sealed.resolve("latest")
    archive = tmp_path / "archive"
    path = tmp_path / "evil.tgz"
    with tarfile.open(path, "w:gz") as made:
        made.add(sealed.folder(run_id), run_id)
        link = tarfile.TarInfo(f"{run_id}/logs/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        made.addfile(link)
    with pytest.raises(BenchError, match="neither a plain file nor a folder"):
        take(archive, path)
    assert state(archive) == {}
    assert not list(archive.glob(f"{INCOMING}*"))


def test_labels_come_along_and_go_on(copied: Copy, tmp_path: Path) -> None:
    folder = copied("labelled")
    source, run_id = Archive(folder.parent), folder.name
    add(source, run_id, TAG, "baseline")
    archive = tmp_path / "archive"
    assert taken(archive, folder) == [(IMPORTED, ADDED)]
    here = Archive(archive)
    assert labels(here, run_id).tags == ("baseline",)
    assert taken(archive, folder) == [(SAME, KNOWN)]

    add(source, run_id, NOTE, "later")
    assert taken(archive, tarred(tmp_path / "all.tgz", folder.parent)) == [(SAME, ADDED)]
    assert [note.text for note in labels(here, run_id).notes] == ["later"]
    assert check(here, run_id) == []

    add(here, run_id, NOTE, "ours")
    before = path_of(here, run_id).read_bytes()
    assert taken(archive, folder) == [(SAME, KNOWN)], "ours go on from theirs"
    add(source, run_id, NOTE, "theirs")
    assert taken(archive, folder) == [(SAME, DIFFER)]
    assert path_of(here, run_id).read_bytes() == before


@pytest.mark.parametrize("damage", ["change", "other", "long", "link"])
def test_damaged_labels_do_not_come_along(copied: Copy, tmp_path: Path, damage: str) -> None:
    folder = copied("labelled")
    source, run_id = Archive(folder.parent), folder.name
    add(source, run_id, NOTE, "one")
    add(source, run_id, NOTE, "two")
    path = path_of(source, run_id)
    if damage == "change":
        path.write_bytes(path.read_bytes().replace(b'"one"', b'"eno"'))
    elif damage == "other":
        path.write_bytes(path.read_bytes().split(b"\n", 1)[1])
    elif damage == "long":
        path.write_bytes(path.read_bytes() + b"x" * 2**23)
    else:
        path.rename(path.with_suffix(".moved"))
        path.symlink_to(path.with_suffix(".moved"))
    archive = tmp_path / "archive"
    assert taken(archive, folder) == [(IMPORTED, DAMAGED)]
    assert not path_of(Archive(archive), run_id).exists()


def test_a_line_that_a_crash_left_unfinished_does_not_matter(copied: Copy, tmp_path: Path) -> None:
    folder = copied("labelled")
    source, run_id = Archive(folder.parent), folder.name
    path = path_of(source, run_id)
    archive = tmp_path / "archive"
    path.write_bytes(b'{"at": "2026')
    assert taken(archive, folder) == [(IMPORTED, "")]
    path.unlink()
    add(source, run_id, NOTE, "one")
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"at": "2026')
    assert taken(archive, folder) == [(SAME, ADDED)]
    assert path_of(Archive(archive), run_id).read_bytes() == whole


def test_two_imports_at_once_do_not_meet(sealed: Archive, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    folder = sealed.folder(sealed.resolve("latest"))
    outcomes: list[tuple[str, str]] = []
    threads = [threading.Thread(target=lambda: outcomes.extend(taken_quietly(archive, folder))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome for outcome, _ in outcomes) == [IMPORTED, SAME, SAME, SAME]
    assert Archive(archive).verify(folder.name) == []


def taken_quietly(archive: Path, folder: Path) -> Sequence[tuple[str, str]]:
    with importing(archive) as importer:
        assert len(list(archive.glob(f"{INCOMING}*"))) == 1, "another import is at work"
        return [(each.outcome, each.labels) for each in importer.take(folder) if isinstance(each, Taken)]


def test_what_a_killed_import_left_is_removed(sealed: Archive, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    left = archive / f"{INCOMING}0123" / "20261126T000000Z-000000"
    left.mkdir(parents=True)
    (left / "manifest.json").write_text("{")
    assert Archive(archive).run_ids() == []
    take(archive, sealed.folder(sealed.resolve("latest")))
    assert not left.parent.exists()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "there is nothing of that name"),
        (lambda path: path.mkdir(), "there is no sealed run in it"),
        (lambda path: path.write_bytes(b"PK\x03\x04rest"), "a zip is not taken as it is"),
        (os.mkfifo, "neither a folder nor a file"),
    ],
)
def test_what_is_no_run(tmp_path: Path, make: Callable[[Path], object], says: str) -> None:
    path = tmp_path / "source"
    make(path)
    with pytest.raises(BenchError, match=says):
        items(path)


def test_a_run_under_way_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "20261126T000000Z-000000.partial"
    path.mkdir()
    with pytest.raises(BenchError, match="the run is not sealed"):
        items(path)


def test_a_tar_without_a_run(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    path = tarred(tmp_path / "empty.tgz", tmp_path / "empty")
    archive = tmp_path / "archive"
    with pytest.raises(BenchError, match="there is no sealed run in it"):
        take(archive, path)
    assert state(archive) == {}


def test_the_command(sealed: Archive, copied: Copy, tmp_path: Path, capsys: Capture) -> None:
    where = ("--archive", str(tmp_path / "archive"))
    run_id = sealed.resolve("latest")
    folder = str(sealed.folder(run_id))
    assert main(["import", folder, *where]) == 0
    assert capsys.readouterr().out == f"{run_id}: imported\n"
    assert main(["import", folder, "--json", *where]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"run_id": run_id, "outcome": "the same is there already", "labels": None}
    ]
    damaged = copied("damaged")
    (damaged / "manifest.json").write_bytes((damaged / "manifest.json").read_bytes() + b" ")
    assert main(["import", str(damaged), *where]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert main(["import", str(tmp_path / "none"), *where]) == 2
    assert "there is nothing of that name" in capsys.readouterr().err
    assert main(["import", *where]) == 2
    assert "Missing argument" in capsys.readouterr().err


def test_labels_that_are_not_taken_are_an_error(copied: Copy, tmp_path: Path, capsys: Capture) -> None:
    folder = copied("labelled")
    add(Archive(folder.parent), folder.name, NOTE, "theirs")
    where = ("--archive", str(tmp_path / "archive"))
    assert main(["import", str(folder), *where]) == 0
    assert capsys.readouterr().out == f"{folder.name}: imported, labels added\n"
    path = path_of(Archive(folder.parent), folder.name)
    path.unlink()
    add(Archive(folder.parent), folder.name, NOTE, "others")
    assert main(["import", str(folder), *where]) == 2
    captured = capsys.readouterr()
    assert captured.out == f"{folder.name}: the same is there already\n"
    assert captured.err.startswith("error: labels not taken, they do not go on from those in the archive")


def test_a_run_in_a_tar_is_called_by_the_tars_name(copied: Copy, tmp_path: Path) -> None:
    folder = copied("damaged")
    (folder / "logs" / "more").write_text("x")
    archive = tmp_path / "archive"
    archive.mkdir()
    path = tarred(tmp_path / "run.tgz", folder)
    said = refusal(archive, path)
    assert f"({path}: {folder.name})" in said
    assert INCOMING not in said
