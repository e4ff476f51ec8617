from __future__ import annotations

import math

import numpy as np
import pytest

from collect.compare.runs import Comparison, _figures, compare_runs
from collect.compare.series import OUTCOMES
from collect.errors import BenchError
from collect.plan import Cell
from tests.support.many_runs import FLASK, STARLETTE, ManyRuns, noisy

RPS, CPU = OUTCOMES["rps"], OUTCOMES["cpu"]
AROUND = [0.99, 1.0, 1.01, 1.0, 0.995, 1.005]


def rates(mean: float, spread: float = 1.0) -> list[float]:
    return [mean * (1 + (share - 1) * spread) for share in AROUND]


def compared(runs: ManyRuns, first: dict[str, list[float]], second: dict[str, list[float]]) -> Comparison:
    """Compare two runs of code that nobody knows, so that they are no repeats of others."""
    ids = [runs.add(rates, commit=None) for rates in (first, second)]
    return compare_runs(runs.archive, ids[0], ids[1], RPS)


def test_verdicts(runs: ManyRuns) -> None:
    first = {FLASK: rates(400), STARLETTE: rates(800)}
    faster_slower = compared(runs, first, {FLASK: rates(480), STARLETTE: rates(700)})
    assert [cell.verdict for cell in faster_slower.cells] == ["faster", "slower"]
    assert faster_slower.different
    figure = faster_slower.cells[0].figures["rps"]
    assert figure.ratio == pytest.approx(1.2)
    assert figure.low is not None
    assert figure.low_alone is not None
    assert 1 < figure.low < figure.low_alone < 1.2
    assert figure.first == pytest.approx(400, rel=1e-3)
    assert figure.blocks == (6, 6)
    same_unknown = compared(runs, first, {FLASK: rates(402), STARLETTE: rates(790, spread=20)})
    assert [cell.verdict for cell in same_unknown.cells] == ["same", "unknown"]
    assert not same_unknown.different
    assert same_unknown.cells[1].why == "neither a difference nor within 5 % can be shown"


def test_a_small_difference_within_the_margin_is_none(runs: ManyRuns) -> None:
    """1.5 % that are told apart from nothing are the same with a margin of 5 %, and faster with one of 1 %."""
    ids = runs.add({FLASK: rates(400, spread=0.1)}), runs.add({FLASK: rates(406, spread=0.1)})
    wide, narrow = (compare_runs(runs.archive, *ids, RPS, margin).cells[0] for margin in (0.05, 0.01))
    assert wide.figures["rps"].p_different == narrow.figures["rps"].p_different
    assert (wide.verdict, narrow.verdict) == ("same", "faster")


def test_cpu_per_request_has_words_of_its_own(runs: ManyRuns) -> None:
    ids = runs.add({FLASK: rates(400)}), runs.add({FLASK: rates(400)}, cpu_s=0.0024)
    found = compare_runs(runs.archive, *ids, CPU)
    assert found.cells[0].verdict == "dearer"
    assert found.cells[0].figures["cpu"].ratio == pytest.approx(1.2)
    assert found.cells[0].figures["rps"].verdict == "same"
    assert compare_runs(runs.archive, *ids[::-1], CPU).cells[0].verdict == "cheaper"


def test_more_cells_make_wider_intervals(runs: ManyRuns) -> None:
    one = compared(runs, {FLASK: rates(400)}, {FLASK: rates(410)}).cells[0].figures["rps"]
    both = {FLASK: rates(400), STARLETTE: rates(800)}
    two = compared(runs, both, {FLASK: rates(410), STARLETTE: rates(800)}).cells[0].figures["rps"]
    assert one.low == one.low_alone == two.low_alone
    assert one.low is not None
    assert two.low is not None
    assert two.low < one.low
    assert two.p_different == pytest.approx(2 * (one.p_different or 0))


def test_few_blocks_and_invalid_trials(runs: ManyRuns) -> None:
    few = compared(runs, {FLASK: [400, 401], STARLETTE: rates(800)}, {FLASK: rates(400), STARLETTE: rates(800)})
    cell = few.cells[0]
    assert (cell.verdict, cell.why) == ("unknown", "fewer than 3 blocks (2 and 6), so no interval")
    assert cell.figures["rps"].ratio is not None
    # Only one cell could be tested, so its interval is corrected for one.
    assert few.cells[1].figures["rps"].low == few.cells[1].figures["rps"].low_alone
    spoilt = runs.add(
        {FLASK: [*rates(400), 4]}, rows=lambda row: row.update(validity="invalid") if row["block"] == 7 else 0
    )
    kept = compare_runs(runs.archive, spoilt, runs.add({FLASK: rates(400)}), RPS).cells[0]
    assert (kept.verdict, kept.figures["rps"].blocks) == ("same", (6, 6))
    zero = compared(runs, {FLASK: rates(400)}, {FLASK: [*rates(400), 0]}).cells[0]
    assert (zero.verdict, zero.figures["rps"].blocks) == ("same", (6, 6)), "a block without an answer is left out"
    none = compared(runs, {FLASK: rates(400)}, {FLASK: [0, 0, 0]}).cells[0]
    assert (none.verdict, none.why) == ("unknown", "a run has no figure that is above 0")


