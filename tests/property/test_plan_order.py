from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from collect.plan import Cell, Plan, load_plan

QUICK = replace(load_plan("quick"), ceiling_window_s=0)
CELLS = st.lists(
    st.builds(
        Cell,
        st.sampled_from(sorted(QUICK.catalog.variants)),
        st.sampled_from(sorted(QUICK.catalog.workloads)),
        st.sampled_from(sorted(QUICK.catalog.generators)),
        st.integers(1, 50),
        st.just("article"),
    ),
    min_size=1,
    max_size=12,
    unique=True,
)


@settings(deadline=None)
@given(cells=CELLS, blocks=st.integers(1, 6), seed=st.integers(0, 2**63))
def test_each_block_holds_each_cell_once(cells: list[Cell], blocks: int, seed: int) -> None:
    plan = replace(QUICK, cells=tuple(cells), blocks=blocks, seed=seed)
    specs = plan.trials()
    assert [spec.ordinal for spec in specs] == list(range(1, blocks * len(cells) + 1))
    for block in range(1, blocks + 1):
        mine = [spec for spec in specs if spec.block == block]
        assert sorted(spec.cell.name for spec in mine) == sorted(cell.name for cell in cells)
        assert [spec.position for spec in mine] == list(range(1, len(cells) + 1))
    assert len({spec.trial_id for spec in specs}) == len({spec.port for spec in specs}) == len(specs)


@settings(deadline=None)
@given(cells=CELLS, seed=st.integers(0, 2**63))
def test_the_order_is_of_the_seed_alone_and_more_blocks_only_go_on(cells: list[Cell], seed: int) -> None:
    few, many = (replace(QUICK, cells=tuple(cells), blocks=blocks, seed=seed) for blocks in (2, 5))
    again = Plan.from_json(few.to_json(), few.catalog)
    assert again.trials() == few.trials()
    assert [spec.trial_id for spec in many.trials()][: 2 * len(cells)] == [spec.trial_id for spec in few.trials()]


@settings(deadline=None)
@given(seeds=st.sets(st.integers(0, 2**32), min_size=40, max_size=40))
def test_every_place_in_a_block_is_open_to_every_cell(seeds: set[int]) -> None:
    firsts = {replace(QUICK, seed=seed).trials()[0].cell for seed in seeds}
    assert len(firsts) >= 3  # of 4; fewer has a chance under 1e-11
