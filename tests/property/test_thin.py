"""What is thinned for drawing keeps every peak, where it was."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from collect.report.thin import kept, thinned

SEEDS = st.integers(0, 2**32 - 1)


def made(seed: int, count: int, width: int) -> list[list[float | None]]:
    """Return columns with noise, spikes and holes."""
    rng = np.random.default_rng(seed)
    data = rng.normal(0, 1, (width, count)) + (rng.random((width, count)) < 0.02) * rng.normal(0, 100, (width, count))
    holes = rng.random((width, count)) < rng.choice([0, 0.1, 1])
    return [
        [None if hole else float(value) for value, hole in zip(values, missing, strict=True)]
        for values, missing in zip(data, holes, strict=True)
    ]


@settings(deadline=None)
@given(seed=SEEDS, count=st.integers(1, 2000), width=st.integers(1, 5), most=st.integers(12, 300))
def test_each_stretch_keeps_its_extremes(seed: int, count: int, width: int, most: int) -> None:
    columns = made(seed, count, width)
    rows = kept(columns, most)
    assert rows == sorted(set(rows))
    assert len(rows) <= most
    if count <= most:
        assert rows == list(range(count))
        return
    assert (rows[0], rows[-1]) == (0, count - 1)
    for part in np.array_split(np.arange(count), (most - 2) // (2 * width)):
        inside = [row for row in rows if part[0] <= row <= part[-1]]
        for column in columns:
            known = [value for row in part if (value := column[row]) is not None]
            drawn = [value for row in inside if (value := column[row]) is not None]
            if known:
                assert (min(drawn), max(drawn)) == (min(known), max(known))


@settings(deadline=None)
@given(seed=SEEDS, count=st.integers(50, 2000), width=st.integers(1, 4), share=st.floats(0, 1, exclude_max=True))
def test_no_peak_is_lost_or_moved(seed: int, count: int, width: int, share: float) -> None:
    columns = made(seed, count, width)
    place = int(share * count)
    columns[width - 1][place] = 1e9
    found, short = thinned({"at_s": list(range(count)), **{str(n): values for n, values in enumerate(columns)}}, 40)
    assert short == (count > 40)
    assert {len(values) for values in found.values()} == {len(found["at_s"])}
    assert found["at_s"][found[str(width - 1)].index(1e9)] == place
    # Rows stay whole: what was measured at one moment is drawn at one moment.
    for row, at_s in enumerate(found["at_s"]):
        assert [found[str(n)][row] for n in range(width)] == [values[at_s] for values in columns]


def test_nothing_is_thinned_that_is_empty_or_short() -> None:
    assert kept([], 10) == []
    assert thinned({"at_s": [], "value": []}) == ({"at_s": [], "value": []}, False)
    assert thinned({"at_s": [1, 2], "value": [3, None]}) == ({"at_s": [1, 2], "value": [3, None]}, False)
