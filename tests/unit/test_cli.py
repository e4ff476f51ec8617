"""The command as a user meets it: exit codes, one-line errors, plain output into a pipe."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from collect.archive.partial import begin_run
from collect.archive.query import Database
from collect.archive.store import Archive
from collect.cli import COMMANDS, main
from collect.errors import BenchError
from collect.plan import plan_names
from tests.support.plans import small_plan
from tests.support.synthetic import write_run

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    write_run(folder, small_plan()).seal()
    return folder


def told(capsys: Capture, *arguments: str) -> str:
    """Return the one line that a wrong call says."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err
    return captured.err


def done(capsys: Capture, *arguments: str) -> str:
    assert main(arguments) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_list_show_and_verify(archive: Path, capsys: Capture) -> None:
    where = ("--archive", str(archive))
    (entry,) = json.loads(done(capsys, "list", "--json", *where))
    assert (entry["plan"], entry["trials"], entry["validity"]) == ("small", 6, "valid")
    listed = done(capsys, "list", *where).splitlines()[1].split("\t")
    assert (listed[0], listed[2]) == (entry["run_id"], "small")
    shown = done(capsys, "show", "latest", *where)
    assert "starlette-uvicorn / flask-werkzeug on redis, 10 users, locust-http, article: " in " ".join(shown.split())
    assert "article: 4.3, 3.98 by its text" in " ".join(shown.split())
    whole = json.loads(done(capsys, "show", entry["run_id"][:12], "--json", *where))
    assert len(whole["trials"]) == 6
    assert whole["ratios"][0]["ratio"]["value"] == pytest.approx(2.22, abs=0.1)
    trial = json.loads(done(capsys, "show", "latest", "3", "--json", *where))
    assert trial["ordinal"] == 3
    assert f"trial_id\t{trial['trial_id']}\t" in done(capsys, "show", "latest", trial["trial_id"], *where)
    assert done(capsys, "verify", *where) == f"{entry['run_id']}: ok\n"
    assert json.loads(done(capsys, "verify", "--all", "--json", *where))[entry["run_id"]]["ok"]


def test_verify_says_no_by_its_exit_code(tmp_path: Path, capsys: Capture) -> None:
    run = begin_run(tmp_path, small_plan(1), inventory="local")
    assert main(["verify", "--all", "--archive", str(tmp_path)]) == 1
    assert capsys.readouterr().out == f"{run.run_id}.partial: not sealed: go on with -e resume={run.run_id}\n"


def test_the_table_fits_a_terminal(archive: Path) -> None:
    from rich.console import Console

    from collect.report.figures import run_figures
    from collect.report.text import render

    opened = Archive(archive)
    run_id = opened.resolve("latest")
    for width in (80, 100, 120):
        console = Console(width=width, record=True, file=io.StringIO())
        render(run_figures(opened, run_id), console, archive / run_id, archive / "report.html")
        lines = console.export_text().splitlines()
        # A path is not broken, so that it can be copied.
        assert max(len(line.rstrip()) for line in lines if str(archive) not in line) <= width
        assert any("flask-werkzeug" in line and "redis" in line for line in lines)  # nothing broken over lines


def test_query_answers_over_all_views(archive: Path, capsys: Capture) -> None:
    where = ("--archive", str(archive))
    (row,) = json.loads(
        done(
            capsys, "query", "--json", *where,
            "SELECT (SELECT sum(requests) FROM trials) AS counted, count(*) AS rows, any_value(plan) AS plan"
            " FROM requests JOIN runs USING (run_id) WHERE phase = 'window'",
        )
    )  # fmt: skip
    assert row["counted"] == row["rows"] > 1000
    assert row["plan"] == "small"
    assert done(capsys, "query", *where, "FROM trials SELECT count(*) AS n") == "n\n6\n"
    assert done(capsys, "query", *where, "SELECT count(DISTINCT scope) AS n FROM samples") == "n\n6\n"
    assert len(done(capsys, "query", *where, "DESCRIBE samples").splitlines()) > 50


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("selec 1", "syntax error"),
        ("SELECT x FROM trials", '"x" not found'),
        ("", "no statements"),
        ("SELECT 1; SELECT 2", "2 statements"),
        ("DROP TABLE runs", "DROP is not allowed"),
        ("CREATE TABLE a (i INT)", "CREATE is not allowed"),
        ("INSERT INTO runs SELECT * FROM runs", "INSERT is not allowed"),
        ("COPY trials TO '/tmp/out.csv'", "COPY is not allowed"),
        ("SET enable_external_access = true", "SET is not allowed"),
        ("ATTACH '/tmp/other.db'", "ATTACH is not allowed"),
        ("INSTALL httpfs", "LOAD is not allowed"),
        ("SELECT * FROM read_text('/etc/passwd')", "Cannot access file"),
        ("SELECT * FROM read_csv('/etc/passwd')", "Cannot access file"),
        ("SELECT * FROM '/etc/passwd'", "does not exist"),
        ("SELECT * FROM glob('/etc/*')", "Cannot access file"),
        ("SELECT * FROM read_json('ARCHIVE/manifest.json')", "Cannot access file"),
        ("SELECT count(*) FROM range(1000000000) a, range(1000000000) b", "longer than 0.3 s"),
    ],
)
def test_query_reads_the_archive_and_does_nothing_else(archive: Path, capsys: Capture, sql: str, says: str) -> None:
    (entry,) = archive.iterdir()
    before = sorted((path, path.stat().st_mtime_ns) for path in archive.rglob("*"))
    sql = sql.replace("ARCHIVE", str(entry))
    assert says in told(capsys, "query", sql, "--timeout", "0.3", "--archive", str(archive))
    assert sorted((path, path.stat().st_mtime_ns) for path in archive.rglob("*")) == before


