"""Runs that go: said first, then removed whole, and never one that somebody wants."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collect.archive import gc as module
from collect.archive.filters import Filters, select
from collect.archive.gc import Rule, leftovers, remove, remove_leftovers, sweep
from collect.archive.labels import NOTE, TAG, UNTAG, add, labelled, path_of
from collect.archive.store import Archive
from collect.cli import main
from collect.errors import BenchError
from tests.support.many_runs import BEGIN, FLASK, ManyRuns

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> ManyRuns:
    return ManyRuns(tmp_path_factory.mktemp("gc"))


@pytest.fixture
def runs(template: ManyRuns) -> ManyRuns:
    return template.empty()


def run(runs: ManyRuns, validity: str = "valid", plan: str = "small") -> str:
    """Add a run with a report and sentences beside it."""
    run_id = runs.add({FLASK: [100.0]}, change=lambda manifest: change(manifest, validity, plan))
    (runs.path / f"{run_id}.html").write_text("report\n")
    (runs.path / f"{run_id}.findings.md").write_text("sentences\n")
    return run_id


def change(manifest: dict[str, Any], validity: str, plan: str) -> None:
    manifest["validity"] = validity
    manifest["plan"]["name"] = plan


def gc(capsys: Capture, archive: Archive, *arguments: str) -> Mapping[str, Any]:
    assert main(["gc", *arguments, "--json", "--archive", str(archive.path)]) == 0, capsys.readouterr().err
    found: Mapping[str, Any] = json.loads(capsys.readouterr().out)
    return found


def ids(found: Mapping[str, Any]) -> list[str]:
    return [each["run_id"] for each in found["runs"]]


def names(archive: Archive) -> set[str]:
    return {path.name for path in archive.path.iterdir() if path.name != ".labels.lock"}


def test_it_is_said_first_and_nothing_is_touched(runs: ManyRuns, capsys: Capture) -> None:
    archive, all_ids = runs.archive, [run(runs) for _ in range(3)]
    before = {path: path.stat().st_mtime_ns for path in archive.path.rglob("*")}
    found = gc(capsys, archive, "--keep", "1")
    assert (ids(found), found["removed"], found["kept"], found["leftovers"]) == (all_ids[:2], False, [], [])
    files = [path for path in archive.path.rglob("*") if path.is_file() and all_ids[2] not in str(path)]
    assert found["bytes"] == sum(path.stat().st_size for path in files) > 1000
    assert main(["gc", "--keep", "1", "--archive", str(archive.path)]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split("\t") == ["run_id", "plan", "validity", "MiB"]
    assert "would remove: 2 runs, " in out
    assert "Nothing was removed; add --yes" in out
    assert {path: path.stat().st_mtime_ns for path in archive.path.rglob("*")} == before


def test_what_goes_goes_whole_and_nothing_else(runs: ManyRuns, capsys: Capture) -> None:
    archive, all_ids = runs.archive, [run(runs) for _ in range(3)]
    add(archive, all_ids[0], NOTE, "boring")
    (archive.path / f"{all_ids[0]}.csv").write_text("mine")
    (archive.path / "20990101T000000Z-000000.partial").mkdir()
    found = gc(capsys, archive, "--keep", "1", "--yes")
    assert (ids(found), found["removed"]) == (all_ids[:2], True)
    last = all_ids[2]
    assert names(archive) == {
        last, f"{last}.html", f"{last}.findings.md", f"{all_ids[0]}.csv", "20990101T000000Z-000000.partial",
    }  # fmt: skip
    assert ids(gc(capsys, archive, "--keep", "1", "--yes")) == []


def test_all_that_is_given_has_to_hold(runs: ManyRuns) -> None:
    archive = runs.archive
    all_ids = [run(runs, "invalid" if number % 2 else "valid") for number in range(6)]
    entries = select(archive, Filters())
    now = BEGIN + timedelta(days=5, seconds=1)  # the last run was begun a second ago

    def going(rule: Rule) -> list[int]:
        return [all_ids.index(doomed.run_id) for doomed in sweep(archive, entries, rule, now=now).runs]

    day = 86400.0
    assert going(Rule()) == [0, 1, 2, 3, 4, 5]
    assert going(Rule(invalid=True)) == [1, 3, 5]
    assert going(Rule(older_than_s=3 * day)) == [0, 1, 2]
    assert going(Rule(older_than_s=3 * day + 1)) == [0, 1]  # longer ago, not as long ago
    assert going(Rule(keep=2)) == [0, 1, 2, 3]
    assert going(Rule(keep=2, invalid=True)) == [1, 3]
    assert going(Rule(older_than_s=3 * day, keep=4, invalid=True)) == [1]
    assert going(Rule(keep=6)) == going(Rule(keep=60)) == []


def test_filters_choose(runs: ManyRuns, capsys: Capture) -> None:
    first, second, third = run(runs), run(runs, plan="other"), run(runs, plan="other")
    found = gc(capsys, runs.archive, "--plan", "other", "--keep", "1", "--yes")
    assert ids(found) == [second]
    assert runs.archive.run_ids() == [first, third]


def test_a_tagged_run_never_goes(runs: ManyRuns, capsys: Capture) -> None:
    archive, all_ids = runs.archive, [run(runs) for _ in range(3)]
    add(archive, all_ids[0], TAG, "baseline")
    add(archive, all_ids[1], TAG, "a")
    add(archive, all_ids[1], UNTAG, "a")
    found = gc(capsys, archive, "--older-than", "1h", "--yes")
    assert ids(found) == all_ids[1:]
    assert found["kept"] == [{"run_id": all_ids[0], "why": "tagged baseline"}]
    assert archive.run_ids() == [all_ids[0]]
    assert labelled(archive) == [all_ids[0]]


def test_what_cannot_be_read_stays(runs: ManyRuns, capsys: Capture) -> None:
    archive, all_ids = runs.archive, [run(runs) for _ in range(4)]
    path_of(archive, all_ids[0]).write_bytes(b"tags: precious\n")
    (archive.folder(all_ids[1]) / "manifest.json").write_text("{")
    newer = archive.folder(all_ids[2]) / "manifest.json"
    newer.write_text(json.dumps(json.loads(newer.read_text()) | {"schema_version": 99}))
    found = gc(capsys, archive, "--older-than", "1h", "--yes")
    assert ids(found) == all_ids[3:]
    why = {kept["run_id"]: kept["why"] for kept in found["kept"]}
    assert list(why) == all_ids[:3]
    assert "its labels are damaged: " in why[all_ids[0]]
    assert "cannot be read" in why[all_ids[1]]
    assert "schema 99" in why[all_ids[2]]
    assert archive.run_ids() == all_ids[:3]


def test_a_tag_that_comes_at_the_last_moment_counts(runs: ManyRuns) -> None:
    archive, run_id = runs.archive, run(runs)
    (doomed,) = sweep(archive, select(archive, Filters()), Rule()).runs
    add(archive, run_id, TAG, "wait")
    assert remove(archive, doomed.run_id) == "tagged wait"
    assert archive.run_ids() == [run_id]


@pytest.mark.parametrize("where", ["shutil.rmtree", "_discard_beside"])
def test_an_interrupted_removal_leaves_no_half_run_and_is_gone_on_with(
    runs: ManyRuns, capsys: Capture, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    archive, all_ids = runs.archive, [run(runs) for _ in range(2)]
    add(archive, all_ids[0], NOTE, "boring")
    with monkeypatch.context() as patched:
        patched.setattr(f"collect.archive.gc.{where}", _interrupted)
        assert main(["gc", "--keep", "1", "--yes", "--archive", str(archive.path)]) == 130
    capsys.readouterr()
    assert archive.run_ids() == [all_ids[1]]
    assert [path.name for path in leftovers(archive)] == [f".trash-{all_ids[0]}"]
    said = gc(capsys, archive, "--keep", "1")
    assert (ids(said), said["leftovers"]) == ([], [f".trash-{all_ids[0]}"])
    assert said["bytes"] > 1000
    assert leftovers(archive)
    assert main(["gc", "--yes", "--archive", str(archive.path)]) == 0  # what is left over can go by itself
    assert names(archive) == {all_ids[1], f"{all_ids[1]}.html", f"{all_ids[1]}.findings.md"}


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_run_that_was_brought_back_keeps_what_lies_beside_it(runs: ManyRuns) -> None:
    archive, run_id = runs.archive, run(runs)
    shutil.copytree(archive.folder(run_id), archive.path / f".trash-{run_id}")
    add(archive, run_id, TAG, "back")
    before = names(archive) - {f".trash-{run_id}"}
    remove_leftovers(archive)
    assert names(archive) == before
    shutil.copytree(archive.folder(run_id), archive.path / f".trash-{run_id}")
    add(archive, run_id, UNTAG, "back")
    assert remove(archive, run_id) is None
    assert names(archive) == set()


def test_two_removals_at_once_do_not_meet(runs: ManyRuns) -> None:
    archive, all_ids = runs.archive, [run(runs) for _ in range(8)]
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda run_id: remove(archive, run_id), all_ids * 4)) == {None}
    assert names(archive) == set()


def test_a_run_that_lies_elsewhere_loses_its_link_alone(runs: ManyRuns, tmp_path: Path) -> None:
    archive, run_id = runs.archive, run(runs)
    archive.folder(run_id).rename(tmp_path / "elsewhere")
    archive.folder(run_id).symlink_to(tmp_path / "elsewhere")
    assert remove(archive, run_id) is None
    assert names(archive) == set()
    assert (tmp_path / "elsewhere" / "manifest.json").is_file()


@pytest.mark.parametrize("age", ["90", "d", "1.5d", "-3d", "9m", "٣d", "9999999d", ""])
def test_an_age_that_is_none_is_told(runs: ManyRuns, capsys: Capture, age: str) -> None:
    run(runs)
    assert main(["gc", "--older-than", age, "--yes", "--archive", str(runs.path)]) == 2
    assert "is no age, such as 36h, 90d or 12w" in capsys.readouterr().err
    assert len(runs.archive.run_ids()) == 1


def test_without_a_word_which_runs_none_goes(runs: ManyRuns, capsys: Capture) -> None:
    run(runs)
    for arguments in ([], ["--yes"]):
        assert main(["gc", *arguments, "--archive", str(runs.path)]) == 2
        assert "nothing says which runs are to go" in capsys.readouterr().err
    assert main(["gc", "--keep", "0", "--yes", "--archive", str(runs.path)]) == 2
    capsys.readouterr()
    assert len(runs.archive.run_ids()) == 1
    assert main(["gc", "--keep", "5", "--archive", str(runs.path)]) == 0
    assert capsys.readouterr().out == "would remove: 0 runs, 0 B\n"


def test_bytes_in_words() -> None:
    from collect.cli.gc import in_words

    said = [in_words(count) for count in (0, 1023, 1024, 1536, 5 * 2**20, 3 * 2**30, 2**40, 2**50)]
    assert said == ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "5.0 MiB", "3.0 GiB", "1.0 TiB", "1,024.0 TiB"]


def test_its_own_names_are_what_others_write() -> None:
    from collect.findings.markdown import SUFFIX

    assert SUFFIX in module.BESIDE


def test_to_read_all_files_is_no_reason_to_remove_any(runs: ManyRuns, capsys: Capture) -> None:
    run(runs)
    assert main(["gc", "--no-index", "--yes", "--archive", str(runs.path)]) == 2
    assert "nothing says which runs are to go" in capsys.readouterr().err
    assert len(runs.archive.run_ids()) == 1


def test_the_command_says_what_stayed_after_all(
    runs: ManyRuns, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, all_ids = runs.archive, [run(runs) for _ in range(3)]
    real = module.remove

    def tagged_meanwhile(archive: Archive, run_id: str) -> str | None:
        if run_id == all_ids[0]:
            add(archive, run_id, TAG, "wait")
        return real(archive, run_id)

    monkeypatch.setattr(module, "remove", tagged_meanwhile)
    assert main(["gc", "--keep", "1", "--yes", "--archive", str(archive.path)]) == 0
    out = capsys.readouterr().out
    assert f"kept: {all_ids[0]}: tagged wait\n" in out
    assert "removed: 1 run, " in out
    assert archive.run_ids() == [all_ids[0], all_ids[2]]


def test_a_tag_and_a_removal_at_once_end_in_one_of_the_two(runs: ManyRuns) -> None:
    archive, all_ids = runs.archive, [run(runs) for _ in range(12)]

    def tag(run_id: str) -> bool:
        try:
            return add(archive, run_id, TAG, "keep")
        except BenchError as error:
            if "there is no sealed run" not in str(error):
                raise
            return False

    with ThreadPoolExecutor(2) as pool:
        removed = pool.map(lambda run_id: remove(archive, run_id) is None, all_ids)
        tagged = pool.map(tag, all_ids)
        ended = list(zip(removed, tagged, strict=True))
    assert all(gone != kept for gone, kept in ended)
    left = [run_id for run_id, (gone, _) in zip(all_ids, ended, strict=True) if not gone]
    assert archive.run_ids() == labelled(archive) == left


def test_a_removal_that_is_killed_is_gone_on_with(runs: ManyRuns, capsys: Capture) -> None:
    archive, all_ids = runs.archive, [run(runs) for _ in range(3)]
    program = (
        "import os, shutil, signal, sys; shutil.rmtree = lambda folder: os.kill(os.getpid(), signal.SIGKILL);"
        " from collect.cli import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", program, "gc", "--keep", "1", "--yes", "--archive", str(archive.path)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert archive.run_ids() == all_ids[1:]
    assert ids(gc(capsys, archive, "--keep", "1", "--yes")) == [all_ids[1]]
    assert names(archive) == {all_ids[2], f"{all_ids[2]}.html", f"{all_ids[2]}.findings.md"}
