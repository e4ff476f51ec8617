from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from collect.compare.series import OUTCOMES
from collect.compare.trend import since, trend
from collect.errors import BenchError
from tests.support.many_runs import FLASK, STARLETTE, ManyRuns, noisy

RPS, CPU = OUTCOMES["rps"], OUTCOMES["cpu"]


@pytest.fixture
def slowed(runs: ManyRuns) -> ManyRuns:
    """30 runs of Flask; from the 19th on it is 12 % slower, by commit b."""
    rng = np.random.default_rng(1)
    for number in range(30):
        late = number >= 18
        rates = noisy(rng, 400 * (0.88 if late else 1), deviation=0.04, run_deviation=0.02)
        runs.add({FLASK: rates, STARLETTE: [900, 910, 905]}, commit=("b" if late else "a") * 40)
    return runs


def test_a_slowdown_is_found_with_its_commit_and_size(slowed: ManyRuns) -> None:
    found, refused = trend(slowed.archive, FLASK, RPS)
    assert refused == []
    assert len(found.points) == 30
    (turn,) = found.turns
    assert (turn.verdict, turn.commit, turn.before_commit) == ("slower", "b" * 40, "a" * 40)
    assert turn.created_at == datetime(2026, 1, 19, tzinfo=UTC).isoformat()
    assert turn.low < 0.88 < turn.high < 1
    assert found.points[17].level > found.points[18].level == found.points[29].level
    assert found.points[0].low is not None
    assert not found.drifts


def test_since_when_it_is_news(slowed: ManyRuns) -> None:
    found, _ = trend(slowed.archive, FLASK, RPS)
    assert found.worse_since(None)
    archive = slowed.archive
    for text, news in [("2026-01-18", True), ("2026-01-20", False), ("20260118", True), ("20260119T00", False)]:
        assert found.worse_since(since(archive, text)) == news
    assert since(archive, archive.run_ids()[3]) == datetime(2026, 1, 4, tzinfo=UTC)
    assert since(archive, "2026-01-18T12:00+02:00") == datetime(2026, 1, 18, 10, tzinfo=UTC)
    assert since(archive, None) is None
    with pytest.raises(BenchError, match="is no date"):
        since(archive, "yesterday")


def test_faster_is_no_bad_news_and_dearer_is(runs: ManyRuns) -> None:
    rng = np.random.default_rng(2)
    for number in range(24):
        late = number >= 12
        runs.add({FLASK: noisy(rng, 480 if late else 400, deviation=0.01)}, cpu_s=0.0025 if late else 0.002)
    rate, cost = (trend(runs.archive, FLASK, outcome)[0] for outcome in (RPS, CPU))
    assert ([turn.verdict for turn in rate.turns], rate.worse_since(None)) == (["faster"], False)
    # The same blocks' CPU has no noise of its own: its level is exact.
    assert ([turn.verdict for turn in cost.turns], cost.worse_since(None)) == (["dearer"], True)
    assert cost.turns[0].ratio == pytest.approx(1.25)


def test_a_steady_cell_has_no_change(runs: ManyRuns) -> None:
    rng = np.random.default_rng(3)
    for _ in range(25):
        runs.add({FLASK: noisy(rng, 400, run_deviation=0.03)})
    found, _ = trend(runs.archive, FLASK, RPS)
    assert (found.turns, found.worse_since(None)) == ([], False)
    assert len({point.level for point in found.points}) == 1


def test_runs_under_other_conditions_are_left_out_and_named(runs: ManyRuns) -> None:
    for number in range(12):
        slow = number % 2 == 1
        runs.add(
            {FLASK: [200, 201, 202] if slow else [400 + number, 401, 399]},
            change=(lambda manifest: manifest["hosts"]["server1"].update(cpu_model="Slow CPU")) if slow else None,
        )
    empty = runs.add({FLASK: []}, change=lambda manifest: manifest)
    steady = runs.add({FLASK: [400, 401, 402]})
    found, _ = trend(runs.archive, FLASK, RPS)
    assert [point.run_id for point in found.points][-1] == steady
    assert len(found.points) == 7
    assert {left.differs[0].name for left in found.left_out if left.differs} == {"cpu"}
    assert [(left.run_id, left.why) for left in found.left_out if left.why] == [
        (empty, "it has no usable trial of the cell with a figure above 0")
    ]
    everything, _ = trend(runs.archive, FLASK, RPS, despite=["cpu"])
    assert len(everything.points) == 13


def test_the_newest_run_says_what_the_conditions_are(runs: ManyRuns) -> None:
    for _ in range(3):
        runs.add({FLASK: [400, 401, 402]})
    runs.add({FLASK: [200, 201]}, change=lambda manifest: manifest["plan"].update(window_s=99))
    (point,) = trend(runs.archive, FLASK, RPS)[0].points
    assert (point.low, point.blocks, round(point.value)) == (None, 2, 200)


def test_unknown_cells_and_unreadable_runs(runs: ManyRuns) -> None:
    runs.add({FLASK: [1, 2, 3]})
    with pytest.raises(BenchError, match=f'did you mean "{FLASK}"'):
        trend(runs.archive, FLASK.replace("10", "11"), RPS)
    damaged = runs.add({FLASK: [1, 2, 3]})
    (runs.path / damaged / "trials.parquet").write_bytes(b"")
    newer = runs.add({FLASK: [1, 2, 3]}, change=lambda manifest: manifest.update(schema_version=99))
    found, refused = trend(runs.archive, FLASK, RPS)
    assert len(found.points) == 1
    assert [newer in str(error) or damaged in str(error) for error in refused] == [True, True]


def test_a_drifting_machine_is_told(runs: ManyRuns) -> None:
    rng = np.random.default_rng(4)
    level = 0.0
    for _ in range(40):
        level = 0.9 * level + rng.normal(0, 0.05)
        runs.add({FLASK: [400 * float(np.exp(level + rng.normal(0, 0.01))) for _ in range(3)]})
    found, _ = trend(runs.archive, FLASK, RPS)
    assert found.autocorrelation is not None
    assert found.drifts
