"""``collect export``, ``import`` and ``bundle`` as a user meets them; what they write is tested beside this file."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from collect.archive.labels import TAG, add
from collect.archive.store import Archive
from collect.cli import main
from collect.transfer import bundle
from tests.support.many_runs import FLASK, STARLETTE, ManyRuns
from tests.support.openmetrics import parse

Capture = pytest.CaptureFixture[str]


def told(capsys: Capture, *arguments: str) -> str:
    """Return the one line that a wrong call says."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def done(capsys: Capture, *arguments: str) -> str:
    assert main(arguments) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_a_run_goes_into_a_file_or_a_pipe(sealed: Archive, tmp_path: Path, capsys: Capture) -> None:
    where = ("--archive", str(sealed.path))
    path = tmp_path / "trials.csv"
    assert done(capsys, "export", "latest", "--as", "csv", "-o", str(path), *where) == f"{path}\n"
    piped = done(capsys, "export", sealed.run_ids()[0], "--as", "csv", "-o", "-", *where)
    assert piped == path.read_text()
    assert len(list(csv.DictReader(io.StringIO(piped)))) == 4
    assert "bench_trial" in parse(done(capsys, "export", "latest", "--as", "openmetrics", "-o", "-", *where))


def test_filters_choose_runs(tmp_path: Path, capsys: Capture) -> None:
    runs = ManyRuns(tmp_path)
    ids = [runs.add({cell: [400.0]}) for cell in (FLASK, STARLETTE, FLASK)]
    where = ("--archive", str(runs.path))

    def chosen(*filters: str) -> list[str]:
        rows = csv.DictReader(io.StringIO(done(capsys, "export", "--as", "csv", "-o", "-", *filters, *where)))
        return [row["run_id"] for row in rows]

    assert chosen() == ids
    assert chosen("--cell", "starlette") == [ids[1]]
    assert chosen("--since", "2026-01-03") == [ids[2]]
    add(runs.archive, ids[0], TAG, "first")
    assert chosen("--tag", "first") == [ids[0]]
    assert "no run fits" in told(capsys, "export", "--as", "csv", "-o", "-", "--tag", "none", *where)


def test_a_run_that_cannot_be_read_is_named_and_left_out(tmp_path: Path, capsys: Capture) -> None:
    runs = ManyRuns(tmp_path)
    ids = [runs.add({FLASK: [400.0]}) for _ in range(2)]
    (runs.path / ids[0] / "manifest.json").write_text("{")
    assert main(["export", "--as", "csv", "-o", "-", "--archive", str(runs.path)]) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("left out: ")
    assert [row["run_id"] for row in csv.DictReader(io.StringIO(captured.out))] == [ids[1]]
    out = str(tmp_path / "out.csv")
    assert "cannot be read" in told(capsys, "export", ids[0], "--as", "csv", "-o", out, "--archive", str(runs.path))
    assert not Path(out).exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["export"], "Missing option"),
        (["export", "--as", "csv"], "Missing option"),
        (["export", "--as", "xls", "-o", "-"], "xls"),
        (["export", "--as", "csv", "--view", "runs", "-o", "-"], "runs"),
        (["export", "nope", "--as", "csv", "-o", "-"], "there is no run"),
        (["export", "latest", "--cell", "x", "--as", "csv", "-o", "-"], "a run is named, and others are asked for"),
        (["export", "latest", "--as", "locust", "-o", "-"], "several files"),
        (["export", "latest", "--as", "csv", "-o", "/proc/none/x.csv"], "cannot write"),
        (["bundle"], "Missing argument"),
        (["bundle", "latest"], "Missing option"),
        (["bundle", "nope", "-o", "x.zip"], "there is no run"),
        (["bundle", "latest", "-o", "x.rar"], "a bundle is"),
    ],
)
def test_wrong_calls_are_told_in_one_line(
    sealed: Archive, capsys: Capture, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.setenv("BENCH_ARCHIVE", str(sealed.path))
    assert says in told(capsys, *arguments)


def test_an_index_that_is_not_wanted_is_no_filter(sealed: Archive, capsys: Capture) -> None:
    where = ("--archive", str(sealed.path))
    assert done(capsys, "export", "latest", "--no-index", "--as", "csv", "-o", "-", *where)


def test_a_bundle_is_written(sealed: Archive, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "draw", lambda archive, run_id: {"report.html": b"<p>"})
    path = tmp_path / "run.zip"
    where = ("--archive", str(sealed.path))
    assert done(capsys, "bundle", "latest", "-o", str(path), *where) == f"{path}\n"
    said = json.loads(done(capsys, "bundle", "latest", "-o", str(path), "--json", *where))
    assert said == {"run_id": sealed.run_ids()[0], "bundle": str(path), "bytes": path.stat().st_size}


def test_a_reader_that_leaves_early_is_no_trouble(sealed: Archive) -> None:
    command = f"{sys.executable} -c 'from collect.cli import main; raise SystemExit(main())'"
    export = f"export latest --as csv --view requests -o - --archive {sealed.path}"
    run = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{command} {export} | head -c 10"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
