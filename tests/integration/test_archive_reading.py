"""docs/archive.md says how a run is read without this project: its blocks are run as they stand there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from collect.archive.store import Archive
from collect.paths import CHECKOUT
from collect.report.figures import run_figures
from tests.support.followed import blocks
from tests.support.plain_venv import plain_python_with
from tests.support.plans import small_plan
from tests.support.synthetic import write_run

DOCUMENT = CHECKOUT / "docs" / "archive.md"
NAME = "20261124T220730Z-91e799"
"""The run that the document reads."""
NEEDED = ("pandas", "pyarrow", "numpy", "python-dateutil", "tzdata")


def code(kind: str) -> str:
    """Return the blocks of a language as one program."""
    found = [block.text for block in blocks(DOCUMENT.read_text()) if block.kind == kind]
    assert found
    return "\n".join(found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that has an archive with one run, under the name that the document gives it."""
    sealed = write_run(tmp_path / "made", small_plan()).seal()
    shutil.copytree(sealed, tmp_path / "archive" / NAME)
    return tmp_path


def figures_of(folder: Path) -> tuple[str, list[str]]:
    """Return the ratio as our own report has it, and what the fifth trial's row says of its requests."""
    archive = Archive(folder / "made")
    (ratio,) = run_figures(archive, archive.resolve("latest")).ratios
    rows = pq.read_table(folder / "archive" / NAME / "trials.parquet").to_pylist()
    (fifth,) = [row for row in rows if row["ordinal"] == 5]
    right = fifth["requests"] - fifth["failures"]
    assert ratio.ratio is not None
    return f"ratio {ratio.ratio.value:.4f} over 3 blocks", [f"p99 {fifth['latency_p99_ms']}", str(right)]


def python(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the document's Python in a folder, by an interpreter that knows nothing of this project."""
    (folder / "read.py").write_text(code("python"))
    command = [str(plain_python_with(*NEEDED)), "read.py"]
    environment = {"PATH": os.environ["PATH"]}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_in_pandas(folder: Path) -> None:
    done = python(folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    ratio, (p99, right) = figures_of(folder)
    assert "small " in done.stdout
    assert ratio in done.stdout
    assert f"{p99} ms of {right} requests, limited by" in done.stdout


def test_a_changed_byte_is_seen(folder: Path) -> None:
    path = folder / "archive" / NAME / "manifest.json"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")
    assert "manifest.json is not as it was sealed" in python(folder).stderr


def test_a_figure_that_does_not_follow_from_the_requests_is_seen(folder: Path) -> None:
    entry = folder / "archive" / NAME
    rows = pq.read_table(entry / "trials.parquet")
    wrong = [row | {"rps": row["rps"] * 1.001} for row in rows.to_pylist()]
    for path in (entry / "trials.parquet", entry / "SHA256SUMS"):
        path.chmod(0o644)
    pq.write_table(pa.Table.from_pylist(wrong, schema=rows.schema), entry / "trials.parquet")
    (entry / "SHA256SUMS").write_text("")
    assert 'assert len(right) / trial["window_s"] == trial["rps"]' in python(folder).stderr


def test_in_sql(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import duckdb

    monkeypatch.chdir(folder)
    relation = duckdb.sql(code("sql"))
    assert relation is not None
    found = relation.fetchall()
    rows = pq.read_table(folder / "archive" / NAME / "trials.parquet").to_pylist()
    for _, cell, count, rps in found:
        mine = [row["rps"] for row in rows if row["cell"] == cell and row["kind"] == "cell"]
        assert (count, pytest.approx(sum(mine) / len(mine))) == (len(mine), rps)
    assert len(found) == 2


def test_in_r(folder: Path) -> None:
    if shutil.which("Rscript") is None:
        pytest.skip("there is no R here (Debian's r-base-core)")
    if subprocess.run(["Rscript", "-e", "library(arrow)"], capture_output=True, check=False).returncode:
        pytest.skip("R has no arrow here (the package arrow of CRAN)")
    (folder / "read.R").write_text(code("r"))
    done = subprocess.run(["Rscript", "read.R"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    _, (p99, right) = figures_of(folder)
    assert f"{p99} ms of {right} requests" in done.stdout
