from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.many_runs import ManyRuns

LOCK = "apps/requirements.lock"
OLD, NEW = "flask==2.3.2\n", "flask==2.3.3\n"


@dataclass(frozen=True)
class History:
    """A checkout with two commits of a lock file."""

    path: Path
    commits: tuple[str, str]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> ManyRuns:
    return ManyRuns(tmp_path_factory.mktemp("again"))


@pytest.fixture
def runs(template: ManyRuns) -> ManyRuns:
    return template.empty()


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    path = tmp_path_factory.mktemp("history")

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(path), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "-q")
    (path / "apps").mkdir()
    made = []
    for text in (OLD, NEW):
        (path / LOCK).write_text(text)
        git("add", "-A")
        git("commit", "-qm", "lock")
        made.append(git("rev-parse", "HEAD"))
    return History(path, (made[0], made[1]))
