"""A profile's CPU quota on real hosts: in the kernel during the load, gone after it, and felt by what is measured."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.integration.test_conditions import CELL, host_conditions
from tests.support.bench import RUN, until_load, write_plan
from tests.support.checkout import Checkout

pytestmark = [pytest.mark.hosts, pytest.mark.alone]

SLOW = {"slow": {"client_sysctls": {}, "cpu_quota": {"client": 0.5, "server": 0.8}}}
GROUP = "bench.slice/bench-measured.slice"
HOSTS, SITE, SITE_S = "playbooks/hosts.yml", "playbooks/site.yml", 400


@pytest.fixture
def granting(provisioned: Checkout) -> Iterator[Checkout]:
    """The provisioned hosts, each with a group for the CPU of its own."""
    needs = json.dumps({"bench_needs": ["cpu-quota"]})
    for playbook in (HOSTS, SITE):
        provisioned.play(playbook, "-e", needs, timeout_s=SITE_S)
    yield provisioned
    for playbook in (HOSTS, SITE):
        provisioned.play(playbook, timeout_s=SITE_S)


def kernels_quota(checkout: Checkout, host: str) -> str:
    """Return the CPU time a period that the kernel grants what is measured there; what it says where it grants all."""
    files = f"/sys/fs/cgroup/cpu*/{GROUP}/cpu.cfs_quota_us /sys/fs/cgroup/{GROUP}/cpu.max"
    said = checkout.on(host, f"cat {files} 2>/dev/null || true").split()
    return said[0] if said else "none"


def test_a_quota_slows_what_is_measured_and_is_taken_back(granting: Checkout) -> None:
    cell = {**CELL, "generator": "locust-http", "profile": "slow"}
    plan = write_plan(granting, cells=[cell], catalog={"profiles": SLOW}, window_s=4)
    with granting.start("ansible-playbook", RUN, "-e", f"plan={plan}") as process:
        until_load(granting, process)
        assert kernels_quota(granting, "client1") == "5000"
        assert kernels_quota(granting, "server1") == "8000"
        process.communicate(timeout=120)
    assert process.returncode == 0
    for host, share in (("client1", 0.5), ("server1", 0.8)):
        report = host_conditions(granting, host)
        assert report["restored"] is True
        assert set(report["set"].values()) == {f"{share:g}"}
        assert set(report["before"].values()) == set(report["after"].values()) == {"none"}
        assert report["quota"]["periods"] > 100
        assert kernels_quota(granting, host) in ("none", "-1", "max")
    # A single HttpUser process wants a whole core.
    assert host_conditions(granting, "client1")["quota"]["throttled"] > 100
