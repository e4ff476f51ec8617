"""Whatever is done to an archive, its index gives the answers that the files give."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from collect.archive import stamps
from collect.archive.filters import Filters, select
from collect.archive.index import Index
from collect.archive.query import Database
from collect.archive.sources import choose
from collect.archive.store import Archive
from collect.cli import main
from collect.compare.series import OUTCOMES
from collect.compare.trend import trend
from collect.errors import BenchError
from tests.support.many_runs import FLASK
from tests.support.replicas import Replicas

TICK_S = 0.012
"""More than the clock of the disk is coarse: what is at rest for longer may be kept."""
RUNS = 5
QUESTIONS = (
    "SELECT * FROM trials ORDER BY run_id, ordinal",
    "SELECT * FROM runs ORDER BY run_id",
    "SELECT run_id, count(*) AS n, max(at_s) AS last FROM samples GROUP BY 1 ORDER BY 1",
)
STEPS = st.tuples(
    st.sampled_from(["seal", "delete", "replace", "damage", "cut", "lose", "touch", "forge", "fake"]),
    st.integers(0, RUNS - 1),
    st.sampled_from(stamps.NAMES),
    st.floats(0, 1),
)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The runs that are sealed, and the same with other figures."""
    folder = tmp_path_factory.mktemp("shelf")
    replicas = Replicas(folder / "making")
    for number in range(RUNS):
        replicas.add(folder / "one", number)
        replicas.add(folder / "other", number, faster=1.5, lack=("db_selects",) if number % 2 else ())
    return folder / "one", folder / "other"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what is at rest for a tick."""
    monkeypatch.setattr(stamps, "SETTLED_NS", int(0.8e9 * TICK_S))


def answers(archive: Archive, *, indexed: bool) -> list[Any]:
    """Return what is answered: the list, SQL, a trend; errors as they are told."""
    filters = Filters(indexed=indexed)
    said: list[Any] = [[entry.as_json() | {"bytes": entry.bytes} for entry in select(archive, filters)]]
    said.append([entry.run_id for entry in select(archive, Filters(cell="flask", commit="1", indexed=indexed))])
    try:
        sources, left_out = choose(archive, filters)
        with Database(archive, sources) as database:
            said += [database.execute(sql) for sql in QUESTIONS]
        said.append(sorted(left_out + [str(error) for error in database.refused]))
    except BenchError as error:
        said.append(str(error))
    try:
        found, refused = trend(archive, FLASK, OUTCOMES["rps"], index=Index(archive, use=indexed))
        said += [[asdict(point) for point in found.points], found.left_out, list(map(str, refused))]
    except BenchError as error:
        said.append(str(error))
    return said


def step(archive: Path, shelf: tuple[Path, Path], what: str, which: int, file: str, place: float) -> None:
    """Do one thing to an archive; some cannot be done to a run that is not there."""
    run = archive / sorted(path.name for path in shelf[0].iterdir())[which]
    if what in ("seal", "replace"):
        source = shelf[what == "replace"] / run.name
        if run.exists():
            shutil.rmtree(run)
        shutil.copytree(source, archive / ".sealing")  # with the moments of the source's files
        (archive / ".sealing").rename(run)
    elif what == "delete" and run.exists():
        run.rename(archive / f".trash-{run.name}")
        shutil.rmtree(archive / f".trash-{run.name}")
    elif (run / file).exists():
        spoil(run / file, what, place)


def spoil(path: Path, what: str, place: float) -> None:
    """Do one thing to a file of a run, or all but nothing."""
    before = path.stat()
    if what in ("damage", "forge"):
        content = bytearray(path.read_bytes())
        if content:
            content[int(place * (len(content) - 1))] ^= 1
        path.write_bytes(bytes(content))
        if what == "forge":  # nothing but the inode's own moment tells
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif what == "cut":
        os.truncate(path, int(place * before.st_size))
    elif what == "lose":
        path.unlink()
    elif what == "touch":
        path.touch()
    elif what == "fake":  # the same in a file of its own
        copy = path.with_name(".fake")
        shutil.copy2(path, copy)
        copy.replace(path)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=st.lists(STEPS, min_size=1, max_size=4))
@example(steps=[("seal", 0, "", 0.0), ("seal", 1, "", 0.0), ("forge", 0, "manifest.json", 0.9)])
@example(steps=[("seal", 0, "", 0.0), ("replace", 0, "", 0.0), ("delete", 0, "", 0.0)])
def test_an_index_never_answers_differently(shelf: tuple[Path, Path], steps: list[tuple[str, int, str, float]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(Path(folder))
        for number in (3, 4):
            step(archive.path, shelf, "seal", number, "", 0)
        for taken in steps:
            step(archive.path, shelf, *taken)
            time.sleep(TICK_S)
            plain = answers(archive, indexed=False)
            assert answers(archive, indexed=True) == plain
            # And once more, when all that can be kept is.
            assert answers(archive, indexed=True) == plain


def test_what_is_kept_is_not_opened_again(shelf: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the test above would show nothing."""
    archive = Archive(shelf[0])
    time.sleep(TICK_S)
    first = answers(archive, indexed=True)

    def refuse(*_: Any) -> Any:
        raise AssertionError("a file was opened")

    monkeypatch.setattr(Archive, "manifest", refuse)
    for name in ("read_head", "cell_rows", "as_sealed"):
        monkeypatch.setattr(f"collect.compare.recorded.{name}", refuse)
    monkeypatch.setattr("collect.archive.views.as_sealed", refuse)
    assert answers(archive, indexed=True) == first
    assert len(first[0]) == RUNS
    with pytest.raises(AssertionError):
        answers(archive, indexed=False)


def test_the_commands_say_the_same(shelf: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--archive", str(shelf[1]))
    for words in (
        ("list", "--json"),
        ("list", "--cell", "starlette*", "--since", "2026-01-03"),
        ("query", QUESTIONS[0], "--until", "2026-01-03"),
        ("query", QUESTIONS[1], "--json"),
        ("trend", FLASK, "--json"),
    ):
        said = []
        for more in ((), ("--no-index",)):
            assert main([*words, *more, *where]) == 0, capsys.readouterr().err
            said.append(capsys.readouterr().out)
        assert said[0] == said[1]
        assert "20260103" in said[0]
