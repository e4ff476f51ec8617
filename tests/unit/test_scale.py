"""The archive that the benchmark of many runs makes is as honest as one that was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import scale
from benchmarks.scale import Timed, Wanted, commands, lines, timed
from benchmarks.scale_archive import TRIALS, make, make_run, recipes
from collect.archive.entries import entry_of
from collect.archive.kept import keep
from collect.archive.query import open_run
from collect.archive.store import Archive
from collect.errors import BenchError
from tests.support.plans import small_plan
from tests.support.synthetic import Setting, write_run


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    return write_run(folder, small_plan(2, window_s=1), Setting(failures=3)).seal()


def test_runs_are_whole_and_agree_with_themselves(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collect.archive.stamps.SETTLED_NS", -(10**12))
    wanted = recipes(3, 200, 1, 900, [template])
    for recipe in wanted:
        make_run(tmp_path, recipe)
    archive = Archive(tmp_path)
    assert archive.run_ids() == [recipe.run_id for recipe in wanted]
    rates = set()
    for recipe in wanted:
        assert archive.verify(recipe.run_id) == []
        assert keep(archive, recipe.run_id) is not None
        entry = entry_of(archive, recipe.run_id)
        assert (entry.problem, entry.trials, len(entry.cells)) == (None, TRIALS, 2)
        with open_run(archive, recipe.run_id) as database:
            rows = database.rows(
                "SELECT any_value(t.requests) AS said, count(*) AS counted, any_value(t.rps) AS rps,"
                " count(*) FILTER (outcome = 'ok') / any_value(t.window_s) AS rate, any_value(latency_p99_ms) AS p99,"
                " quantile_disc(latency_us, 0.99) FILTER (outcome = 'ok') / 1000 AS p99_counted"
                " FROM trials t JOIN requests USING (trial_id) WHERE phase = 'window' GROUP BY trial_id"
            )
            (each,) = database.rows("SELECT count(*) / count(DISTINCT trial_id) AS n FROM requests")
            (sampled,) = database.rows("SELECT count(DISTINCT trial_id) AS trials FROM samples")
        assert len(rows) == sampled["trials"] == TRIALS
        for row in rows:
            assert row["said"] == row["counted"]
            assert row["rps"] == pytest.approx(row["rate"])
            assert row["p99"] == pytest.approx(row["p99_counted"])
        assert 0.8 < each["n"] / recipe.requests < 1.25
        rates |= {row["rps"] for row in rows}
    assert len(rates) > TRIALS / 2


def test_what_is_there_is_not_made_again(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.scale_archive.AT_A_TIME", 2)
    wanted = recipes(2, 50, 0, 0, [template])
    make_run(tmp_path, wanted[0])
    before = (tmp_path / wanted[0].run_id / "SHA256SUMS").stat().st_mtime_ns
    assert list(make(tmp_path, wanted, 2**30, workers=1)) == [2]
    assert (tmp_path / wanted[0].run_id / "SHA256SUMS").stat().st_mtime_ns == before
    assert list(make(tmp_path, wanted, 2**30, workers=1)) == []
    with pytest.raises(BenchError, match="would take"):
        list(make(tmp_path, recipes(40, 50, 0, 0, [template]), 2**18, workers=1))
    assert len(Archive(tmp_path).run_ids()) < 40


def test_a_command_is_timed_with_its_memory(template: Path) -> None:
    seconds, peak_mib = timed(("list",), template.parent, cold=False)
    assert 0 < seconds < 60
    assert 5 < peak_mib < scale.MOST_MIB
    with pytest.raises(BenchError, match="collect show failed"):
        timed(("show", "nothing"), template.parent, cold=False)


def test_the_table_tells_what_was_missed() -> None:
    quick = Timed(Wanted("`list`", ("list",), 1.0), (0.4, 0.6, 0.5), 0.2, 100.0)
    slow = Timed(Wanted("`show`", ("show",), 1.0), (0.4, 1.6, 0.5), 0.2, 100.0)
    large = Timed(Wanted("`query`", ("query",), None), (0.4,), 0.2, 2000.0)
    assert [found.fine for found in (quick, slow, large)] == [True, False, False]
    told = list(lines([quick, slow, large]))
    assert told[2] == "| `list` | 0.50 s | 0.60 s | 0.20 s | 100 MiB | 1 s |"
    assert told[3].endswith("| 1 s (missed) |")
    assert len({len(line.split("|")) for line in told}) == 1


def test_commands_are_of_the_archive_that_was_made(tmp_path: Path) -> None:
    made = recipes(30, 10, 5, 20, [tmp_path])
    assert [recipe.requests for recipe in made] == [10] * 25 + [20] * 5
    assert len({recipe.run_id for recipe in made}) == 30
    assert sum(made[25].run_id in wanted.words for wanted in commands(made, 5, "cell")) == 4