def test_an_empty_archive_has_empty_views(tmp_path: Path, capsys: Capture) -> None:
    where = ("--archive", str(tmp_path))
    for view in ("trials", "samples", "requests", "runs"):
        assert done(capsys, "query", f"SELECT count(*) AS n FROM {view}", *where) == "n\n0\n"
    assert done(capsys, "list", "--json", *where) == "[]\n"
    assert "the archive is empty" in told(capsys, "show", "latest", *where)


def test_a_run_of_a_newer_schema_is_named_and_left_out(archive: Path, tmp_path: Path, capsys: Capture) -> None:
    newer = tmp_path / "20991124T000000Z-000000"
    newer.mkdir()
    (newer / "SHA256SUMS").write_text("")
    (newer / "manifest.json").write_text('{"schema_version": 99}')
    assert main(["query", "SELECT 1 AS one", "--archive", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert captured.out == "one\n1\n"
    assert "left out: the run has schema 99" in captured.err
    assert "has schema 99" in told(capsys, "show", "latest", "--archive", str(tmp_path))


def test_quotes_in_paths_are_paths(tmp_path: Path) -> None:
    folder = tmp_path / "it's [a] *.parquet"
    write_run(folder, small_plan(1)).seal()
    archive = Archive(folder)
    with Database(archive, {run_id: archive.manifest(run_id) for run_id in archive.run_ids()}) as database:
        assert database.rows("SELECT count(*) AS n FROM trials") == [{"n": 2}]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["bogus"], "No such command"),
        (["list", "--bogus"], "No such option"),
        (["show"], "Missing argument"),
        (["query"], "Missing argument"),
        (["query", "SELECT 1", "--timeout", "0"], "--timeout"),
        (["show", "2020"], "there is no run"),
        (["show", "latest", "99"], "there is no trial"),
        (["verify", "nope"], "there is no run"),
        (["report", "nope"], "there is no run"),
        (["report", "latest", "-o", "/proc/none/x.html"], "cannot write the report"),
        (["plan", "check", "nope"], f"use one of {', '.join(plan_names())}"),
        (["run", "seal", "nope"], "there is no run"),
        (["run", "begin", "--plan", "nope", "--inventory", "local"], "there is no plan"),
        (["run", "begin", "--plan", "quick", "--inventory", "local", "--port-base", "1"], "app_port_base"),
        (["run", "resume", "nope"], "there is no run"),
    ],
)
def test_wrong_calls_are_told_in_one_line(archive: Path, capsys: Capture, arguments: list[str], says: str) -> None:
    import os

    os.environ["BENCH_ARCHIVE"] = str(archive)
    try:
        assert says in told(capsys, *arguments)
    finally:
        del os.environ["BENCH_ARCHIVE"]


def test_an_archive_that_is_not_there(capsys: Capture) -> None:
    assert "there is no archive (/none)" in told(capsys, "list", "--archive", "/none")


def test_what_the_playbooks_call(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    where = ("--archive", str(tmp_path))
    begun = json.loads(done(capsys, "run", "begin", "--plan", "quick", "--inventory", "local", *where))
    assert len(begun["trials"]) == len(begun["remaining"]) == 16
    assert begun["estimate_s"] > 120
    assert Path(begun["partial_dir"]).is_dir()
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"facts": {"server1": {"cpus": 1}}}'))
    done(capsys, "run", "session", begun["run_id"], *where)
    monkeypatch.setattr(sys, "stdin", io.StringIO("["))
    assert "not JSON" in told(capsys, "run", "session", begun["run_id"], *where)
    done(capsys, "run", "pause", begun["run_id"], *where)
    resumed = json.loads(done(capsys, "run", "resume", begun["run_id"], "--inventory", "local", *where))
    assert resumed["remaining"] == begun["trials"]
    (status,) = json.loads(done(capsys, "run", "status", *where))
    assert (status["run_id"], status["remaining"]) == (begun["run_id"], 16)
    assert "16 of 16 trials are not measured yet" in told(capsys, "run", "seal", begun["run_id"], *where)


def test_plans_are_listed_and_shown(capsys: Capture) -> None:
    assert "quick" in done(capsys, "plan", "list")
    assert done(capsys, "plan", "check", "quick").startswith(
        "quick: 4 cells in 3 blocks, 16 trials, 4 of them ceilings, about "
    )
    assert ", on a server host with database and python-modern, " in done(capsys, "plan", "check", "modern")
    checked = json.loads(done(capsys, "plan", "check", "quick", "--json"))
    assert (checked["cells"], checked["blocks"], checked["trials"], checked["ceilings"]) == (4, 3, 16, 4)
    assert len(json.loads(done(capsys, "plan", "show", "quick", "--json"))["trials"]) == 16
    assert done(capsys, "plan", "show", "quick").count("\n") == 17


def test_every_command_has_its_help(capsys: Capture) -> None:
    for name in COMMANDS:
        assert "Usage: collect" in done(capsys, name, "--help")


def test_a_reader_that_leaves_early_is_no_trouble(archive: Path) -> None:
    command = f"{sys.executable} -c 'from collect.cli import main; raise SystemExit(main())'"
    sql = "SELECT * FROM range(200000)"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'{command} query "{sql}" --archive {archive} | head -1'],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "range\n", "")


def test_errors_of_other_processes_are_taken_over_whole() -> None:
    error = BenchError("the plan is wrong", "plan.yml", "mend it")
    again = BenchError.from_line(f"error: {error}", "somewhere", "do something")
    assert (again.what, again.where, again.remedy) == ("the plan is wrong", "plan.yml", "mend it")
    assert str(BenchError.from_line("boom", "host", "look")) == "boom (host): look"
