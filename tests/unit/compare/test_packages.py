from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from collect.archive import provenance
from collect.compare import packages
from collect.compare.heads import Head
from collect.compare.metadata import Difference
from collect.compare.packages import spelled_out, versions

LOCK = "apps/requirements.lock"
OLD = "flask==2.3.2 \\\n    --hash=sha256:aa\nredis[hiredis]==4.5.5 ; python_version < '3.9'\n# via x==1\nh11==0.14.0\n"
NEW = OLD.replace("2.3.2", "2.3.3").replace("h11==0.14.0\n", "anyio==3.7.0\n")


def head(commit: str | None) -> Head:
    return Head("run", "", {}, {}, {}, {}, None, (), commit, False)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A checkout with two commits of a lock file."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "-q")
    made = []
    for text in (OLD, NEW):
        (tmp_path / "apps").mkdir(exist_ok=True)
        (tmp_path / LOCK).write_text(text)
        git("add", "-A")
        git("commit", "-qm", "lock")
        made.append(git("rev-parse", "HEAD"))
    monkeypatch.setattr(
        packages, "file_at", lambda commit, path, digest: provenance.file_at(commit, path, digest, tmp_path)
    )
    packages._text.cache_clear()
    yield made
    packages._text.cache_clear()


def test_versions_are_read() -> None:
    assert versions(OLD) == {"flask": "2.3.2", "redis": "4.5.5", "h11": "0.14.0"}


def test_packages_are_named(commits: list[str]) -> None:
    lock = Difference("packages", LOCK, sha256(OLD), sha256(NEW))
    kernel = Difference("kernel", "kernel of server", "1", "2")
    told = spelled_out([kernel, lock], head(commits[0]), head(commits[1]))
    assert told[0] == kernel
    assert [difference.in_words() for difference in told[1:]] == [
        f"packages of the apps (anyio, {LOCK}): none / 3.7.0",
        f"packages of the apps (flask, {LOCK}): 2.3.2 / 2.3.3",
        f"packages of the apps (h11, {LOCK}): 0.14.0 / none",
    ]


def test_what_is_not_known_is_told_by_its_sum(commits: list[str]) -> None:
    lock = Difference("packages", LOCK, sha256(OLD), sha256(NEW))
    for first, second in ((head(None), head(commits[1])), (head("f" * 40), head(commits[1])), (head(commits[1]),) * 2):
        assert spelled_out([lock], first, second) == [lock]
    changed = Difference("packages", LOCK, sha256(OLD), "0" * 64)
    assert spelled_out([changed], head(commits[0]), head(commits[1])) == [changed]
    gone = Difference("packages", LOCK, sha256(OLD), None)
    assert spelled_out([gone], head(commits[0]), head(commits[1])) == [gone]
