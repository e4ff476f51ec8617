"""One machine as server and client: refused, unless it is asked for; then measured, and the run says what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import HOSTS_S, SITE_S
from tests.support.bench import SMALL, collect, write_plan
from tests.support.checkout import Checkout
from tests.support.twice import twice

pytestmark = pytest.mark.hosts

SITE = "playbooks/site.yml"
ALLOWED = ("-e", "bench_same_host=true")
REFUSED = (
    "error: server1 is the same machine (client1): name another host, or measure on one machine by inventory/local;"
    " -e bench_same_host=true allows it"
)


@pytest.fixture(scope="module")
def fresh(new_checkout: Callable[[], Checkout]) -> Checkout:
    """Hosts of their own: one of them is going to be both."""
    checkout = new_checkout()
    checkout.play("playbooks/hosts.yml", timeout_s=HOSTS_S)
    return checkout


@pytest.fixture(scope="module")
def inventory(fresh: Checkout) -> Iterator[str]:
    with twice(fresh) as path:
        yield path


def test_it_is_refused_in_one_line_and_nothing_is_changed(fresh: Checkout, inventory: str) -> None:
    played = fresh.play(SITE, "-i", inventory, fails=True)
    assert [line for line in played.output.splitlines() if line.startswith("error: ")] == [REFUSED]
    fresh.on("server1", "test ! -e /opt/bench && test ! -e /etc/bench")


@pytest.fixture(scope="module")
def both(fresh: Checkout, inventory: str) -> Checkout:
    """The machine, set up as both sides."""
    played = fresh.play(SITE, "-i", inventory, *ALLOWED, timeout_s=SITE_S)
    assert "warning: server1 is the same machine: " in played.output
    return fresh


def test_it_is_set_up_as_both(both: Checkout) -> None:
    for unit in ("bench-redis.service", "bench-collector.service"):
        assert both.on("server1", f"systemctl is-active {unit}").strip() == "active"


@pytest.mark.alone
def test_a_second_run_changes_nothing_and_what_is_measured_is_degraded_and_says_why(
    both: Checkout, inventory: str
) -> None:
    plan = write_plan(both, cells=[{**SMALL["cells"][0], "variant": "starlette-uvicorn"}])
    played = both.play("bench.yml", "-i", inventory, *ALLOWED, "-e", f"plan={plan}", timeout_s=SITE_S)
    provisioned, begun, _ = played.output.partition("Begin the run")
    assert begun
    assert " as it was " in provisioned
    assert " changed " not in provisioned, provisioned
    shown: dict[str, Any] = collect(both, "show", "latest", "--json")
    for trial in shown["trials"]:
        assert trial["validity"] != "invalid", trial["reasons"]
        assert abs(trial["redis_gets_total_diff"]) <= trial["users"]
    manifest = shown["manifest"]
    assert (manifest["inventory"], manifest["validity"]) == ("twice", "degraded")
    assert [reason for reason in manifest["reasons"] if reason.startswith("server1 is the same machine: ")]
    assert "same_machine_allowed" in {each["name"] for each in manifest["preflight"]["client1"]}
