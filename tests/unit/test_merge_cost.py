"""What merging costs is measured of archives that are whole, and the merged one is, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.merge_cost import PAGE, Merge, dealt, lines, merges
from benchmarks.scale_archive import make_run, recipes
from collect.archive.store import Archive
from tests.support.plans import small_plan
from tests.support.synthetic import Setting, write_run


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("real"), small_plan(2, window_s=1), Setting()).seal()


def test_runs_are_dealt_to_the_pairs_in_turn(tmp_path: Path) -> None:
    made = recipes(10, 50, 0, 0, [tmp_path])
    shares = dealt(tmp_path, made, 3)
    assert [len(mine) for _, mine in shares] == [4, 3, 3]
    assert len({archive for archive, _ in shares}) == 3
    assert sorted(recipe.number for _, mine in shares for recipe in mine) == list(range(10))


def test_all_are_merged_and_each_merge_is_timed(template: Path, tmp_path: Path) -> None:
    made = recipes(3, 50, 0, 0, [template])
    shares = dealt(tmp_path, made, 2)
    for archive, mine in shares:
        archive.mkdir()
        for recipe in mine:
            make_run(archive, recipe)
    target = tmp_path / "merged"
    taken = list(merges([archive for archive, _ in shares], target, times=1, cold=False))
    assert [found.runs for found in taken] == [3, 3, 1, 3]
    assert all(found.seconds[0] > 0 and found.peak_mib > 5 for found in taken)
    merged = Archive(target)
    assert merged.run_ids() == [recipe.run_id for recipe in made]
    assert all(merged.verify(run_id) == [] for run_id in merged.run_ids())
    assert len(lines(taken)) == 6


def test_the_table_tells_what_a_run_costs() -> None:
    told = lines([Merge("`import` of 100 runs", 100, (9.0, 12.0, 10.0), 200.4)])
    assert told[0].startswith("| command | cold, median of 3 |")
    assert told[2] == "| `import` of 100 runs | 10.00 s | 12.00 s | 100 ms | 200 MiB |"


def test_the_page_has_a_place_for_it() -> None:
    begin = "<!-- made by benchmarks/merge_cost.py: begin -->"
    assert PAGE.read_text().count(begin) == 1
    assert "<!-- end -->" in PAGE.read_text().partition(begin)[2]
