"""SQL over many runs: what is opened for it, what it may take, and that it does nothing else."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from collect.archive import ask as module
from collect.archive import stamps
from collect.archive.ask import ask, views_in
from collect.archive.filters import Filters
from collect.archive.query import Database, open_run
from collect.archive.sources import Sources, choose
from collect.archive.store import Archive
from collect.archive.sums import write_sums
from collect.archive.views import ALL
from collect.cli import main
from collect.errors import BenchError
from tests.support.replicas import Replicas

Capture = pytest.CaptureFixture[str]
TICK_S = 0.012
SUM = "SELECT run_id, sum(requests) AS n FROM trials GROUP BY 1 ORDER BY 1"


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Replicas:
    return Replicas(tmp_path_factory.mktemp("replicas"))


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps, "SETTLED_NS", int(0.8e9 * TICK_S))


@pytest.fixture
def archive(tmp_path: Path, replicas: Replicas) -> Archive:
    """An archive of four runs, at rest."""
    for number in range(4):
        replicas.add(tmp_path / "archive", number, change=lambda manifest: manifest["plan"].update(seed=7))
    time.sleep(TICK_S)
    return Archive(tmp_path / "archive")


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT 1", ALL),
        ("SHOW TABLES", ALL),
        ("FROM trials", {"trials"}),
        ('SELECT * FROM main."Trials"', {"trials"}),
        ("SELECT rps FROM trials WHERE run_id IN (SELECT run_id FROM runs)", {"trials", "runs"}),
        ("WITH t AS (SELECT * FROM requests) SELECT count(*) FROM t", {"requests"}),
        ("SELECT * FROM samples s JOIN trials USING (run_id)", {"samples", "trials"}),
        ("DESCRIBE samples", {"samples"}),
        ("PIVOT trials ON cell USING avg(rps)", {"trials"}),
        ("SELECT limited_by[1], date_trunc('day', started_at) FROM trials", {"trials"}),
    ],
)
def test_views_that_are_asked(sql: str, named: set[str]) -> None:
    broad, narrow = views_in(sql)
    assert narrow <= broad
    assert named <= broad
    assert named <= narrow


def test_a_column_of_a_views_name_opens_no_view() -> None:
    assert views_in("SELECT sum(requests) FROM trials") == (frozenset({"trials", "requests"}), frozenset({"trials"}))


def test_only_what_is_asked_is_opened(archive: Archive) -> None:
    """Files of other views may be gone or broken."""
    for run_id in archive.run_ids():
        (archive.folder(run_id) / "requests.parquet").unlink()
        (archive.folder(run_id) / "samples.parquet").write_bytes(b"nothing")
    for indexed in (True, False):
        answer = ask(archive, SUM, Filters(indexed=indexed))
        assert (answer.names, len(answer.rows), answer.left_out) == (["run_id", "n"], 4, [])
    with pytest.raises(BenchError, match=r"samples\.parquet"):
        ask(archive, "SELECT count(*) FROM samples", Filters())


def test_a_view_that_duckdb_overlooks_is_made_all_the_same(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    class Watched(Database):
        def __init__(self, archive: Archive, runs: Any, views: Any, **more: Any) -> None:
            asked.append(views)
            super().__init__(archive, runs, views, **more)

    monkeypatch.setattr(module, "Database", Watched)
    monkeypatch.setattr(module, "views_in", lambda _: (frozenset({"trials", "runs"}), frozenset({"trials"})))
    answer = ask(archive, "SELECT count(*) FROM trials JOIN runs USING (run_id)", Filters())
    assert answer.rows == [(8,)]
    assert [len(views) for views in asked] == [1, 2]
    asked.clear()
    with pytest.raises(BenchError, match="nonsense"):
        ask(archive, "SELECT * FROM nonsense", Filters())
    assert len(asked) == 2


def test_filters_choose_what_views_are_of(archive: Archive) -> None:
    first, second, third, last = archive.run_ids()
    whole = Filters()
    assert [run_id for run_id, _ in ask(archive, SUM, whole).rows] == [first, second, third, last]
    for indexed in (True, False):
        some = Filters(since=second, until=third, indexed=indexed)
        assert [run_id for run_id, _ in ask(archive, SUM, some).rows] == [second, third]
        for view in ("runs", "samples", "requests"):
            sql = f"SELECT DISTINCT run_id FROM {view} ORDER BY 1"
            assert [run_id for (run_id,) in ask(archive, sql, some).rows] == [second, third]
        none = Filters(plan="nothing", indexed=indexed)
        assert ask(archive, SUM, none).rows == []
        assert ask(archive, "SELECT count(*) FROM requests", none).rows == [(0,)]


def test_the_view_of_runs_is_as_the_manifests_have_it(archive: Archive, replicas: Replicas) -> None:
    loose = replicas.add(archive.path, 9, change=lambda manifest: manifest["hosts"]["server1"].update(note="a'b\"c"))
    sql = "SELECT run_id, plan, seed, blocks, trials, reasons, git_dirty, hosts->>'$.server1.note' AS note FROM runs"
    rows = ask(archive, f"{sql} ORDER BY run_id", Filters()).rows
    assert rows[-1] == (loose, "small", 1, 1, 2, [], False, "a'b\"c")
    assert rows[0] == (archive.run_ids()[0], "small", 7, 1, 2, [], False, None)
    time.sleep(TICK_S)
    assert ask(archive, f"{sql} ORDER BY run_id", Filters()).rows == rows
    (described,) = ask(archive, "SELECT typeof(hosts), typeof(created_at) FROM runs LIMIT 1", Filters()).rows
    assert described == ("JSON", "TIMESTAMP WITH TIME ZONE")


def test_runs_whose_trials_are_damaged_are_left_out_and_told(archive: Archive) -> None:
    first, second, third, last = archive.run_ids()
    (archive.folder(first) / "trials.parquet").write_bytes(b"")
    (archive.folder(second) / "manifest.json").write_text("{")
    path = archive.folder(third) / "trials.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    for indexed in (True, False):
        answer = ask(archive, SUM, Filters(indexed=indexed))
        assert [run_id for run_id, _ in answer.rows] == [last]
        assert len(answer.left_out) == 3
        for run_id in (first, second, third):
            assert sum(run_id in line for line in answer.left_out) == 1
        assert all("\n" not in line for line in answer.left_out)
    (archive.folder(last) / "requests.parquet").unlink()
    answer = ask(archive, "SELECT DISTINCT run_id FROM requests ORDER BY 1", Filters())
    assert [run_id for (run_id,) in answer.rows] == [first, third]
    assert any(last in line for line in answer.left_out)


def test_samples_of_other_columns_are_read_together(archive: Archive) -> None:
    import pyarrow.parquet as pq

    first = archive.run_ids()[0]
    path = archive.folder(first) / "samples.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["selects", "gets"]), path)
    write_sums(archive.folder(first))
    time.sleep(TICK_S)
    sql = "SELECT run_id, count(*), max(gets) > 0, count(selects) FROM samples GROUP BY 1 ORDER BY 1"
    plain = ask(archive, sql, Filters(indexed=False)).rows
    assert [row[2] for row in plain] == [None, True, True, True]
    assert ask(archive, sql, Filters()).rows == plain
    sources, _ = choose(archive, Filters())
    groups, unknown = sources.samples_alike(archive.run_ids())
    assert (sorted(map(len, groups)), unknown) == ([1, 3], [])
    # One that was replaced since is looked at again.
    pq.write_table(pq.read_table(archive.folder(archive.run_ids()[1]) / "samples.parquet"), path)
    assert choose(archive, Filters())[0].samples_alike([first]) == ([], [first])


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT hash(i) AS h FROM range(60000000) t(i) ORDER BY 1", "more memory than 64 MiB"),
        ("SELECT * FROM range(1000000000000)", "more "),  # rows, or memory, whichever comes first
        ("EXPLAIN ANALYZE COPY trials TO '/tmp/of-collect-query.csv'", "error"),
        ("COPY (SELECT 1) TO '/tmp/of-collect-query.csv'", "COPY is not allowed"),
        ("COPY runs FROM '/etc/passwd'", "COPY is not allowed"),
        ("ATTACH '/tmp/of-collect-query.db' AS x", "ATTACH is not allowed"),
        ("EXPORT DATABASE '/tmp/of-collect-query'", "is not allowed"),
        ("PRAGMA enable_profiling", "is not allowed"),
        ("PRAGMA temp_directory='/tmp/of-collect-query'", "is not allowed"),
        ("RESET enable_external_access", "is not allowed"),
        ("CALL enable_logging()", "is not allowed"),
        ("LOAD httpfs", "LOAD is not allowed"),
        ("CHECKPOINT", "is not allowed"),
        ("USE memory", "is not allowed"),
        ("BEGIN TRANSACTION", "is not allowed"),
        ("DELETE FROM runs", "DELETE is not allowed"),
        ("UPDATE runs SET plan = 'x'", "UPDATE is not allowed"),
        ("WITH x AS (SELECT 1) INSERT INTO runs SELECT * FROM runs", "INSERT is not allowed"),
        ("PREPARE x AS SELECT 1", "is not allowed"),
        ("SELECT getenv('HOME')", "getenv"),
        ("SELECT * FROM read_csv('/etc/passwd', header = false)", "Cannot access"),
        ("SELECT * FROM read_csv_auto('/etc/pass*')", "Cannot access"),
        ("SELECT * FROM read_blob('/proc/self/environ')", "Cannot access"),
        ("SELECT * FROM 'https://example.org/x.parquet'", "error"),
        ("SELECT * FROM parquet_metadata('/etc/passwd')", "Cannot access"),
        ("SELECT * FROM sniff_csv('/etc/passwd')", "Cannot access"),
        ("SELECT * FROM trials; DROP VIEW trials", "2 statements"),
        ("WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t) SELECT max(i) FROM t", "longer than"),
    ],
)
def test_sql_that_is_not_taken_ends_in_one_line(
    archive: Archive, capsys: Capture, monkeypatch: pytest.MonkeyPatch, sql: str, says: str
) -> None:
    monkeypatch.setattr(module, "MOST_VALUES", 50_000)

    def content() -> list[tuple[str, int]]:
        return sorted((str(path), path.stat().st_mtime_ns) for path in archive.path.rglob("*"))

    before, began = content(), time.monotonic()
    assert main(["query", sql, "--timeout", "1", "--memory-mib", "64", "--archive", str(archive.path)]) == 2
    assert time.monotonic() - began < 8
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: ")
    assert told.err.count("\n") == 1
    assert says in told.err
    assert content() == before
    assert not list(Path("/tmp").glob("of-collect-query*"))
    assert not Path(".tmp").exists()


def test_a_column_that_is_not_there_is_told_with_those_that_may_be_meant(archive: Archive) -> None:
    with pytest.raises(BenchError, match=r'"rsp" not found.*perhaps .*"rps'):
        ask(archive, "SELECT rsp FROM trials", Filters())


def test_what_is_no_number_is_null_in_json(archive: Archive, capsys: Capture) -> None:
    sql = "SELECT 'nan'::DOUBLE AS a, [1.5, 'inf'::DOUBLE] AS b"
    assert main(["query", sql, "--json", "--archive", str(archive.path)]) == 0
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == [{"a": None, "b": [1.5, None]}]


def test_a_question_closer_than_its_limits_is_answered(archive: Archive, capsys: Capture) -> None:
    sql = "SELECT count(*) AS n, sum(latency_us) AS us FROM requests"
    words = ("--timeout", "20", "--memory-mib", "64", "--json", "--archive", str(archive.path))
    assert main(["query", sql, *words]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    with open_run(archive, archive.run_ids()[0]) as database:
        (one,) = database.rows(sql)
    assert (row["n"], row["us"]) == (4 * one["n"], 4 * one["us"])


def test_one_run_that_is_damaged_is_told_and_not_left_out(archive: Archive) -> None:
    first = archive.run_ids()[0]
    (archive.folder(first) / "requests.parquet").write_bytes(b"nothing")
    with pytest.raises(BenchError, match=r"requests\.parquet"):
        open_run(archive, first)


def test_sources_of_manifests_are_the_runs_own_files(archive: Archive) -> None:
    ids = archive.run_ids()
    sources = Sources.of_manifests(archive, {run_id: archive.manifest(run_id) for run_id in ids})
    assert (sources.loose, sources.in_segments, sources.lenient) == (ids, frozenset(), False)
    with Database(archive, sources, {"trials"}) as database:
        assert database.rows("SELECT count(DISTINCT run_id) AS n FROM trials") == [{"n": 4}]
        with pytest.raises(BenchError, match="does not exist"):
            database.rows("SELECT 1 FROM samples")
