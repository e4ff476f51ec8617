"""What holds up Redis' answers on the server host: provisioned where a plan needs it, started by a trial, hardened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.test_site import HARDENED
from tests.support.checkout import Checkout
from tests.support.units import shown

pytestmark = pytest.mark.hosts

UNIT = "bench-relay.service"
CONTROL = "env PYTHONPATH=/opt/bench/relay python3 -m relay."
WITH_PASSWORD = 'REDISCLI_AUTH="$(cat /etc/bench/redis.password)" /opt/bench/redis/bin/redis-cli'


def said(checkout: Checkout, command: str) -> Any:
    return json.loads(checkout.on("server1", CONTROL + command))


def gets(checkout: Checkout) -> int:
    """Return how many GETs Redis has counted."""
    told = checkout.on("server1", f"{WITH_PASSWORD} INFO commandstats")
    (line,) = [line for line in told.splitlines() if line.startswith("cmdstat_get:")] or ["calls=0,"]
    return int(line.split("calls=")[1].split(",")[0])


@pytest.fixture
def started(with_database: Checkout) -> Iterator[dict[str, Any]]:
    yield said(with_database, "control start --delay-ms 20")
    with_database.on("server1", f"systemctl stop {UNIT}")


def test_answers_come_late_and_are_counted_by_redis_as_ever(with_database: Checkout, started: dict[str, Any]) -> None:
    before = gets(with_database)
    answers = with_database.on("server1", f"{WITH_PASSWORD} -p {started['port']} -r 5 GET name").split()
    assert answers == ["async-bench"] * 5
    assert gets(with_database) - before == 5
    figures = said(with_database, "control stop")
    assert 20 <= figures["held_ms"]["p50_ms"] < 25
    if started["by"] == "relay":
        assert (figures["connections"], figures["answers"]) == (1, 6)  # with AUTH's


def test_it_is_hardened_and_a_trials_to_start(with_database: Checkout, started: dict[str, Any]) -> None:
    names = ["User", "Group", "Type", "Restart", "UnitFileState", "TimerSlackNSec", "ActiveState"]
    assert shown(with_database, "server1", UNIT, list(HARDENED)) == HARDENED
    assert shown(with_database, "server1", UNIT, names) == {
        "User": "bench-relay", "Group": "bench-relay", "Type": "notify", "Restart": "no", "UnitFileState": "static",
        "TimerSlackNSec": "1000", "ActiveState": "active",
    }  # fmt: skip
    if started["by"] == "relay":
        assert shown(with_database, "server1", UNIT, ["CapabilityBoundingSet"]) == {"CapabilityBoundingSet": ""}
        listening = with_database.on("server1", f"ss -Hltn 'sport = :{started['port']}'").split()
        assert f"127.0.0.1:{started['port']}" in listening


def test_the_collector_knows_its_cpu_as_its_own(with_database: Checkout, started: dict[str, Any]) -> None:
    with_database.on("server1", "sleep 2.5")
    last = with_database.on("server1", "tail -qn 1 $(ls /var/lib/bench/samples/* | tail -n 1)")
    units = json.loads(last)["units"]
    assert units["relay"]["procs"] == 1


def test_delays_are_measured_against_what_was_asked_for(with_database: Checkout) -> None:
    found = said(with_database, "measure --delays 0 5 --key name")
    with_database.on("server1", f"systemctl stop {UNIT}")
    assert [each["asked_ms"] for each in found["delays"]] == [0, 5]
    none, five = found["delays"]
    assert found["direct"]["p50_ms"] < 5
    assert none["p50_ms"] < 5
    assert 5 <= five["p50_ms"] < 10


def test_without_a_need_there_is_nothing_of_it(with_database: Checkout) -> None:
    units = json.loads(with_database.on("client1", "cat /etc/bench/collector.json"))["units"]
    assert "relay" not in units
    assert with_database.on("client1", f"systemctl cat {UNIT} 2>&1 || true").startswith("No files found")
