from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.checkout import Checkout
from tests.support.units import shown

pytestmark = pytest.mark.hosts

SATURATED_S = 10
LATEST = "cat $(ls -t /var/lib/bench/samples/*.jsonl | head -n 2)"


def rows(checkout: Checkout, host: str, since: float) -> list[dict[str, Any]]:
    """Return the rows that were due after ``since`` (unix seconds), oldest first."""
    found = [json.loads(line) for line in checkout.on(host, LATEST).splitlines() if line.endswith("}")]
    return sorted((row for row in found if row["tick"] > since), key=lambda row: float(row["tick"]))


@pytest.fixture
def saturated(provisioned: Checkout) -> Iterator[Checkout]:
    """A server host with two busy loops on its CPUs."""
    for n in (1, 2):
        provisioned.on("server1", f"systemd-run --quiet --unit=hog{n} sh -c 'while :; do :; done'")
    yield provisioned
    provisioned.on("server1", "systemctl stop hog1.service hog2.service")


def test_it_runs_on_all_hosts_niced_and_started_at_boot(provisioned: Checkout) -> None:
    for host in ("server1", "client1"):
        unit = shown(provisioned, host, "bench-collector.service", ["ActiveState", "Nice", "UnitFileState"])
        assert unit == {"ActiveState": "active", "Nice": "10", "UnitFileState": "enabled"}


def test_it_sees_the_memory_and_files_of_other_users(provisioned: Checkout) -> None:
    deadline = time.monotonic() + 20
    while not (redis := rows(provisioned, "server1", 0)[-1]["units"]["redis"])["pss"]:
        assert time.monotonic() < deadline, redis
        time.sleep(1)
    assert redis["fds"] > 3
    assert redis["rss"] >= redis["pss"] > 0


@pytest.mark.alone
def test_it_misses_no_tick_on_a_saturated_core(saturated: Checkout) -> None:
    began = float(saturated.on("server1", "date +%s.%N"))
    time.sleep(SATURATED_S + 1)
    seen = rows(saturated, "server1", began)
    assert len(seen) >= SATURATED_S
    assert sum(row["missed"] for row in seen) == 0
    late = sorted(row["t"] - row["tick"] for row in seen)
    assert late[len(late) // 2] < 0.1, late
