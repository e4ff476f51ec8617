"""The table of a trial's seconds agrees with the archive."""

from __future__ import annotations

import pytest

from collect.archive.query import open_run
from collect.archive.store import Archive
from collect.report.trial_series import recorded
from collect.serve.seconds import middles, seconds_table

SAME = {"server1 cores": "server_cpu_cores", "client1 generator cores": "generator_cpu_cores"}


def test_the_seconds_add_up_to_the_trial(archive: Archive, run_id: str) -> None:
    with open_run(archive, run_id) as database:
        for row in database.rows("SELECT * FROM trials"):
            head, body = seconds_table(recorded(database, [row]), row["trial_id"])
            assert all(len(line) == len(head) for line in body)
            columns = dict(zip(head, zip(*body, strict=True), strict=True))
            assert list(columns["second"]) == sorted(set(columns["second"]))
            window = [place for place, second in enumerate(columns["second"]) if 0 <= second < round(row["window_s"])]
            assert len(window) == 3
            answered = sum(columns["right answers"][place] for place in window)
            assert answered == pytest.approx(row["requests"] - row["failures"], abs=1)
            for title, column in SAME.items():
                mean = sum(columns[title][place] for place in window) / len(window)
                assert mean == pytest.approx(row[column], rel=0.02)


@pytest.mark.parametrize(
    ("ends", "seconds"),
    [
        ([], []),
        ([1.0], [0]),
        ([-0.003, 0.997, 1.997], [-1, 0, 1]),
        ([0.003, 1.003], [-1, 0]),
        ([0.25, 0.5, 0.75, 1.0, 1.25], [0, 0, 0, 0, 1]),
        ([0.0, 1.0, 3.0], [-1, 0, 2]),  # a tick was missed
    ],
)
def test_an_interval_is_of_the_second_that_holds_its_middle(ends: list[float], seconds: list[int]) -> None:
    assert middles(ends) == seconds