def test_probes_and_ceilings_are_no_blocks(runs: ManyRuns) -> None:
    probed = runs.add({FLASK: [*rates(400), 4]}, rows=lambda row: row.update(kind="probe") if row["block"] == 7 else 0)
    assert compare_runs(runs.archive, probed, runs.add({FLASK: rates(400)}), RPS).cells[0].verdict == "same"


def test_what_cannot_be_compared(runs: ManyRuns) -> None:
    one = runs.add({FLASK: rates(400)})
    with pytest.raises(BenchError, match="cannot be compared with itself"):
        compare_runs(runs.archive, one, one, RPS)
    with pytest.raises(BenchError, match="no cell in common"):
        compare_runs(runs.archive, one, runs.add({STARLETTE: rates(400)}), RPS)
    newer = runs.add({FLASK: rates(400)}, change=lambda manifest: manifest.update(schema_version=99))
    with pytest.raises(BenchError, match="schema 99"):
        compare_runs(runs.archive, one, newer, RPS)


def test_other_metadata_is_refused_unless_told(runs: ManyRuns) -> None:
    both = {FLASK: rates(400), STARLETTE: rates(800)}
    one = runs.add(both)
    kernel = runs.add(both, change=lambda manifest: manifest["hosts"]["server1"].update(kernel="6.9"))
    with pytest.raises(BenchError, match=r"kernel of server\): 6.1.0 / 6.9 .*--despite kernel$"):
        compare_runs(runs.archive, one, kernel, RPS)
    told = compare_runs(runs.archive, one, kernel, RPS, despite=["kernel"])
    assert ([cell.verdict for cell in told.cells], told.despite) == (["same", "same"], ("kernel",))
    variant = runs.add(
        both, change=lambda manifest: manifest["catalog"]["variants"]["flask-werkzeug"].update(access_log=False)
    )
    some = compare_runs(runs.archive, one, variant, RPS)
    assert [cell.cell for cell in some.cells] == [STARLETTE]
    assert [found.in_words() for found in some.refused[FLASK]] == ["variant (access_log): True / False"]


def test_cells_of_one_run_only_are_named(runs: ManyRuns) -> None:
    found = compared(runs, {FLASK: rates(400), STARLETTE: rates(800)}, {FLASK: rates(400)})
    assert (found.only_first, found.only_second) == ([STARLETTE], [])


def test_what_shifts_all_cells_alike_shows(runs: ManyRuns) -> None:
    found = compared(
        runs, {FLASK: rates(400), STARLETTE: rates(800)}, {FLASK: [380, *rates(380)], STARLETTE: rates(760)}
    )
    assert found.together["rps"].ratio == pytest.approx(0.95, rel=1e-3)
    assert found.together["rps"].blocks == (6, 6)  # the seventh has one of them only


def test_repeated_runs_say_how_far_runs_lie_apart(runs: ManyRuns) -> None:
    """Runs of one commit 10 % apart: a difference of 10 % to one of another commit is then nothing."""
    rng = np.random.default_rng(1)
    old = [runs.add({FLASK: noisy(rng, mean, deviation=0.01)}) for mean in (400, 440, 420, 380, 400)]
    new = runs.add({FLASK: noisy(rng, 440, deviation=0.01)}, commit="b" * 40)
    found = compare_runs(runs.archive, old[-1], new, RPS)
    effect = found.effects["rps"]
    assert effect is not None
    assert effect.runs == 5
    assert effect.deviation == pytest.approx(0.055, abs=0.01)
    assert found.cells[0].verdict == "unknown"
    undone = found.cells[0].figures["rps"].undone_by
    assert undone is not None
    assert 0.02 < undone < 0.04  # less than what repeated runs show


def test_runs_that_are_no_repeats(runs: ManyRuns) -> None:
    """Another commit, changes in the checkout, other metadata, and the second run itself say nothing of repeats."""
    first = runs.add({FLASK: rates(400)})
    runs.add({FLASK: rates(800)}, commit="c" * 40)
    runs.add({FLASK: rates(800)}, dirty=True)
    runs.add({FLASK: rates(800)}, commit=None, dirty=None)
    runs.add({FLASK: rates(800)}, change=lambda manifest: manifest["plan"].update(window_s=99))
    second = runs.add({FLASK: rates(800)})
    found = compare_runs(runs.archive, first, second, RPS)
    assert found.effects == {"rps": None, "cpu": None}
    assert found.cells[0].verdict == "faster"


