"""One sealed run, which no test may change, and archives of their own for those that must."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from collect.archive.store import Archive
from tests.support.plans import small_plan
from tests.support.synthetic import Setting, write_run


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """An archive of one run: two cells in two blocks, a few requests of each trial failed."""
    folder = tmp_path_factory.mktemp("sealed")
    write_run(folder, small_plan(2), Setting(rps=300, failures=20)).seal()
    return Archive(folder)


@pytest.fixture
def copied(sealed: Archive, tmp_path: Path) -> Callable[[str], Path]:
    """Return a copy of the run, in a folder of its own, with which a test may do what it likes."""

    def copy(name: str) -> Path:
        (run_id,) = sealed.run_ids()
        folder = tmp_path / name / run_id
        shutil.copytree(sealed.folder(run_id), folder)
        for path in folder.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        return folder

    return copy
