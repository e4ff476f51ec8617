"""The requests of workers on several clients: put together on the server's clock, and missed by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collect.archive.cut import summarise
from collect.archive.raw import RawTrial, client_of, dealt_of, read_trial
from collect.archive.workers import lost_workers
from tests.support.plans import small_plan
from tests.support.several import Client, write_several
from tests.support.synthetic import Setting, Truth

SPEC = small_plan(1, window_s=10).trials()[0]
SETTING = Setting(rps=400)


def read(folder: Path, **clients: Client) -> tuple[RawTrial, Truth]:
    spec, record, truth = write_several(folder, SPEC, SETTING, clients)
    return read_trial(folder, spec, record), truth


@pytest.mark.parametrize("offsets", [(0.0, 0.0, 0.0), (0.004, -0.3, 2.5), (-300.0, 300.0, 86400.0)])
def test_each_clients_requests_are_moved_by_its_own_clock(tmp_path: Path, offsets: tuple[float, ...]) -> None:
    clients = {f"client{n + 1}": Client(workers=2, offset_s=offset) for n, offset in enumerate(offsets)}
    raw, truth = read(tmp_path, **clients)
    assert sorted(raw.requests.workers) == [f"worker-{n}" for n in range(1, 7)]
    assert np.sort(raw.requests.end) == pytest.approx(np.sort(truth.ends), abs=1e-5)
    row = summarise(raw, "run")
    assert abs(row["requests"] - truth.inside().sum()) <= 2
    assert abs(row["redis_gets_diff"]) <= SPEC.cell.users
    assert row["generator_cpu_cores"] == pytest.approx(0.9)
    assert (row["validity"], row["reasons"]) == ("valid", [])


def test_the_record_says_where_a_worker_ran() -> None:
    record: dict[str, Any] = {
        "clients": {"a": {"instances": ["primary", "worker-2"]}, "b": {"instances": ["worker-1"]}}
    }
    dealt = dealt_of(record)
    assert [client_of(name, ["a", "b"], dealt) for name in ("primary", "worker-1", "worker-2")] == ["a", "b", "a"]
    assert dealt_of({"clients": {"a": {}, "b": {"clocks": []}}}) == {}


def test_who_did_its_part_is_not_missed(tmp_path: Path) -> None:
    raw, _ = read(tmp_path, client1=Client(workers=2), client2=Client())
    assert list(lost_workers(raw)) == []


def test_who_left_nothing_is_named(tmp_path: Path) -> None:
    spec, record, _ = write_several(tmp_path, SPEC, SETTING, {"client1": Client(), "client2": Client(workers=2)})
    for name in ("requests-worker-3.f64", "summary-worker-3.json"):
        (tmp_path / name).unlink()
    row = summarise(read_trial(tmp_path, spec, record), "run")
    assert row["validity"] == "invalid"
    assert "worker-3 on client2 left no requests" in row["reasons"]


@pytest.mark.parametrize(("until", "length"), [(6.0, 3.0), (99.0, 7.2)])
def test_who_falls_silent_while_others_do_not_is_named(tmp_path: Path, until: float, length: float) -> None:
    """For a while, or from some moment of the window on to the end."""
    raw, _ = read(tmp_path, client1=Client(), client2=Client(silent_s=(3.0, until)))
    (problem,) = lost_workers(raw)
    assert problem.startswith("worker-2 on client2 sent nothing for ")
    assert float(problem.split()[6]) == pytest.approx(length, abs=0.3)
    assert problem.endswith(" s while others did")
    assert summarise(raw, "run")["validity"] == "invalid"


def test_a_server_that_stands_still_for_all_is_nobodys_silence(tmp_path: Path) -> None:
    still = (3.0, 6.0)
    raw, _ = read(tmp_path, client1=Client(silent_s=still), client2=Client(silent_s=still))
    assert list(lost_workers(raw)) == []


def test_a_worker_without_users_may_be_silent(tmp_path: Path) -> None:
    spec, record, _ = write_several(tmp_path, SPEC, SETTING, {"client1": Client(), "client2": Client()})
    path = tmp_path / "requests-worker-2.f64"
    path.write_bytes(b"")
    for users, missed in ((0, []), (5, ["worker-2 on client2 sent nothing"])):
        summary = f'{{"instance": "worker-2", "users": {users}, "rows": 0, "outcomes": ["ok"]}}'
        (tmp_path / "summary-worker-2.json").write_text(summary)
        found = list(lost_workers(read_trial(tmp_path, spec, record)))
        assert [text.partition(" for ")[0] for text in found] == missed
