"""Which hosts share their CPUs, and that what these did is counted once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collect.archive.cut import summarise
from collect.archive.raw import read_trial
from collect.cpu_sets import by_cpu_set, share_cpus
from collect.plan import TrialSpec
from collect.verdicts.ceilings import Ceilings
from tests.support.plans import small_plan
from tests.support.several import CONTAINER, Client, write_several
from tests.support.synthetic import FACTS, Setting

SPEC: TrialSpec = small_plan(1, window_s=10).trials()[0]
BARE = CONTAINER | {"virtualisation": {"vm": "none", "container": "none"}}


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (CONTAINER, CONTAINER, True),
        (CONTAINER, CONTAINER | {"boot_time": CONTAINER["boot_time"] + 1.0}, True),
        (CONTAINER, CONTAINER | {"cpu_set": [2]}, False),
        (CONTAINER, CONTAINER | {"boot_time": CONTAINER["boot_time"] + 60}, False),
        (CONTAINER, CONTAINER | {"kernel_build": "#2 SMP"}, False),
        # Two machines of a lab that were switched on together.
        (BARE, BARE, False),
        (CONTAINER, BARE, False),
        ({}, {}, False),
        (FACTS, FACTS, False),
        ({key: value for key, value in CONTAINER.items() if key != "boot_time"}, CONTAINER, False),
    ],
)
def test_containers_of_one_kernel_may_share_cpus(one: dict[str, Any], other: dict[str, Any], shared: bool) -> None:
    assert share_cpus(one, other) == share_cpus(other, one) == shared


def test_hosts_are_grouped_by_the_cpus_that_they_share() -> None:
    facts = {"client1": CONTAINER, "client2": CONTAINER | {"cpu_set": [2]}, "client3": CONTAINER}
    assert by_cpu_set(facts, facts) == [["client1", "client3"], ["client2"]]
    assert by_cpu_set(facts, {}) == [["client1"], ["client2"], ["client3"]]


def test_cpus_that_two_clients_share_are_counted_once(tmp_path: Path) -> None:
    """What one of them uses is no neighbour's for the other."""
    mine, others = 0.30, 0.25 + 0.007  # with the collector and the system of the other
    clients = {
        "client1": Client(generator_cores=mine, foreign_cores=others + 0.01),
        "client2": Client(generator_cores=0.25, foreign_cores=mine + 0.007 + 0.01),
    }
    spec, record, _ = write_several(tmp_path, SPEC, Setting(), clients)
    raw = read_trial(tmp_path, spec, record)
    row = summarise(raw, "run", Ceilings(hosts={"server1": FACTS, "client1": CONTAINER, "client2": CONTAINER}))
    assert row["client_cpus"] == 1
    assert row["client_cpu_cores"] == pytest.approx(mine + others + 0.007 + 0.01)
    assert row["generator_cpu_cores"] == pytest.approx(0.55)
    assert row["client_foreign_cpu_cores"] == pytest.approx(0.01)
    assert (row["validity"], row["reasons"]) == ("valid", [])
    apart = summarise(raw, "run", Ceilings(hosts=dict.fromkeys(("client1", "client2"), BARE)))
    assert apart["client_cpus"] == 2
    assert apart["client_foreign_cpu_cores"] == pytest.approx(mine + others + 0.007 + 0.02)
    assert apart["validity"] == "degraded"


def test_machines_of_their_own_are_summed(tmp_path: Path) -> None:
    clients = {"client1": Client(cpus=4), "client2": Client(cpus=2, generator_cores=0.6)}
    spec, record, _ = write_several(tmp_path, SPEC, Setting(), clients)
    row = summarise(read_trial(tmp_path, spec, record), "run")
    assert row["client_cpus"] == 6
    assert row["generator_cpu_cores"] == pytest.approx(0.9)
    assert row["client_cpu_cores"] == pytest.approx(0.9 + 2 * 0.017)