def test_what_may_differ_lets_in_families_and_makes_none(runs: ManyRuns) -> None:
    """Of two kernels each has its own repeats: what lies between the kernels is no run effect."""
    rng = np.random.default_rng(3)
    kernels = {"6.1.0": 400, "6.9": 800}
    ids = [
        runs.add(
            {FLASK: noisy(rng, mean, deviation=0.01)},
            change=lambda manifest, kernel=kernel: manifest["hosts"]["server1"].update(kernel=kernel),  # type: ignore[misc]
        )
        for _ in range(3)
        for kernel, mean in kernels.items()
    ]
    second = runs.add({FLASK: noisy(rng, 400, deviation=0.01)}, commit="b" * 40)
    effect = compare_runs(runs.archive, ids[0], second, RPS, despite=["kernel"]).effects["rps"]
    assert effect is not None
    assert effect.runs == 6
    assert effect.deviation < 0.02
    alone = compare_runs(runs.archive, ids[0], second, RPS).effects["rps"]
    assert alone is not None
    assert alone.runs == 3


def test_verdicts_on_what_held_a_cell_back_are_kept(runs: ManyRuns) -> None:
    def limited(manifest: dict[str, object]) -> None:
        name = Cell("flask-werkzeug", "redis", "locust-http", 10, "article").name
        finding = {"word": "generator", "confidence": "high"}
        manifest["trials"] = [
            {"trial_id": "x", "cell": name, "kind": "cell", "validity": "valid", "limited_by": [finding], "clocks": {}}
        ]
        manifest["cells"] = None

    # Without a server in its trials such a run tells no host's facts, so both have to be like that.
    first, second = (runs.add({FLASK: rates(400)}, change=limited) for _ in range(2))
    assert compare_runs(runs.archive, first, second, RPS).cells[0].limited_by == ("generator", "generator")


Side = dict[str, list[dict[str, float]]]
NAMES = [str(number) for number in range(20)]


def side(rng: np.random.Generator, blocks: int, shift: float = 0.0) -> Side:
    """Return a run of 20 cells whose noise is like the archive's: 7 to 23 % from block to block; one is shifted."""
    return {
        name: [
            {
                "block": block,
                "rps": math.exp(rng.normal(shift if name == "0" else 0, 0.07 * 3.3 ** (int(name) / 19))),
                "app_cpu_cores": 1.0,
            }
            for block in range(blocks)
        ]
        for name in NAMES
    }


@pytest.mark.parametrize("blocks", [3, 6])
def test_false_alarms_over_many_cells_are_as_rare_as_they_say(blocks: int) -> None:
    """Without any difference 5 % of pairs of runs have a verdict against the truth; of 150 up to 10 % by chance."""
    rng = np.random.default_rng(blocks)
    alarms = 0
    for _ in range(150):
        figures = _figures(NAMES, [side(rng, blocks), side(rng, blocks)], RPS, 0.05, None)
        alarms += any(figure.verdict in ("faster", "slower") for figure in figures.values())
    assert alarms / 150 <= 0.1


def test_a_difference_among_many_cells_is_found() -> None:
    """30 % beside a noise of 7 %: with three blocks in half of the runs or more, with six in nearly all."""
    rng = np.random.default_rng(1)

    def found(blocks: int) -> int:
        return sum(
            _figures(NAMES, [side(rng, blocks), side(rng, blocks, -0.36)], RPS, 0.05, None)["0"].verdict == "slower"
            for _ in range(40)
        )

    assert found(3) >= 16
    assert found(6) >= 36


def test_what_is_beyond_the_margin_is_hardly_ever_called_the_same() -> None:
    """A true ratio just at the margin; blocks so steady that the same could be shown of a true 1."""
    rng = np.random.default_rng(12)

    def called(log_ratio: float) -> float:
        same = 0
        for _ in range(250):
            sides = [
                {
                    "a": [
                        {"block": b, "rps": math.exp(shift + rng.normal(0, 0.02)), "app_cpu_cores": 1.0}
                        for b in range(6)
                    ]
                }
                for shift in (0.0, log_ratio)
            ]
            same += _figures(["a"], sides, RPS, 0.05, None)["a"].verdict == "same"
        return same / 250

    assert called(math.log(1.05)) <= 0.075
    assert called(0.0) > 0.9


@pytest.mark.parametrize(("margin", "told"), [(0.05, "5 %"), (0.005, "0.5 %"), (0.125, "12.5 %")])
def test_a_margin_is_told_as_it_was_given(runs: ManyRuns, margin: float, told: str) -> None:
    rng = np.random.default_rng(5)
    first, second = (runs.add({FLASK: noisy(rng, 400, deviation=0.3)}) for _ in range(2))
    found = compare_runs(runs.archive, first, second, RPS, margin)
    assert found.cells[0].why == f"neither a difference nor within {told} can be shown"
