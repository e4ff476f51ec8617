"""What is looked at to find a run, and how its requests lie on the disk."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from collect.archive.query import open_run
from collect.archive.store import Archive
from collect.errors import BenchError
from tests.support.plans import small_plan
from tests.support.synthetic import write_run


@pytest.fixture
def many(tmp_path: Path) -> Archive:
    """Two hundred runs, every second one sealed, the last three not."""
    for number in range(200):
        folder = tmp_path / f"2026{1 + number // 28:02d}{1 + number % 28:02d}T000000Z-{number:06x}"
        folder.mkdir()
        if number % 2 == 0 and number < 197:
            (folder / "SHA256SUMS").write_text("")
    (tmp_path / "20270101T000000Z-000000").write_text("a file")
    (tmp_path / "20260101T000000Z-000000.html").write_text("")
    (tmp_path / "20270101T000000Z-00000g").mkdir()
    return Archive(tmp_path)


def test_only_what_may_be_meant_is_looked_at(many: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = many.run_ids()
    assert (len(ids), ids[-1][-6:]) == (99, f"{196:06x}")
    looked: list[str] = []
    sealed = Archive._sealed

    def watched(self: Archive, name: str) -> bool:
        looked.append(name)
        return sealed(self, name)

    monkeypatch.setattr(Archive, "_sealed", watched)
    assert many.resolve("latest") == ids[-1]
    assert len(looked) <= 5
    looked.clear()
    assert many.resolve(ids[40]) == many.resolve(ids[40][:8]) == ids[40]
    assert len(looked) == 2
    with pytest.raises(BenchError, match="fits 14 runs"):
        many.resolve("202602")
    with pytest.raises(BenchError, match=f"the latest are .*{ids[-1]}"):
        many.resolve(ids[0].replace("2026", "2025"))


def test_a_trial_s_requests_are_a_row_group_of_their_own(tmp_path: Path) -> None:
    run = write_run(tmp_path, small_plan(2, window_s=1))
    entry = run.seal()
    file = pq.ParquetFile(entry / "requests.parquet")
    at = file.schema_arrow.names.index("trial_id")
    found = [file.metadata.row_group(number).column(at).statistics for number in range(file.metadata.num_row_groups)]
    assert [(said.min, said.max) for said in found] == [(spec.trial_id, spec.trial_id) for spec in run.trials()]
    with open_run(Archive(tmp_path), entry.name, ("requests",)) as database:
        (row,) = database.rows("SELECT count(*) AS n FROM requests WHERE trial_id = ?", [run.trials()[2].trial_id])
        assert row["n"] == file.metadata.row_group(2).num_rows
        with pytest.raises(BenchError, match="trials"):
            database.rows("SELECT 1 FROM trials")
