"""The code of then: told, never checked out; its lock files taken over where git knows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from collect.archive.provenance import file_at, knows
from collect.compare.heads import Head
from collect.errors import BenchError
from collect.paths import CHECKOUT
from collect.rerun.code import ENVIRONMENTS, notes, takable, take, worktree
from tests.unit.rerun.conftest import LOCK, NEW, OLD, History, sha256


def head(commit: str | None, text: str = OLD, **more: Any) -> Head:
    values: dict[str, Any] = {"dirty": False, "locks": {LOCK: sha256(text)}, **more}
    return Head("run", "", {}, {}, hosts={}, server=None, clients=(), commit=commit, **values)


def now(commit: str | None, *, dirty: bool = False, **locks: str) -> dict[str, Any]:
    return {"git": {"commit": commit, "dirty": dirty}, "locks": locks}


def test_a_worktree_is_named_and_not_made(history: History) -> None:
    before = sorted(history.path.parent.iterdir())
    commit = history.commits[0]
    folder = f"../{history.path.name}-{commit[:8]}"
    assert worktree(commit, history.path) == f"git worktree add {folder} {commit[:12]}"
    assert worktree("f" * 40, history.path).startswith("git fetch, for this checkout has no such commit, then git work")
    for odd in (None, "", "HEAD", "--output=/tmp/x", 7):
        assert worktree(odd, history.path) == "the run names no commit"
    assert sorted(history.path.parent.iterdir()) == before


def test_git_is_asked_for_commits_alone(history: History, tmp_path: Path) -> None:
    target = tmp_path / "written"
    assert file_at(f"--output={target}", LOCK, sha256(OLD), history.path) is None
    assert not knows(f"--output={target}", history.path)
    assert not list(tmp_path.iterdir())
    assert knows(history.commits[0], history.path)
    assert not knows("f" * 40, history.path)


def test_lock_files_of_then_are_taken_where_these_are_others(history: History) -> None:
    first, path = history.commits[0], history.path
    own = {LOCK: sha256(NEW)}
    assert takable(head(first), own, (), path) == {LOCK: sha256(OLD)}
    assert takable(head(first), {LOCK: sha256(OLD)}, (), path) == {}, "they are here already"
    assert takable(head(first), own, {"packages"}, path) == {}, "they may differ"
    assert takable(head(first, "flask==1\n"), own, (), path) == {}, "git does not know that text"
    assert takable(head(None), own, (), path) == {}
    assert takable(head("f" * 40), own, (), path) == {}
    collector = "collect/sampler/requirements.lock"
    assert takable(head(first, locks={collector: "0" * 64}), {}, (), path) == {}, "what measures goes with the code"


def test_what_is_taken_names_all_environments(history: History, tmp_path: Path) -> None:
    first, path = history.commits[0], history.path
    assert take({}, first, tmp_path / "none", path) == {}
    assert not list(tmp_path.iterdir())
    variables = take({LOCK: sha256(OLD)}, first, tmp_path / "kept", path)
    assert Path(variables["python_locks"]["app"]).read_text() == OLD
    assert (history.path / LOCK).read_text() == NEW, "the checkout's own stays"
    load = str((path / "collect/load/requirements.lock").resolve())
    assert variables["python_locks"]["load"] == load
    assert set(variables) == {"python_locks", "python_modern_locks"}
    assert take({LOCK: sha256(OLD)}, first, tmp_path / "kept", path) == variables, "as when it is gone on with"
    assert len(list((tmp_path / "kept").iterdir())) == 1
    for commit in ("f" * 40, None):
        with pytest.raises(BenchError, match="is not known"):
            take({LOCK: sha256(OLD)}, commit, tmp_path / "kept", path)
    with pytest.raises(BenchError, match="is not known"):
        take({"uv.lock": sha256(OLD)}, first, tmp_path / "kept", path)


def test_a_folder_that_cannot_be_written_is_told(history: History, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="cannot write"):
        take({LOCK: sha256(OLD)}, history.commits[0], tmp_path / "file" / "x", history.path)


def test_the_environments_are_those_of_the_role() -> None:
    defaults = yaml.safe_load((CHECKOUT / "roles" / "python" / "defaults" / "main.yml").read_text())
    for variable in ("python_locks", "python_modern_locks"):
        mine = {name: lock for lock, (of, name) in ENVIRONMENTS.items() if of == variable}
        assert set(mine) == set(defaults[variable])
        for name, lock in mine.items():
            assert lock in defaults[variable][name]
            assert (CHECKOUT / lock).is_file()


def test_what_is_another_code_is_said(history: History) -> None:
    first, second = history.commits
    assert notes(head(first), now(first), {}, history.path) == []
    (said,) = notes(head(first), now(second), {}, history.path)
    assert said == (
        f"the code was {first[:8]} and is {second[:8]}; to have that of then: {worktree(first, history.path)}"
    )
    assert notes(head(first), now(first, dirty=True), {}, history.path) == [
        f"the code is {first[:8]}, as it was, but for changes in this checkout"
    ]
    assert "on no record" in notes(head(first, dirty=True), now(first), {}, history.path)[-1]
    assert notes(head(first), now(first), {LOCK: "x"}, history.path) == [
        f"installed on the hosts as it was then: {LOCK}"
    ]
    control = head(first, locks={"uv.lock": "a"})
    assert "uv.lock" in notes(control, now(first, dirty=False, **{"uv.lock": "b"}), {}, history.path)[-1]
    (unknown,) = notes(head(None), now(None), {}, history.path)
    assert "the run names no commit" in unknown
