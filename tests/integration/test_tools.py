"""Debian's tools on the hosts: there, but idle; where one is missing and cannot be had, it is said and no more."""

from __future__ import annotations

import pytest

from tests.support.checkout import Checkout

pytestmark = pytest.mark.hosts


@pytest.mark.parametrize(
    ("host", "commands"), [("server1", "nginx iperf3 redis-benchmark"), ("client1", "wrk iperf3 redis-benchmark")]
)
def test_the_tools_are_there_and_serve_nothing(provisioned: Checkout, host: str, commands: str) -> None:
    assert len(provisioned.on(host, f"which {commands}").split()) == 3
    for unit in ("nginx", "iperf3"):
        assert provisioned.on(host, f"systemctl is-enabled {unit} || true").strip() == "masked"
    listening = provisioned.on(host, "ss -Hltn | awk '{print $4}'")
    assert not {":80", ":5201"} & {f":{line.rpartition(':')[2]}" for line in listening.splitlines()}


def test_what_is_missing_and_cannot_be_installed_costs_evidence_not_the_run(provisioned: Checkout) -> None:
    provisioned.on("client1", "mv /usr/bin/wrk /usr/bin/wrk.away")
    try:
        played = provisioned.play("playbooks/site.yml", "--tags", "tools")
    finally:
        provisioned.on("client1", "mv /usr/bin/wrk.away /usr/bin/wrk")
    assert played.changed == 0, "hosts on this machine reach no mirror"
    (note,) = [line for line in played.output.splitlines() if line.startswith("note: ")]
    assert note == (
        "note: no wrk (client1, which cannot install it): runs will not know a second generator to compare with; "
        "to know, install wrk there by hand"
    )
