from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collect.trial.clock import measure

delays = st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)), min_size=1, max_size=20)


@given(delays, st.floats(-1000, 1000))
def test_the_truth_lies_within_the_uncertainty(paths: list[tuple[float, float]], offset_s: float) -> None:
    """Whatever each direction of the path takes, also very unequal ones."""
    clock, trips = [1000.0], iter(paths)

    def ask() -> float:
        there, back = next(trips)
        clock[0] += there
        remote = clock[0] + offset_s
        clock[0] += back
        return remote

    measured = measure(ask, lambda: clock[0], round_trips=len(paths))
    assert abs(measured.offset_s - offset_s) <= measured.uncertainty_s + 1e-9
    assert abs(measured.uncertainty_s - min((there + back) / 2 for there, back in paths)) < 1e-9
