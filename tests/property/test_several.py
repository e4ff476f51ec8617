"""However the load is spread over clients, and whatever their clocks show, the archive finds the same requests."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collect.archive.by_client import by_client
from collect.archive.cut import summarise
from collect.archive.raw import read_trial
from collect.archive.window import find_window
from collect.archive.workers import lost_workers
from collect.verdicts import Ceilings
from tests.support.plans import small_plan
from tests.support.several import Client, write_several
from tests.support.synthetic import Setting

SPEC = small_plan(1, window_s=3).trials()[0]
CLIENT = st.builds(
    Client,
    workers=st.integers(0, 3),
    generator_cores=st.floats(0.01, 0.9),
    offset_s=st.floats(-400, 400),
    cpus=st.integers(1, 4),
)
FIRST = st.builds(Client, workers=st.integers(1, 3), offset_s=st.floats(-400, 400))


@settings(max_examples=8, deadline=None)
@given(first=FIRST, others=st.lists(CLIENT, max_size=2), rps=st.floats(100, 600))
def test_nothing_is_lost_on_the_way_from_several_clients(first: Client, others: list[Client], rps: float) -> None:
    clients = {f"client{number + 1}": client for number, client in enumerate([first, *others])}
    with tempfile.TemporaryDirectory() as folder:
        spec, record, truth = write_several(Path(folder), SPEC, Setting(rps=rps), clients)
        raw = read_trial(Path(folder), spec, record)
    assert np.sort(raw.requests.end) == pytest.approx(np.sort(truth.ends), abs=1e-5)
    assert list(lost_workers(raw)) == []
    row = summarise(raw, "run")
    parts = by_client(raw, find_window(raw), row, Ceilings())
    assert list(parts) == list(clients)
    assert sum(part["requests"] for part in parts.values()) == row["requests"]
    assert sum(part["users"] for part in parts.values()) == spec.cell.users
    assert sum(part["generator_cpu_cores"] for part in parts.values()) == pytest.approx(row["generator_cpu_cores"])
    assert [len(part["processes"]) for part in parts.values()] == [
        client.workers + (host == "client1") for host, client in clients.items()
    ]
