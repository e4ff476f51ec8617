from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from collect.archive import index as index_module
from collect.archive import stamps
from collect.archive.index import Index
from collect.archive.store import Archive
from collect.cli import main
from collect.cli.trend import trend as command
from collect.compare.heads import head_of, read_head
from collect.compare.recorded import Recorded
from collect.compare.runs import compare_runs
from collect.compare.series import OUTCOMES, cell_rows
from collect.compare.trend import MOST_RUNS, trend
from tests.support.many_runs import FLASK, STARLETTE, ManyRuns

RPS = OUTCOMES["rps"]
TICK_S = 0.012


@pytest.fixture
def kept(runs: ManyRuns, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """12 runs, the last four at another rate, all of them in the index."""
    monkeypatch.setattr(stamps, "SETTLED_NS", int(0.8e9 * TICK_S))
    for number in range(12):
        rate = 400 * (0.8 if number >= 8 else 1) + number % 3
        cells = {FLASK: [rate, rate + 1, rate + 2]} | ({STARLETTE: [900, 901, 902]} if number % 2 else {})
        runs.add(cells, commit=f"{number // 4}" * 40, dirty=number == 5)
    time.sleep(TICK_S)
    archive = runs.archive
    assert len(Index(archive).snapshot().kept) == 12
    return archive


def test_the_index_says_what_the_files_say(kept: Archive) -> None:
    recorded, plain = Recorded(kept), Recorded(kept, Index(kept, use=False))
    for run_id in kept.run_ids():
        assert recorded.head(run_id) == plain.head(run_id) == read_head(kept, run_id) == head_of(kept.manifest(run_id))
        assert recorded.head(run_id).cells == plain.head(run_id).cells
        for cells in ([FLASK], [FLASK, STARLETTE], ["nothing"]):
            assert recorded.rows(run_id, cells) == plain.rows(run_id, cells) == cell_rows(kept, run_id, cells)
    assert recorded.cells() == plain.cells() == {FLASK, STARLETTE}
    for cells in ([FLASK], [STARLETTE], ["nothing"]):
        for repeatable in (True, False):
            assert recorded.having(cells, repeatable=repeatable) == plain.having(cells, repeatable=repeatable)
    assert len(recorded.having([FLASK], repeatable=True)) == 11
    assert len(recorded.having([STARLETTE])) == 6


def test_runs_share_what_they_have_in_common(kept: Archive) -> None:
    recorded = Recorded(kept)
    one, other = (recorded.head(run_id) for run_id in kept.run_ids()[1:4:2])
    assert one.run_id != other.run_id
    assert one.plan is other.plan
    assert one.catalog is other.catalog
    assert one.cells is other.cells


def refuse(*_: Any) -> Any:
    raise AssertionError("a file was opened")


def test_a_trend_and_a_comparison_from_the_index_are_those_from_the_files(
    kept: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = kept.run_ids()
    plain, _ = trend(kept, FLASK, RPS, index=Index(kept, use=False))
    compared = compare_runs(kept, ids[1], ids[-1], RPS, index=Index(kept, use=False))
    assert compare_runs(kept, ids[1], ids[-1], RPS) == compared
    for name in ("read_head", "cell_rows", "as_sealed"):
        monkeypatch.setattr(f"collect.compare.recorded.{name}", refuse)
    found, refused = trend(kept, FLASK, RPS)
    assert (found, refused) == (plain, [])
    assert [turn.run_id for turn in found.turns] == [ids[8]]
    with pytest.raises(AssertionError, match="opened"):
        trend(kept, FLASK, RPS, index=Index(kept, use=False))


def test_the_newest_runs_are_looked_at_and_how_many_others_there_are_is_told(
    kept: Archive, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | None] = []

    def scan(path: Path, newest: int | None) -> dict[str, stamps.Stamp]:
        asked.append(newest)
        return stamps.scan(path, newest)

    monkeypatch.setattr(index_module, "scan", scan)
    found, _ = trend(kept, FLASK, RPS, most=5)
    assert asked == [5]
    assert ([point.run_id for point in found.points], found.older) == (kept.run_ids()[-5:], 7)
    assert trend(kept, FLASK, RPS, most=None)[0].older == 0
    asked.clear()
    assert trend(kept, STARLETTE, RPS, most=6)[0].older == 0
    assert asked == [6, 24], "not all of the first have it"
    where = ("--archive", str(kept.path))
    assert main(["trend", STARLETTE, "--limit", "2", *where]) == 0
    assert "9 older runs are left out (--limit 0 takes all)" in capsys.readouterr().out
    assert main(["trend", FLASK, "--limit", "0", *where]) == 1
    assert "left out" not in capsys.readouterr().out
    (limit,) = [parameter for parameter in command.params if parameter.name == "limit"]
    assert limit.default == MOST_RUNS


def test_a_damaged_run_is_refused_with_and_without_an_index(kept: Archive) -> None:
    first, second, third, *_ = kept.run_ids()
    for run_id, name in ((first, "manifest.json"), (second, "trials.parquet")):
        path: Path = kept.folder(run_id) / name
        path.write_bytes(path.read_bytes() + b" ")
    (kept.folder(third) / "manifest.json").write_text('{"schema_version": 2, "trials": []}')
    for index in (None, Index(kept, use=False)):
        found, refused = trend(kept, FLASK, RPS, index=index)
        assert [point.run_id for point in found.points] == kept.run_ids()[3:]
        assert [run_id in str(error) for run_id, error in zip(kept.run_ids(), refused, strict=False)] == [True] * 3
