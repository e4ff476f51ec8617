"""A bundle from the command to somebody who has nothing but it, Python, and the lock file in it."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from collect.cli import main
from collect.transfer.unpack import unpack
from tests.support.plain_venv import plain_python_with
from tests.support.plans import small_plan
from tests.support.synthetic import write_run


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    write_run(folder, small_plan()).seal()
    return folder


@pytest.fixture(scope="module")
def bundle(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "run.tar.gz"
    assert main(["bundle", "latest", "-o", str(path), "--archive", str(archive)]) == 0
    return path


def test_the_command_gives_the_same_bytes_each_time(archive: Path, bundle: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.tar.gz"
    assert main(["bundle", "latest", "-o", str(again), "--archive", str(archive)]) == 0
    assert again.read_bytes() == bundle.read_bytes()


def unpacked(bundle: Path, folder: Path) -> Path:
    unpack(bundle, folder)
    (found,) = folder.iterdir()
    return found


def test_it_holds_the_report_and_its_sentences(bundle: Path, tmp_path: Path) -> None:
    folder = unpacked(bundle, tmp_path)
    assert "<h1" in (folder / "report.html").read_text()
    assert "(report.html#" in (folder / "report.findings.md").read_text(), "sentences lead into the report"


def test_figures_are_drawn_again_with_what_the_lock_names_and_no_more(bundle: Path, tmp_path: Path) -> None:
    folder = unpacked(bundle, tmp_path)
    python = plain_python_with("pyarrow")
    done = subprocess.run(
        [str(python), "-I", "verify.py", "--draw"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "6 trials: their figures are what their requests say" in done.stdout
    assert (folder / "figures.svg").read_text().startswith("<svg ")


def test_pip_takes_the_lock(bundle: Path, tmp_path: Path) -> None:
    """Only as far as it reads and understands it: what it names is installed by the test above."""
    folder = unpacked(bundle, tmp_path)
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--require-hashes", "-r", "requirements.lock"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_empty_environment_verifies(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "unpacked").mkdir()
    folder = unpacked(bundle, tmp_path / "unpacked")
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    done = subprocess.run([str(python), "verify.py"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("every file is as it was sealed\n")
