from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from apps import seed
from collect.catalog import load_catalog, needs_database
from collect.trial.server import app_environment, environment_file

CATALOG = load_catalog()


@pytest.mark.parametrize("name", CATALOG.workloads)
def test_the_workload_is_read_out_of_what_a_trial_writes(name: str) -> None:
    workload = {**CATALOG.workloads[name], "value": 'a "$x" \\ `b`\nc', "name": name}
    spec = {"variant": CATALOG.variants["flask-werkzeug"], "workload": workload, "port": 20001}
    read = seed.workload_in(environment_file(app_environment(spec)).decode())
    assert read == workload
    assert seed.needs_database(read) == needs_database(workload)


def test_without_a_workload_there_is_none() -> None:
    assert seed.workload_in("APP_PORT=1\n") == {}
    assert not seed.needs_database({})


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "app" / "demo.txt"
    monkeypatch.setattr(seed, "FILE", path)
    return path


@pytest.mark.parametrize("size", [1, 3, 4, 10, 2**20, 2**20 + 1, 3 * 2**20 + 5])
def test_the_file_is_its_text_again_and_again_cut_to_its_size(size: int, file: Path) -> None:
    for _ in range(2):  # one that is there makes way
        seed.make_file({"value": "abc\n", "file_bytes": size})
        assert file.read_text() == ("abc\n" * size)[:size]
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert list(file.parent.iterdir()) == [file]


def test_a_file_larger_than_memory_allows_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 2**20 < seed.available_bytes() < 2**50
    monkeypatch.setattr(seed, "available_bytes", lambda: 2001)
    seed.make_file({"value": "x", "file_bytes": 1000})
    with pytest.raises(seed.TroubleError) as caught:
        seed.make_file({"value": "x", "file_bytes": 1001})
    assert (caught.value.what, caught.value.remedy) == (
        "file_bytes is 1001",
        "use at most 1000, half of the memory that is available",
    )
    assert file.stat().st_size == 1000


def test_a_workload_without_a_file_makes_none(file: Path) -> None:
    seed.make_file({"value": "x"})
    assert not file.exists()


@pytest.mark.parametrize("rows", [0, 1, 10, seed.ROWS_AT_ONCE, seed.ROWS_AT_ONCE + 1, 25_000])
def test_the_statements_empty_the_table_and_number_its_rows(rows: int) -> None:
    first, *inserts = seed.statements(rows, "student")
    assert first == "TRUNCATE TABLE student;\n"
    assert len(inserts) == -(-rows // seed.ROWS_AT_ONCE)
    written = [(int(n), name) for insert in inserts for n, name in re.findall(r"\((\d+),'([^']*)'\)", insert)]
    assert written == [(n, f"student-{n}") for n in range(1, rows + 1)]


def test_a_name_that_sql_could_take_for_something_else_is_quoted() -> None:
    *_, insert = seed.statements(1, "o'\\")
    assert "(1,'o''\\\\-1')" in insert


def client(folder: Path, script: str) -> None:
    """Put a command in the place of MariaDB's."""
    path = folder / "mariadb"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_the_database_is_asked_as_root_over_its_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    client(tmp_path, f'printf "%s " "$@" > {tmp_path}/said; cat > {tmp_path}/sql; printf "1\\ta\\n2\\tb\\n"')
    assert seed.ask("SELECT 1;") == [["1", "a"], ["2", "b"]]
    assert (tmp_path / "sql").read_text() == "SELECT 1;"
    said = (tmp_path / "said").read_text()
    assert "--socket=/run/bench/database/database.sock --user=root" in said
    assert said.split()[-1] == "bench"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo warning >&2; echo 'ERROR 2002 (HY000): no socket' >&2; exit 1", "ERROR 2002 (HY000): no socket"),
        ("exit 1", "it said nothing"),
        ("exec sleep 5", "it took over 0.2 s"),
    ],
)
def test_a_database_that_does_not_answer_is_said_in_one_line(
    script: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    client(tmp_path, script)
    with pytest.raises(seed.TroubleError) as caught:
        seed.ask("SELECT 1;", 0.2)
    assert caught.value.what == f"the database does not answer: {said}"
    assert caught.value.remedy == "start bench-database.service"


def test_without_a_client_nobody_can_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(seed.TroubleError, match="there is no mariadb and no mysql to ask it with"):
        seed.ask("SELECT 1;")


def test_filling_the_table_sends_the_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(seed, "ask", lambda *arguments: sent.append(arguments))
    seed.fill_table(json.loads('{"value": "student", "rows": 2}'))
    seed.fill_table({"value": "hello"})
    assert sent == [
        ("".join(seed.statements(2, "student")), seed.SEEDING_S),
        ("TRUNCATE TABLE student;\n", seed.SEEDING_S),
    ]
