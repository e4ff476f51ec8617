"""Rows on their way out: every figure as the archive has it, in forms that others read."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from collect.archive.columns import columns
from collect.archive.query import open_run
from collect.archive.store import Archive
from collect.archive.tables import schema
from collect.errors import BenchError
from collect.transfer.csv_text import guarded, write_csv
from collect.transfer.export import export_file, export_stream
from collect.transfer.openmetrics import families
from collect.transfer.views import Rows, by_trial, tables
from tests.support.many_runs import FLASK, ManyRuns
from tests.support.openmetrics import parse

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=cmd|' /C calc'!A0"]


def asked(archive: Archive, sql: str) -> list[dict[str, Any]]:
    """Return what the archive itself answers."""
    with open_run(archive, archive.resolve("latest")) as database:
        return database.rows(sql)


def streamed(archive: Archive, form: str, view: str | None = None) -> bytes:
    stream = io.BytesIO()
    export_stream(archive, archive.run_ids(), form, view, stream)
    return stream.getvalue()


def read_csv(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


@pytest.mark.parametrize("view", ["trials", "samples", "requests"])
def test_csv_holds_every_row_and_column_to_the_last_digit(sealed: Archive, view: str) -> None:
    found = read_csv(streamed(sealed, "csv", view))
    assert list(found[0]) == list(columns()[view])
    path = sealed.folder(sealed.resolve("latest")) / f"{view}.parquet"
    wanted = pq.read_table(path).to_pylist()
    assert len(found) == len(wanted)
    for row, true in zip(found, wanted, strict=True):
        for name, (kind, _, _) in columns()[view].items():
            if true[name] is None:
                assert row[name] == ""
            elif kind == "float64":
                assert float(row[name]) == true[name]
            elif kind.startswith("int"):
                assert int(row[name]) == true[name]
            elif kind == "time":
                assert row[name] == true[name].isoformat()
            else:
                assert row[name] == ("; ".join(true[name]) if kind == "texts" else true[name])


def test_a_run_without_rows_is_a_header_line(tmp_path: Path) -> None:
    stream = io.BytesIO()
    export_stream(Archive(tmp_path), [], "csv", "requests", stream)
    assert next(csv.reader(io.StringIO(stream.getvalue().decode()))) == list(columns()["requests"])
    assert stream.getvalue().count(b"\n") == 1


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_of_an_archive_is_a_formula_to_a_spreadsheet(tmp_path: Path, text: str) -> None:
    runs = ManyRuns(tmp_path)
    runs.add({FLASK: [400.0]}, rows=lambda row: row.update(variant=text, reasons=[text, "x"], rps=-5.0))
    (row,) = read_csv(streamed(runs.archive, "csv"))
    assert row["variant"] == f"'{text}" == guarded(text)
    assert row["reasons"] == f"'{text}; x"
    assert float(row["rps"]) == -5.0, "a number stays one"
    assert row["workload"] == "redis", "other texts stay as they are"


def test_texts_behind_a_dictionary_are_guarded_too(sealed: Archive) -> None:
    (piece, *_) = tables(sealed, sealed.run_ids(), "requests")
    evil = pa.DictionaryArray.from_arrays(pa.array([0] * piece.num_rows, pa.int16()), pa.array(["=1+1"]))
    place = piece.schema.get_field_index("outcome")
    stream = io.BytesIO()
    write_csv([piece.set_column(place, piece.schema.field(place), evil)], "requests", stream)
    assert {row["outcome"] for row in read_csv(stream.getvalue())} == {"'=1+1"}


@pytest.mark.parametrize("view", ["trials", "samples", "requests"])
def test_parquet_of_several_runs_is_as_the_archives_own(sealed: Archive, tmp_path: Path, view: str) -> None:
    path = tmp_path / "out.parquet"
    (run_id,) = sealed.run_ids()
    export_file(sealed, [run_id, run_id], "parquet", view, path)
    found, mine = pq.read_table(path), pq.read_table(sealed.folder(run_id) / f"{view}.parquet")
    assert found.to_pylist() == mine.to_pylist() * 2
    assert pq.read_schema(path).names == schema(view).names
    assert list(tmp_path.iterdir()) == [path]


def test_parquet_goes_into_a_pipe_in_whole(sealed: Archive) -> None:
    found = pq.read_table(pa.BufferReader(streamed(sealed, "parquet", "requests")))
    assert found.num_rows == asked(sealed, "SELECT count(*) AS n FROM requests")[0]["n"]


def test_columns_that_a_run_did_not_keep_are_null(sealed: Archive, copied: Callable[[str], Path]) -> None:
    folder = copied("older")
    path = folder / "trials.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["rps_low", "redis_waits"]), path)
    (table,) = Rows(Archive(folder.parent), folder.name).tables("trials")
    assert table.schema.names == schema("trials").names
    assert table.column("rps_low").null_count == table.num_rows == 4
    assert table.column("rps").to_pylist() == [row["rps"] for row in asked(sealed, "FROM trials ORDER BY ordinal")]


def test_a_damaged_file_is_told(copied: Callable[[str], Path], tmp_path: Path) -> None:
    folder = copied("damaged")
    (folder / "requests.parquet").write_bytes(b"PAR1")
    out = tmp_path / "out.csv"
    with pytest.raises(BenchError, match=f"the rows cannot be read .*see `collect verify {folder.name}`"):
        export_file(Archive(folder.parent), [folder.name], "csv", "requests", out)
    assert not list(tmp_path.glob("*out.csv*")), "half a file is none"


def test_openmetrics_of_trials(sealed: Archive) -> None:
    found = parse(streamed(sealed, "openmetrics").decode())
    rows = asked(sealed, "FROM trials ORDER BY ordinal")
    info = found["bench_trial"]
    assert [sample.labels["variant"] for sample in info.samples] == [row["variant"] for row in rows]
    assert info.samples[0].labels["validity"] == rows[0]["validity"]
    p95 = found["bench_trial_latency_p95_seconds"]
    assert (p95.kind, p95.unit) == ("gauge", "seconds")
    by_trial_id = {sample.labels["trial_id"]: sample for sample in p95.samples}
    for row in rows:
        sample = by_trial_id[row["trial_id"]]
        assert sample.value == row["latency_p95_ms"] / 1000
        assert sample.labels["cell"] == row["cell"]
        ended = row["window_start_at"].timestamp() + row["window_s"]
        assert sample.at == pytest.approx(ended, abs=1e-6)
    memory = {sample.labels["trial_id"]: sample.value for sample in found["bench_trial_app_rss_bytes"].samples}
    assert memory == {row["trial_id"]: row["app_rss_mib"] * 2**20 for row in rows}
    assert found["bench_trial_rps"].unit == ""
    assert "bench_trial_database_cpu_cores" not in found, "nothing is known of a database"


def test_openmetrics_of_samples(sealed: Archive) -> None:
    found = parse(streamed(sealed, "openmetrics", "samples").decode())
    cpu = found["bench_sample_cpu_user_seconds"]
    assert (cpu.kind, cpu.unit) == ("counter", "seconds")
    rows = asked(
        sealed, "SELECT t, cpu_user_s FROM samples WHERE scope = 'unit' AND name = 'app' AND trial_id LIKE 'b01-p01%'"
    )
    wanted = {row["t"]: row["cpu_user_s"] for row in rows}
    app = {
        sample.at: sample.value
        for sample in cpu.samples
        if sample.labels["scope"] == "unit" and sample.labels["name"] == "app"
        if sample.labels["trial_id"].startswith("b01-p01")
    }
    assert app == wanted
    assert len(wanted) > 3
    assert found["bench_sample_rss_bytes"].kind == "gauge"


def test_texts_from_anywhere_stay_labels(tmp_path: Path) -> None:
    evil = 'a"} 1\nbench_trial_info{x="\\'
    runs = ManyRuns(tmp_path)
    runs.add({FLASK: [400.0]}, rows=lambda row: row.update(variant=evil))
    found = parse(streamed(runs.archive, "openmetrics").decode())
    assert [sample.labels["variant"] for sample in found["bench_trial"].samples] == [evil]


@pytest.mark.parametrize("view", ["trials", "samples"])
def test_every_metric_has_a_name_of_its_own_and_a_unit_where_its_column_has_one(view: str) -> None:
    found = families(view)
    assert len({family.name for family in found}) == len(found)
    for family in found:
        unit = columns()[view][family.column][1] if family.column else ""
        assert bool(family.unit) == (unit not in ("", "1/s")), family.name
    figures = ((name, unit) for name, (kind, unit, _) in columns()[view].items() if kind in ("float64", "int64"))
    numbers = {name for name, unit in figures if unit != "unix s"}
    assert numbers <= {family.column for family in found}


HEADS = {
    "_stats.csv": (
        "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
        "Max Response Time,Average Content Size,Requests/s,Failures/s,"
        "50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%"
    ),
    "_stats_history.csv": (
        "Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%,"
        "Total Request Count,Total Failure Count,Total Median Response Time,Total Average Response Time,"
        "Total Min Response Time,Total Max Response Time,Total Average Content Size"
    ),
    "_failures.csv": "Method,Name,Error,Occurrences",
}
"""As Locust 2.15.1 wrote them in a run that was measured."""


def locust(folder: Path, run_id: str, trial_id: str, ending: str) -> list[dict[str, str]]:
    content = (folder / run_id / f"{trial_id}{ending}").read_bytes()
    assert content.split(b"\r\n")[0].decode() == HEADS[ending]
    return read_csv(content)


def test_locusts_files_say_of_a_window_what_the_archive_does(sealed: Archive, tmp_path: Path) -> None:
    folder = tmp_path / "locust"
    (run_id,) = sealed.run_ids()
    export_file(sealed, [run_id], "locust", None, folder)
    rows = asked(sealed, "FROM trials ORDER BY ordinal")
    assert len(list((folder / run_id).iterdir())) == 3 * len(rows)
    for row in rows:
        latencies = _latencies(sealed, row["trial_id"])
        asked_for, whole = locust(folder, run_id, row["trial_id"], "_stats.csv")
        assert (asked_for["Type"], asked_for["Name"]) == ("GET", "/user")
        assert (whole["Type"], whole["Name"]) == ("", "Aggregated")
        assert {name: whole[name] for name in whole if name not in ("Type", "Name")} == {
            name: asked_for[name] for name in asked_for if name not in ("Type", "Name")
        }
        assert (int(whole["Request Count"]), int(whole["Failure Count"])) == (row["requests"], row["failures"])
        assert float(whole["Requests/s"]) == pytest.approx(row["requests"] / row["window_s"])
        for share, thousandths in (("50%", 500), ("95%", 950), ("99%", 990), ("99.9%", 999)):
            nearest = sorted(latencies)[-(-len(latencies) * thousandths // 1000) - 1] / 1000
            assert float(whole[share]) == nearest
        assert float(whole["100%"]) == float(whole["Max Response Time"]) == max(latencies) / 1000

        history = locust(folder, run_id, row["trial_id"], "_stats_history.csv")
        assert len(history) == round(row["window_s"])
        last = history[-1]
        assert last["Total Request Count"] == whole["Request Count"]
        assert last["Total Failure Count"] == whole["Failure Count"]
        assert {name: last[name] for name in last if name.endswith("%")} == {
            name: whole[name] for name in whole if name.endswith("%")
        }
        begun = row["window_start_at"].timestamp()
        assert int(history[0]["Timestamp"]) == int(begun + 1)
        seconds = [1.0] * (len(history) - 1) + [row["window_s"] - len(history) + 1]
        counted = sum(float(each["Requests/s"]) * s for each, s in zip(history, seconds, strict=True))
        assert counted == pytest.approx(row["requests"], abs=0.01)

        failures = locust(folder, run_id, row["trial_id"], "_failures.csv")
        assert sum(int(each["Occurrences"]) for each in failures) == row["failures"]
        assert {each["Error"] for each in failures} <= {"http_500"}
    assert sum(row["failures"] for row in rows) > 0


def _latencies(archive: Archive, trial_id: str) -> Sequence[int]:
    sql = f"SELECT latency_us FROM requests WHERE phase = 'window' AND trial_id = '{trial_id}'"
    return [row["latency_us"] for row in asked(archive, sql)]


def test_rows_of_a_trial_stand_together_however_the_file_is_cut(sealed: Archive) -> None:
    whole = list(tables(sealed, sealed.run_ids(), "requests"))
    table = pa.concat_tables(whole)
    pieces = [table.slice(begin, 97) for begin in range(0, table.num_rows, 97)]
    one, other = dict(by_trial(whole)), dict(by_trial(pieces))
    assert list(one) == list(other)
    assert {name: rows.num_rows for name, rows in one.items()} == {name: rows.num_rows for name, rows in other.items()}


def test_a_trial_whose_name_leads_elsewhere_is_refused(copied: Callable[[str], Path], tmp_path: Path) -> None:
    folder = copied("evil")
    for view in ("trials", "requests"):
        path = folder / f"{view}.parquet"
        table = pq.read_table(path)
        place = table.schema.get_field_index("trial_id")
        evil = pa.array(["../../out"] * table.num_rows)
        pq.write_table(table.set_column(place, "trial_id", evil), path)
    with pytest.raises(BenchError, match=r'"\.\./\.\./out" is no name of a trial'):
        export_file(Archive(folder.parent), [folder.name], "locust", None, tmp_path / "locust")
    assert not list(tmp_path.glob("*out*"))
    assert not (tmp_path / "locust").exists()


@pytest.mark.parametrize(
    ("form", "view", "says"),
    [
        ("locust", "trials", "made of requests"),
        ("openmetrics", "requests", "no series over time"),
    ],
)
def test_forms_have_the_views_they_have(sealed: Archive, tmp_path: Path, form: str, view: str, says: str) -> None:
    with pytest.raises(BenchError, match=says):
        export_file(sealed, sealed.run_ids(), form, view, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_locusts_files_go_into_no_pipe(sealed: Archive) -> None:
    with pytest.raises(BenchError, match="several files"):
        streamed(sealed, "locust")


def test_nothing_is_written_where_it_would_do_harm(sealed: Archive, tmp_path: Path) -> None:
    def told(path: Path) -> str:
        with pytest.raises(BenchError) as caught:
            export_file(sealed, sealed.run_ids(), "csv", "trials", path)
        return str(caught.value)

    entry = sealed.folder(sealed.resolve("latest"))
    before = state(entry)
    assert "within a sealed run" in told(entry / "trials.csv")
    assert "within a sealed run" in told(entry / "logs" / "trials.csv")
    assert "no file" in told(tmp_path)
    assert "no file" in told(Path("/dev/null"))
    assert "cannot write: No such file or directory" in told(tmp_path / "none" / "trials.csv")
    assert state(entry) == before


def test_a_file_is_replaced_in_one_go(sealed: Archive, tmp_path: Path) -> None:
    path = tmp_path / "trials.csv"
    path.write_text("old")
    export_file(sealed, sealed.run_ids(), "csv", "trials", path)
    assert re.match(r'"?run_id', path.read_text())
    assert list(tmp_path.iterdir()) == [path]


def state(folder: Path) -> Mapping[str, tuple[int, int]]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


def test_of_a_link_what_it_leads_to_is_replaced(sealed: Archive, tmp_path: Path) -> None:
    """A link such as /dev/stdout must stay what it is."""
    link, target = tmp_path / "link.csv", tmp_path / "elsewhere" / "trials.csv"
    target.parent.mkdir()
    link.symlink_to(target)
    export_file(sealed, sealed.run_ids(), "csv", "trials", link)
    assert link.is_symlink()
    assert re.match(r'"?run_id', target.read_text())
    assert list(target.parent.iterdir()) == [target]
